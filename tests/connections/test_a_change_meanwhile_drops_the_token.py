"""What changed while Auth0 was asked decides whether a token is returned; each use is counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from approvals import clock
from audit.models import EventRow
from audit.recording.actors import Actor
from auth0_client.token_vault import VaultToken
from connections.broker import token_broker
from connections.broker.account_choice import Picked
from connections.broker.errors import TokenRefusal
from connections.models import ConnectedAccount, Freeze, FrozenKind, State, Use
from connections.sync import update_accounts
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
    return update_accounts.appeared(
        ISS, SUB, update_accounts.Fact(id, "github", ("repo",), None, None), "x"
    )


type Handing = tuple[token_broker.Ask, token_broker._Admitted, VaultToken]


def handing(account: ConnectedAccount, *, lasts: bool = True, hint: str = "583231") -> Handing:
    """A token of this account that is about to leave, found to be allowed just now; without a hint
    the vault chose it."""
    actor = Actor(iss=ISS, sub=SUB, via="broker")
    [client, *_] = settings.ENV.broker_clients
    ask = token_broker.Ask(actor, "token", client, "github", agent="claw")
    admitted = token_broker._Admitted(Picked(account, hint), (account,), frozenset())
    expires_in = 300 if lasts else None
    return ask, admitted, VaultToken("secret", "Bearer", frozenset({"repo"}), expires_in, "5f")


def hand_out(one: Handing) -> Any:
    """What the gateway gets, or the refusal."""
    try:
        return token_broker._hand_out(*one, (), shared=False)
    except TokenRefusal as refusal:
        return refusal


def counted() -> list[int]:
    return list(Use.objects.values_list("count", flat=True))


def exchanged() -> int:
    return EventRow.objects.filter(action="token.exchanged").count()


def test_each_use_is_counted(elsewhere: Callable[[Callable[[], Any]], Any]) -> None:
    def work() -> None:
        one, other = connected(), connected("cac_2")
        for account, lasts in ((one, True), (other, False), (one, False), (one, True)):
            assert not isinstance(hand_out(handing(account, lasts=lasts)), TokenRefusal)
        found = {use.account_id: (use.count, use.last) for use in Use.objects.all()}
        for account in (one, other):
            account.refresh_from_db()
        assert found == {one.pk: (3, one.last_used_at), other.pk: (1, other.last_used_at)}
        assert one.last_used_at is not None
        assert one.last_token_expires_at == one.last_used_at + timedelta(seconds=300)
        assert other.last_token_expires_at is None

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


def test_a_token_that_the_vault_chose_is_dropped_where_another_account_is_suspended_meanwhile(
    elsewhere: Callable[[Callable[[], Any]], Any],
) -> None:
    def work() -> None:
        one, other = connected(), connected("cac_2")
        ConnectedAccount.objects.filter(pk=other.pk).update(state=State.NEEDS_RECONNECT)
        assert not isinstance(hand_out(handing(one, hint="")), TokenRefusal)
        ConnectedAccount.objects.filter(pk=other.pk).update(state=State.SUSPENDED)
        for told in ("", "583231"):  # Auth0 may report the user id meanwhile
            ConnectedAccount.objects.filter(pk=one.pk).update(provider_user=told)
            said = hand_out(handing(one, hint=""))
            assert isinstance(said, TokenRefusal) and said.code == "connection_suspended"
        assert not isinstance(hand_out(handing(one, hint="583231")), TokenRefusal)
        assert (counted(), exchanged()) == ([2], 2)

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


def test_no_connection_is_held_while_auth0_is_asked(
    postgresql: None,
    elsewhere: Callable[[Callable[[], Any]], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held: list[object] = []

    def exchange(*_: object) -> tuple[VaultToken, bool]:
        held.append(connection.connection)
        return one[2], False

    monkeypatch.setattr("connections.broker.exchange.exchange", exchange)
    one = elsewhere(lambda: handing(connected()))
    assert elsewhere(lambda: token_broker.token_for(one[0])).access_token == "secret"
    assert held == [None]
    assert elsewhere(exchanged) == 1


def test_two_processes_write_one_after_the_other(
    elsewhere: Callable[[Callable[[], Any]], Any],
) -> None:
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


def test_a_connection_that_the_server_ended_is_not_handed_out_again(
    postgresql: None, elsewhere: Callable[[Callable[[], Any]], Any]
) -> None:
    def asked() -> tuple[int]:
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


def _parameters() -> dict[str, Any]:
    known = connection.get_connection_params()
    return {key: known[key] for key in ("host", "user", "dbname")}
