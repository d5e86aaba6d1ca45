"""A deletion that Auth0 answers writes over nothing that was decided meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest

from approvals import auth0_clients, clock
from audit.models import EventRow
from audit.recording.stored_event_loader import load
from connections.auth_ibom.replay import ACTIONS, Inventory
from connections.models import ConnectedAccount, State
from connections.revocation import deletion_step
from tests.connections.decided import decide, fresh, person
from tests.connections.test_what_others_restricted import arrives
from tests.connections.visitor import know

pytestmark = pytest.mark.django_db


@pytest.fixture
def mias() -> ConnectedAccount:
    know("admin", "member1")
    return arrives("cac_1")


def connect_again(_account: ConnectedAccount) -> None:
    arrives("cac_1")


def take_back(account: ConnectedAccount) -> None:
    ConnectedAccount.objects.filter(pk=account.pk).update(delete_after=clock.now() + timedelta(1))
    decide("member1", "resume", account)


def erase(account: ConnectedAccount) -> None:
    ConnectedAccount.objects.filter(pk=account.pk).delete()


def deletes(
    account: ConnectedAccount,
    meanwhile: Callable[[ConnectedAccount], None],
    monkeypatch: pytest.MonkeyPatch,
) -> deletion_step.Deletion:
    """Its owner's browser brings the token; something is decided while Auth0 is asked."""
    past = clock.now() - timedelta(seconds=1)
    ConnectedAccount.objects.filter(pk=account.pk).update(delete_after=past)
    me = person("member1")
    asked = SimpleNamespace(delete=lambda _token, _id: meanwhile(account))
    monkeypatch.setattr(auth0_clients, "auth0", lambda: SimpleNamespace(my_account=asked))
    [done] = deletion_step.delete_due(me.iss, me.sub, "token")
    return done


def in_the_log(account: ConnectedAccount) -> str:
    inventory = Inventory()
    for index, row in enumerate(EventRow.objects.filter(action__in=ACTIONS).order_by("event")):
        inventory.take(load(row.event) | {"index": index})
    return inventory.accounts[str(account.pk)].state


@pytest.mark.parametrize("meanwhile", [connect_again, take_back])
@pytest.mark.parametrize("suspended", [False, True])
def test_what_was_decided_while_auth0_deletes_stays_as_the_log_has_it(
    mias: ConnectedAccount,
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: Callable[[ConnectedAccount], None],
    suspended: bool,
) -> None:
    if suspended:
        decide("admin", "suspend", mias, reason="incident")
    decide("member1", "revoke", mias)
    done = deletes(mias, meanwhile, monkeypatch)
    row = fresh(mias)
    assert row.state == in_the_log(mias) == (State.SUSPENDED if suspended else State.CONNECTED)
    assert row.deletion_detail == ""
    assert done.done and "meanwhile" in done.detail


def test_an_account_that_was_erased_while_auth0_deletes_is_deleted(
    mias: ConnectedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide("member1", "revoke", mias)
    assert deletes(mias, erase, monkeypatch).done


def test_a_deletion_that_nothing_meets_is_done(
    mias: ConnectedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide("member1", "revoke", mias)
    assert deletes(mias, lambda _account: None, monkeypatch).done
    assert fresh(mias).state == State.REVOKED
