"""Lists that people open every day: as many queries for many rows as for few."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import clock
from approvals.models import Approval
from approvals.pipeline.service import perform
from audit.recording.actors import Target
from connections.component_manifests import manifest_store
from connections.component_manifests.manifest_store import Declaration
from connections.models import ConnectedAccount, ConnectionSetting, Freeze, Need, Use
from tests.connections.campaign import connected, person
from tests.connections.visitor import Gateway, know, subject
from tests.support.pages import keep_the_shell, signed_in


def queries(read: Callable[[], Any]) -> list[str]:
    """What is asked, without what only a first request asks."""
    read()
    with CaptureQueriesContext(connection) as asked:
        read()
    return [query["sql"] for query in asked]


def ask_for(number: int) -> None:
    """So many requests, each about an account of a member, to another admin."""
    for _ in range(number):
        account = connected("member1")
        target = Target("connection", str(account.pk))
        perform(person("admin", "admin"), "connection.revoke", target, reason="a leak")


def test_the_list_of_approvals_asks_the_same_however_long(
    gateway: Callable[[str], Gateway],
) -> None:
    know("admin", "admin2", "member1")
    ask_for(2)
    auditor = gateway("auditor")

    def read() -> None:
        answer = auditor.call("GET", "/v1/approvals?limit=200")
        items = answer.json()["items"]
        assert len(items) == Approval.objects.count() and all(one["asks"] for one in items)

    few = queries(read)
    ask_for(6)
    many = queries(read)
    assert len(many) == len(few), "\n".join(many)


def freeze(*subs: str) -> None:
    for sub in subs:
        Freeze.objects.create(kind="person", name=sub, reason="x", by="a", since=clock.now())


def test_the_page_of_freezes_asks_the_same_however_many(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_the_shell(monkeypatch)
    know("admin", "member1", "member2", "operator")
    amir = signed_in("admin", "admin")
    shown: list[str] = []

    def read() -> None:
        shown[:] = [amir.get("/connections/freeze/").content.decode()]

    freeze(subject("member1"), "auth0|nobody-known")
    few = queries(read)
    freeze(subject("member2"), subject("operator"), "auth0|nobody-else")
    many = queries(read)
    assert len(many) == len(few), "\n".join(many)
    assert "Milo Member" in shown[0] and "auth0|nobody-else" in shown[0]


def offer_and_need(names: list[str]) -> None:
    """Services that a member may connect, has connected, used, and is asked for by a component."""
    now = clock.now()
    for name in names:
        ConnectionSetting.objects.create(name=name, connectable=True, seen_at=now)
        declared = {"connections": [{"connection": name, "scopes": ["read"]}]}
        manifest_store.declare_shipped("mcp", f"{name}-mcp", Declaration.model_validate(declared))
        account = connected("member1", name)
        Use.objects.create(account=account, agent="claw", count=1, first=now, last=now)
        Need.objects.create(
            iss=settings.ENV.issuer,
            sub=subject("member1"),
            connection=name,
            kind="mcp",
            name=f"{name}-mcp",
            asked_at=now,
        )


def test_my_connections_ask_the_same_however_many(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_the_shell(monkeypatch)
    know("member1")
    offer_and_need(["one", "two"])
    mia = signed_in("member1")

    def read() -> None:
        page = mia.get("/connections/")
        assert page.status_code == 200
        accounts = ConnectedAccount.objects.count()
        assert page.content.decode().count("one-mcp") and accounts

    few = queries(read)
    offer_and_need([f"service-{n}" for n in range(6)])
    many = queries(read)
    assert len(many) == len(few), "\n".join(many)


def test_the_page_of_scope_rules_asks_the_same_however_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep_the_shell(monkeypatch)
    know("admin", "member1")
    amir = signed_in("admin", "admin")
    shown: list[str] = []

    def read() -> None:
        shown[:] = [amir.get("/connections/scopes/").content.decode()]

    offer_and_need(["one", "two"])
    few = queries(read)
    offer_and_need([f"service-{n}" for n in range(6)])
    many = queries(read)
    assert len(many) == len(few), "\n".join(many)
    assert "service-5" in shown[0]
