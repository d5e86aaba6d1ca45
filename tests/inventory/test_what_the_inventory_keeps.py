"""What a process keeps of the inventory is never older than the database, whoever changes it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django.plugin import DjangoDbBlocker

from approvals import clock
from audit.actor import SYSTEM
from audit.clock import uuid7
from connections import inventory, manifests
from connections.inventory import journal, kept, telling
from connections.models import AccountChange, ConnectedAccount, Freeze, JustInTime, Use
from tests.audit.own_database import own_database
from tests.connections.town import (
    QUERIES,
    known_at,
    matches,
    same_facets,
    same_pages,
    settle,
)  # fmt: skip

DECLARED = manifests.Declaration.model_validate(
    {"connections": [{"connection": "github", "scopes": ["read:user", "repo"]}]}
)


@pytest.fixture
def own(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """A database whose changes are committed, in a process that starts now."""
    monkeypatch.setattr(kept, "_newest", None)
    monkeypatch.setattr(journal, "_told_here", {})
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
        manifests.declare_shipped("mcp", "github-mcp", DECLARED)
        settle(45)


def same(now: datetime, *, pages: bool = False) -> dict[str, int]:
    """A look is what a plain walk finds; what the facets of everything were."""
    known, told = known_at(now), dict[str, int]()
    for given in QUERIES:
        for group in inventory.GROUPS if pages else ("service",):
            query, _ = inventory.parse({**given, "group": [group]})
            found = inventory.look(SYSTEM, query, now, size=7)
            meant = {pk for pk, values in known.items() if matches(values, query)}
            assert found.total == len(meant), given
            assert not found.loose and found.people is not None, "not from what is kept"
            same_facets(found, query, known)
            if pages:
                same_pages(query, now, known, meant)
            told |= {f"{given}": found.total}
            told |= {f"{given}{k}{v}": n for k, c in found.facets.items() for v, n in c.items()}
    return told


def test_counts_groups_and_pages_are_those_of_a_plain_walk(own: None) -> None:
    def work() -> None:
        town()
        now = clock.now()
        same(now, pages=True)
        fill_more()
        same(now, pages=True)  # those that came later stand behind the others
        for days in (3, 9, 40, 200):
            same(now + timedelta(days=days))

    elsewhere(work)


@transaction.atomic
def fill_more() -> None:
    """Accounts whose ids are not the highest."""
    for account in ConnectedAccount.objects.filter(connection="slack").order_by("pk")[:5]:
        used, before = list(account.uses.all()), account.pk
        account.pk, account.auth0_id = type(before)(int=before.int - 1), f"{account.auth0_id}-2"
        account.save(force_insert=True)
        for use in used:
            use.pk, use.account = None, account
            use.save(force_insert=True)


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
    "manifest": lambda now: manifests.declare_shipped(
        "mcp",
        "other",
        manifests.Declaration.model_validate(
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


def test_every_kind_of_change_is_seen_at_the_next_look(own: None) -> None:
    def work() -> None:
        town()
        now = clock.now()
        before = same(now)
        for name, change in CHANGES.items():
            if connection.vendor == "sqlite":
                change(now)
            else:
                elsewhere(lambda change=change: change(now))  # type: ignore[misc]
            after = same(now)
            assert after != before, f"{name} changed nothing"
            before = after

    elsewhere(work)


def test_only_what_changed_is_read_again(own: None) -> None:
    def work() -> None:
        town()
        same(clock.now())
        made = id(kept._newest and kept._newest.kept)
        update(state="suspended")(clock.now())
        Use.objects.update(count=7, last=clock.now())  # said by no facet
        one().update(seen_at=clock.now(), failures=3)
        told = journal.read(kept._newest.upto if kept._newest else 0)
        assert told and len(told.accounts) <= (1 if connection.vendor == "sqlite" else 1_000)
        with CaptureQueriesContext(connection) as seen:
            inventory.look(SYSTEM, inventory.Query(), clock.now())
        assert len(seen) <= 12, [query["sql"][:80] for query in seen]
        assert id(kept._newest and kept._newest.kept) == made

    elsewhere(work)


def test_uses_within_an_hour_keep_an_account_awake(own: None) -> None:
    """They are not told; who could have fallen asleep meanwhile is asked for."""

    def work() -> None:
        town()
        hour = datetime(2026, 3, 3, 10, tzinfo=clock.now().tzinfo)
        ConnectedAccount.objects.update(
            state="connected", state_since=hour - timedelta(days=9), connection="slack",
            watched_since=hour - timedelta(days=9), expires_at=None, last_used_at=hour,
            elsewhere_on=None,
        )  # fmt: skip
        JustInTime.objects.update(idle_h=24)
        Freeze.objects.all().delete()
        now = hour + timedelta(hours=24, minutes=20)
        asleep = same(now)["{'state': ['asleep', 'frozen']}"]
        upto = kept._newest.upto if kept._newest else 0
        ConnectedAccount.objects.filter(sub="p1").update(last_used_at=hour + timedelta(minutes=40))
        if connection.vendor == "sqlite":
            told = journal.read(upto)
            assert told and not told.accounts, "a use within the hour was told"
        awake = ConnectedAccount.objects.filter(sub="p1").count()
        assert same(now)["{'state': ['asleep', 'frozen']}"] == asleep - awake
        assert same(now + timedelta(minutes=20))["{'state': ['asleep', 'frozen']}"] == asleep

    elsewhere(work)


def test_a_transaction_that_commits_late_is_not_missed(own: None) -> None:
    """On PostgreSQL it began before others that were seen already."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    begun, go_on = threading.Event(), threading.Event()

    def late() -> None:
        with transaction.atomic():
            update(state="suspended")(clock.now())
            begun.set()
            assert go_on.wait(30)

    def work() -> None:
        town()
        before = same(clock.now())
        thread = threading.Thread(target=lambda: elsewhere(late))
        thread.start()
        assert begun.wait(30)
        elsewhere(lambda: Use.objects.create(
            account=one()[5], agent="n", skill="n", count=1, first=clock.now(), last=clock.now()
        ))  # fmt: skip
        assert same(clock.now()) != before
        go_on.set()
        thread.join(30)
        same(clock.now())

    elsewhere(work)


