"""A component gets no credential before somebody allowed it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.db import connection

from approvals.pipeline.service import perform
from audit.models import EventRow
from audit.recording.actors import Actor, Target
from connections.component_manifests import (
    allow_required_before_credentials,
    enforcement_decision_hook,
    manifest_store,
)
from connections.models import AllowRule
from portal import hooks_between_apps
from tests.connections.visitor import Gateway, Visitor, know, subject

type Gateways = Callable[[str], Gateway]
type Visitors = Callable[[str], Visitor]
EVERYTHING = Target("service", "*")


@pytest.fixture(autouse=True)
def _decided_here(github_mcp: manifest_store.Declaration) -> None:
    """The decisions are those of the database, and nobody took one."""
    enforcement_decision_hook.answer_with(hooks_between_apps.decisions_of)


def opened() -> None:
    AllowRule.objects.create(id=1, open=True, changed_at="2026-01-01T00:00:00Z")


def admin() -> Actor:
    know("admin", "admin2")
    return Actor(
        iss=django_settings.ENV.issuer, sub=subject("admin"), roles=frozenset({"admin"}), via="api"
    )


def test_a_component_that_nobody_allowed_gets_no_token(gateway: Gateways) -> None:
    olu = gateway("operator")
    answer = olu.exchange()
    assert (answer.status_code, answer.json()["code"]) == (403, "component_not_allowed")
    row = EventRow.objects.get(action="token.refused")
    assert (row.outcome, str(row.event)) == ("denied", answer.json()["event_id"])
    assert row.sentence.endswith("no one allowed it")
    _allow()
    assert olu.exchange().status_code == 200


def _allow() -> None:
    asset = apps.get_model("enforcement", "Asset")
    asset.objects.create(kind="mcp", name="github-mcp", decision="allow")


def test_an_installation_in_use_stays_open_until_an_admin_requires_an_allow(
    gateway: Gateways, visitor: Visitors
) -> None:
    migration = importlib.import_module("connections.migrations.0019_allow_rule")
    migration.keep_open(apps, SimpleNamespace(connection=connection))
    assert gateway("operator").exchange().status_code == 200
    amir = visitor("admin")
    home = amir.get("/").content.decode()
    assert "Components that no one decided on get credentials" in home
    assert "/connections/scopes/" in home
    page = amir.get("/connections/scopes/").content.decode()
    assert page.index("Components that no one decided on get credentials") < page.index("<table")
    assert page.index("Require an allow") < page.index("<table")
    assert visitor("operator").post("/connections/allow/").status_code == 403
    assert amir.post("/connections/allow/").status_code == 302
    assert gateway("operator").exchange().json()["code"] == "component_not_allowed"
    assert "Components that no one decided on" not in amir.get("/").content.decode()
    page = amir.get("/connections/scopes/").content.decode()
    assert "refused (<code>component_not_allowed</code>)" in page and "t-warn" not in page
    changed = EventRow.objects.get(action="component.configured")
    assert changed.actor_sub == subject("admin")


def test_a_fresh_installation_begins_closed() -> None:
    manifest_store.remove("mcp", "github-mcp")
    migration = importlib.import_module("connections.migrations.0019_allow_rule")
    migration.keep_open(apps, SimpleNamespace(connection=connection))
    assert not allow_required_before_credentials.is_open()


def test_opening_waits_for_another_admin_and_closing_does_not() -> None:
    asked = perform(
        admin(), allow_required_before_credentials.VERB, EVERYTHING, params={"undecided": "open"}
    )
    assert asked.approval is not None
    assert [one.person.sub for one in asked.approval.asks.all()] == [subject("admin2")]
    assert not allow_required_before_credentials.is_open()
    opened()
    done = perform(
        admin(), allow_required_before_credentials.VERB, EVERYTHING, params={"undecided": "refuse"}
    )
    assert done.approval is None
    assert not allow_required_before_credentials.is_open()


def test_the_policy_page_says_that_the_component_is_asserted(visitor: Visitors) -> None:
    page: Any = visitor("admin").get("/approvals/policy/")
    assert (
        "a caller that gives another component&#x27;s name gets its rights" in page.content.decode()
    )
