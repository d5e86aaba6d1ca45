"""What belongs to an exchange is done at once, or the long way where it must."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from pytest_django.plugin import DjangoDbBlocker

from approvals import clock
from audit import at_once, prepared, unchanged
from audit.actor import Actor
from audit.at_once import Part
from audit.models import EventRow
from audit.record import Draft
from auth0_client.vault import VaultToken
from connections import broker, drift
from connections.caller_rules import Declared
from connections.just_in_time.setting import Setting
from connections.models import ConnectedAccount, Freeze, FrozenKind, State, Use
from connections.observed import Seen
from connections.picking import Picked
from connections.refusals import TokenRefusal
from portal import liveness
from tests.audit.own_database import own_database

ISS, SUB = "https://issuer/", "auth0|somebody"


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """No transaction around the test, which would be that of another thread."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def postgresql(db: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no wire")


@pytest.fixture
def elsewhere(db: None, tmp_path: Path) -> Iterator[Callable[[Callable[[], Any]], Any]]:
    """Does work in a thread whose connection is of a database of its own, and commits."""

    def do(work: Callable[[], Any]) -> Any:
        return threads.submit(work).result(30)

    with own_database(tmp_path), ThreadPoolExecutor(1) as threads:
        try:
            yield do
        finally:
            do(lambda: connection.close())  # of that thread


def connected(id: str = "cac_1") -> ConnectedAccount:
    return drift.appeared(ISS, SUB, drift.Fact(id, "github", ("repo",), None, None), "x")


def handing(account: ConnectedAccount, *, lasts: bool = True) -> broker._Handing:
    """A token of this account that is about to leave, found to be allowed just now."""
    actor = Actor(iss=ISS, sub=SUB, via="broker")
    [client, *_] = settings.ENV.broker_clients
    ask = broker.Ask(actor, "token", client, "github", agent="claw")
    now = clock.now()
    use = Seen(account, "claw", "", now, now if lasts else None)
    admitted = broker._Admitted(
        Picked(account), (account,), Declared(None), frozenset(), Setting(), unchanged.mark()
    )
    token = VaultToken("secret", "Bearer", frozenset({"repo"}), 300, "5f")
    return broker._Handing(ask, use, admitted, token, ())


def hand_out(one: broker._Handing) -> Any:
    """The event, or the refusal."""
    draft = Draft(actor=one.ask.actor, action="token.exchanged", agent="claw", connection="github")
    try:
        return broker._together.write(one, [draft])
    except TokenRefusal as refusal:
        return refusal


def counted() -> list[int]:
    return list(Use.objects.values_list("count", flat=True))


def exchanged() -> int:
    return EventRow.objects.filter(action="token.exchanged").count()


def test_a_known_use_takes_one_message(
    postgresql: None, elsewhere: Callable[[Callable[[], Any]], Any]
) -> None:
    def work() -> int:
        account = connected()
        hand_out(handing(account))  # the first goes the long way: its row of uses is new
        one = handing(account)
        with CaptureQueriesContext(connection) as said:
            hand_out(one)
        assert counted() == [2]
        assert exchanged() == 2
        return len(said)

    assert elsewhere(work) == 1


def test_uses_of_one_moment_are_counted_each(
    elsewhere: Callable[[Callable[[], Any]], Any],
) -> None:
    def work() -> None:
        one, other = connected(), connected("cac_2")
        hand_out(handing(one))
        hand_out(handing(other, lasts=False))
        uses = [(one, True), (other, False), (one, False), (one, True)]
        handed = [handing(account, lasts=lasts) for account, lasts in uses]
        parts = broker._hoped(handed[::-1])
        assert parts is not None
        assert at_once.done(parts)
        assert not connection.in_atomic_block
        found = {use.account_id: (use.count, use.last) for use in Use.objects.all()}
        last = [one.use.at for one in handed if one.use]
        assert found == {one.pk: (4, last[3]), other.pk: (2, last[1])}
        for account in (one, other):
            account.refresh_from_db()
        assert (one.last_used_at, one.last_token_expires_at) == (last[3], last[3])
        assert (other.last_used_at, other.last_token_expires_at) == (last[1], None)

    elsewhere(work)


@pytest.mark.parametrize("known", [True, False])
def test_a_freeze_meanwhile_drops_the_token(
    elsewhere: Callable[[Callable[[], Any]], Any], known: bool
) -> None:
    def work() -> None:
        account = connected()
        if known:
            hand_out(handing(account))
        one, before = handing(account), (counted(), exchanged())
        Freeze.objects.create(kind=FrozenKind.AGENT, name="claw", since=clock.now())
        said = hand_out(one)
        assert isinstance(said, TokenRefusal)
        assert said.code == "frozen"
        assert (counted(), exchanged()) == before

    elsewhere(work)


def test_a_suspended_account_meanwhile_drops_the_token(
    elsewhere: Callable[[Callable[[], Any]], Any],
) -> None:
    def work() -> None:
        account = connected()
        hand_out(handing(account))
        one = handing(account)
        ConnectedAccount.objects.update(state=State.SUSPENDED)
        assert isinstance(hand_out(one), TokenRefusal)
        assert (counted(), exchanged()) == ([1], 1)

    elsewhere(work)