def test_what_is_undone_is_not_kept_and_a_transaction_sees_its_own(own: None) -> None:
    def work() -> None:
        town()
        now = clock.now()
        before = same(now)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            ConnectedAccount.objects.all().delete()
            with kept.looking() as known:
                assert known is None
            assert inventory.look(SYSTEM, inventory.Query(), now).total == 0
            raise ZeroDivisionError
        assert same(now) == before

    elsewhere(work)


def test_nothing_is_kept_where_a_trigger_is_missing(own: None) -> None:
    def work() -> None:
        town()
        assert telling.problems() == []
        name, (table, _) = next(iter(telling._triggers(connection.vendor).items()))
        _sql(f"DROP TRIGGER {name}" + ("" if connection.vendor == "sqlite" else f" ON {table}"))
        assert [name in problem for problem in telling.problems()] == [True]
        with kept.looking() as known:
            assert known is None

    elsewhere(work)


def test_all_is_read_anew_where_changes_may_have_been_lost(
    own: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work() -> None:
        town()
        same(clock.now())
        fill_more()
        AccountChange.objects.all().delete()  # as emptying all tables at once does
        same(clock.now())
        monkeypatch.setattr(kept, "_AGAIN", 3)
        ConnectedAccount.objects.filter(connection="github").update(state="suspended")
        same(clock.now())
        if connection.vendor == "postgresql":
            _sql("TRUNCATE connections_connectedaccount CASCADE")
            assert same(clock.now())["{}"] == 0
        monkeypatch.setattr(kept, "MOST", -1)
        monkeypatch.setattr(kept, "_newest", None)
        with kept.looking() as known:
            assert known is None

    elsewhere(work)


def test_within_a_transaction_nothing_is_kept(db: None) -> None:
    with kept.looking() as known:
        assert known is None
