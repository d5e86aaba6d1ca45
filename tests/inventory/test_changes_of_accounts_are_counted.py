"""The inventory counts every change of an account on its next page."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django.plugin import DjangoDbBlocker

from approvals import clock
from audit.clock import uuid7
from audit.recording.actors import SYSTEM
from connections import inventory
from connections.component_manifests import manifest_store
from connections.migrations._first_uses import mark_firsts
from connections.models import ConnectedAccount, Freeze, JustInTime, Use
from tests.audit.own_database import own_database
from tests.connections.town import (
    QUERIES,
    known_at,
    matches,
    same_facets,
    same_pages,
    settle,
)  # fmt: skip

DECLARED = manifest_store.Declaration.model_validate(
    {"connections": [{"connection": "github", "scopes": ["read:user", "repo"]}]}
)


@pytest.fixture
def own(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path: Path,
) -> Iterator[None]:
    """A database whose changes are committed, in a database of its own."""
    with django_db_blocker.unblock(), own_database(tmp_path):
        yield


def elsewhere(work: Callable[[], Any]) -> None:
    """In a thread, with a connection of its own."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    if failed:
        raise failed[0]


def town() -> None:
    with transaction.atomic():
        manifest_store.declare_shipped("mcp", "github-mcp", DECLARED)
        settle(45)


def same(now: datetime, *, pages: bool = False) -> dict[str, int]:
    """The inventory's pages are what a plain walk finds; returns the facets of everything."""
    known, told = known_at(now), dict[str, int]()
    for given in QUERIES:
        for group in inventory.GROUPS if pages else ("service",):
            query, _ = inventory.parse({**given, "group": [group]})
            found = inventory.look(SYSTEM, query, now, size=7)
            meant = {pk for pk, values in known.items() if matches(values, query)}
            assert found.total == len(meant), given
            same_facets(found, query, known)
            if pages:
                same_pages(query, now, known, meant)
            told |= {f"{given}": found.total}
            told |= {f"{given}{k}{v}": n for k, c in found.facets.items() for v, n in c.items()}
    return told


def one(**but: Any) -> Any:
    """An account that is connected and was used."""
    return ConnectedAccount.objects.filter(
        state="connected", connection="github", last_used_at__isnull=False, **but
    ).order_by("pk")


def update(**values: Any) -> Callable[[datetime], object]:
    return lambda now: one().filter(pk=one().values("pk")[:1]).update(**values)


def _use(now: datetime) -> object:
    return Use.objects.create(
        account=one()[0], agent="new", skill="mcp:new", count=1, first=now, last=now
    )


def _scopes(now: datetime) -> object:
    row = one()[0]
    row.scopes = ["a-scope-of-no-manifest"]
    return row.save()


def _sql(statement: str, *args: Any) -> object:
    with connection.cursor() as cursor:
        cursor.execute(statement, args)
        return cursor.rowcount


def _insert(now: datetime) -> object:
    row = one()[0]
    row.pk, row.auth0_id = uuid7(), "cac_new"
    return ConnectedAccount.objects.bulk_create([row], ignore_conflicts=True)


CHANGES: dict[str, Callable[[datetime], object]] = {
    "state": update(state="suspended"),
    "connection": update(connection="jira"),
    "source": update(source="elsewhere"),
    "scopes": _scopes,
    "grant expires": lambda now: ConnectedAccount.objects.filter(expires_at=None).update(
        expires_at=now + timedelta(days=3)
    ),
    "watched since": lambda now: ConnectedAccount.objects.filter(last_used_at=None).update(
        watched_since=now
    ),
    "woken": lambda now: ConnectedAccount.objects.filter(connection="slack").update(
        state_since=now
    ),
    "used": lambda now: ConnectedAccount.objects.filter(last_used_at=None).update(last_used_at=now),
    "used elsewhere": lambda now: ConnectedAccount.objects.update(elsewhere_on=now.date()),
    "never used elsewhere": lambda now: ConnectedAccount.objects.update(elsewhere_on=None),
    "never used": update(last_used_at=None),
    "owner": update(sub="somebody-else"),
    "new account": _insert,
    "account gone": lambda now: one()[0].delete(),
    "new use": _use,
    "use gone": lambda now: Use.objects.filter(agent="claw").delete(),
    "use renamed": lambda now: Use.objects.filter(agent="codex").update(agent="codex-2"),
    "use of another": lambda now: Use.objects.filter(pk=Use.objects.values("pk")[:1]).update(
        account=ConnectedAccount.objects.exclude(uses__isnull=False)[0]
    ),
    "person frozen": lambda now: Freeze.objects.create(
        kind="person", name=one()[0].sub, by="x", since=now
    ),
    "idle threshold": lambda now: JustInTime.objects.create(
        name="github", idle_h=24, changed_at=now, changed_by="x"
    ),
    "manifest": lambda now: manifest_store.declare_shipped(
        "mcp",
        "other",
        manifest_store.Declaration.model_validate(
            {"connections": [{"connection": "github", "scopes": ["gist"]}]}
        ),
    ),
    "plain SQL": lambda now: _sql(
        "UPDATE connections_connectedaccount SET state = 'needs_reconnect' "
        "WHERE state = 'connected' AND connection = 'github'"
    ),
    "everything frozen": lambda now: Freeze.objects.create(
        kind="service", name="*", by="x", since=now
    ),
    "all gone": lambda now: ConnectedAccount.objects.all().delete(),
}


def test_every_kind_of_change_is_counted_on_the_next_page(own: None) -> None:
    def work() -> None:
        town()
        now = clock.now()
        before = same(now, pages=True)
        for name, change in CHANGES.items():
            if connection.vendor == "sqlite":
                change(now)
            else:
                elsewhere(lambda change=change: change(now))  # type: ignore[misc]
            mark_firsts(Use)  # as its recorder does for each use that it writes
            after = same(now)
            assert after != before, f"{name} changed nothing"
            before = after

    elsewhere(work)


def test_a_transaction_counts_its_own_changes(db: None) -> None:
    town()
    before = inventory.look(SYSTEM, inventory.Query(), clock.now()).total
    one()[0].delete()
    assert inventory.look(SYSTEM, inventory.Query(), clock.now()).total == before - 1