def test_another_change_meanwhile_lets_it_leave(
    elsewhere: Callable[[Callable[[], Any]], Any],
) -> None:
    def work() -> None:
        account = connected()
        hand_out(handing(account))
        one = handing(account)
        Freeze.objects.create(kind=FrozenKind.AGENT, name="other", since=clock.now())
        assert not isinstance(hand_out(one), TokenRefusal)
        assert (counted(), exchanged()) == ([2], 2)

    elsewhere(work)


def test_who_listens_is_told_of_each_statement(
    elsewhere: Callable[[Callable[[], Any]], Any],
) -> None:
    def work() -> None:
        hand_out(handing(connected()))
        one = handing(ConnectedAccount.objects.get())
        with CaptureQueriesContext(connection) as said:
            hand_out(one)
        told = " ".join(query["sql"] for query in said)
        assert "audit_lastchange" in told
        assert 'INSERT INTO "audit_event"' in told
        assert (counted(), exchanged()) == ([2], 2)

    elsewhere(work)


def test_a_turn_gives_its_connection_back(
    postgresql: None, elsewhere: Callable[[Callable[[], Any]], Any]
) -> None:
    def work() -> None:
        account = connected()
        hand_out(handing(account))
        connection.close()
        hand_out(handing(account))
        assert connection.connection is None
        assert (counted(), exchanged()) == ([2], 2)

    elsewhere(work)


def test_two_processes_write_one_after_the_other(
    elsewhere: Callable[[Callable[[], Any]], Any],
) -> None:
    """Whoever finds the file taken waits for it, here as in Django's own transaction."""

    def work() -> None:
        account = connected()
        hand_out(handing(account))
        with ThreadPoolExecutor(4) as more:

            def one(_: int) -> Any:
                try:
                    return hand_out(handing(account))
                finally:
                    connection.close()

            said = list(more.map(one, range(12)))
        assert not [one for one in said if isinstance(one, Exception)]
        assert (counted(), exchanged()) == ([13], 13)

    elsewhere(work)


def test_what_fails_on_the_way_leaves_nothing_and_a_connection_that_works(
    elsewhere: Callable[[Callable[[], Any]], Any],
) -> None:
    wrong = {
        "postgresql": "SELECT 1 WHERE 'x'::text::int = 1",
        "sqlite": "SELECT 1 WHERE abs(-9223372036854775808) = 1",
    }

    def work() -> None:
        account = connected()
        reason = 'UPDATE "connections_connectedaccount" SET "state_reason" = %s'
        changes = Part(f"{reason} RETURNING 1", ["changed"], rows=1)
        assert not at_once.done([changes, Part("SELECT 1 WHERE %s = 2", [1], rows=1)])
        assert not at_once.done([changes, Part(f"{reason} WHERE false RETURNING 1", ["x"], 1)])
        with pytest.raises(DatabaseError):
            at_once.done([changes, Part(wrong[connection.vendor], rows=1)])
        account.refresh_from_db()
        assert account.state_reason != "changed"
        strange = Part("SELECT 1 WHERE '%%s; ''' = %s", ["%s; '"], rows=1)
        assert at_once.done([changes, strange])
        account.refresh_from_db()
        assert account.state_reason == "changed"

    elsewhere(work)


@pytest.mark.parametrize("shortly", [False, True])
def test_a_connection_that_the_server_ended_is_not_handed_out_again(
    postgresql: None, elsewhere: Callable[[Callable[[], Any]], Any], shortly: bool
) -> None:
    def asked() -> tuple[int]:
        if shortly:
            return prepared.rows("SELECT 1")[0]
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                found: tuple[int] = cursor.fetchone()
        finally:
            connection.close()
        return found

    def end_all() -> int:
        own = _parameters()
        theirs = "FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        with psycopg.connect(**own, autocommit=True) as other:
            name = [own["dbname"]]
            ended = other.execute(
                f"SELECT pid, pg_terminate_backend(pid) {theirs}", name
            ).fetchall()
            pids = [pid for pid, _ in ended]
            left = "SELECT 1 FROM pg_stat_activity WHERE pid = ANY(%s)"
            while other.execute(left, [pids]).fetchone():
                time.sleep(0.01)
        return len(ended)

    def work() -> None:
        assert asked() == (1,)
        assert end_all() >= 1
        assert asked() == (1,)

    elsewhere(work)


def test_what_nobody_doubts_is_not_asked(postgresql: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    with psycopg.connect(**_parameters(), autocommit=True) as one:
        execute = one.execute

        def note(sql: str) -> Any:
            asked.append(sql)
            return execute(sql)

        monkeypatch.setattr(one, "execute", note)
        for _ in range(3):
            liveness.check_if_in_doubt(one)
        assert len(asked) == 1  # it was not known
        monkeypatch.setattr(liveness, "DOUBTED_AFTER_S", 0.0)
        liveness.check_if_in_doubt(one)
        assert len(asked) == 2


def _parameters() -> dict[str, Any]:
    known = connection.get_connection_params()
    return {key: known[key] for key in ("host", "user", "dbname")}
