"""A decision that commits while accounts are compared with Auth0, or another decides, stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from pytest_django.plugin import DjangoDbBlocker

from approvals import clock
from approvals.pipeline.service import perform
from audit.recording.actors import Target
from auth0_client.management_api import ManagedAccount
from connections.application_grants import consent_and_token_sync
from connections.lifecycle import restriction_stack
from connections.models import AccessKind, AccessState, AppAccess, ConnectedAccount, State
from connections.sync import connected_accounts, update_accounts
from tests.audit.own_database import own_database
from tests.connections.campaign import connected
from tests.connections.decided import decide, fresh, person, refusal
from tests.connections.visitor import know, subject
from tests.support.interleaved import elsewhere, held, reads, somebody_waits_for_a_lock

needs_row_locks = pytest.mark.skipif(
    "postgresql" not in str(settings.DATABASES["default"]["ENGINE"]),
    reason="SQLite lets one transaction write at a time, from its beginning",
)


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """No transaction around the test: its threads commit."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def mias(tmp_path: Path) -> Iterator[ConnectedAccount]:
    with own_database(tmp_path):
        yield elsewhere(_made).result(60)


def _made() -> ConnectedAccount:
    know("admin", "admin2", "member1")
    past = clock.now() - timedelta(days=1)
    account = connected("member1", "github", "read:user")
    ConnectedAccount.objects.update(state_since=past, seen_at=past)
    return fresh(account)


def now(work: Callable[[], Any]) -> Any:
    return elsewhere(work).result(60)


def listed(account: ConnectedAccount, *scopes: str) -> list[ManagedAccount]:
    return [
        ManagedAccount(
            id=account.auth0_id,
            connection=account.connection,
            connection_id="con_1",
            strategy=account.connection,
            access_type="offline",
            scopes=scopes,
            created_at=clock.now(),
            expires_at=None,
            organization_id=None,
        )
    ]


def compares(account: ConnectedAccount, found: list[ManagedAccount]) -> Callable[[], Any]:
    as_of = clock.now()
    return lambda: connected_accounts._settle(account.iss, account.sub, found, as_of, None)


ACCOUNTS = reads("connections_connectedaccount")


@pytest.mark.parametrize("verb", ["suspend", "revoke"])
def test_a_comparison_undoes_no_decision(mias: ConnectedAccount, verb: str) -> None:
    compare = compares(mias, listed(mias, "read:user", "repo"))
    with held(compare, after=ACCOUNTS) as comparison:
        now(lambda: decide("member1", verb, mias))
        comparison.goes_on()
    row = now(lambda: fresh(mias))
    assert row.state == {"suspend": State.SUSPENDED, "revoke": State.REVOCATION_PENDING}[verb]
    assert row.state_by == subject("member1")
    assert bool(row.operation and row.delete_after) == (verb == "revoke")


def test_a_comparison_still_tells_what_auth0_reports(mias: ConnectedAccount) -> None:
    now(compares(mias, listed(mias, "read:user", "repo")))
    assert now(lambda: fresh(mias)).scopes == ["read:user", "repo"]


def test_an_account_that_is_listed_again_meanwhile_is_not_gone(mias: ConnectedAccount) -> None:
    with held(compares(mias, []), after=ACCOUNTS) as comparison:
        seen = clock.now() + timedelta(seconds=1)
        now(lambda: ConnectedAccount.objects.filter(pk=mias.pk).update(seen_at=seen))
        comparison.goes_on()
    assert now(lambda: fresh(mias)).state == State.CONNECTED


def granted() -> AppAccess:
    past = clock.now() - timedelta(days=1)
    return AppAccess.objects.create(
        iss=settings.ENV.issuer, sub=subject("member1"), kind=AccessKind.GRANT, auth0_id="cgr_1",
        client_id="app", scopes=["read:a"], state_since=past, first_seen=past, seen_at=past,
    )  # fmt: skip


def test_reading_applications_undoes_no_revocation(mias: ConnectedAccount) -> None:
    row = now(granted)
    told = consent_and_token_sync.Listed(AccessKind.GRANT, "cgr_1", "app", (), ("read:a", "read:b"))
    as_of = clock.now()

    def read() -> None:
        consent_and_token_sync._compare(row.iss, row.sub, AccessKind.GRANT, [told], as_of)

    with held(read, after=reads("connections_appaccess")) as reader:
        target = Target("grant", str(row.pk))
        now(lambda: perform(person("member1"), "access.revoke", target))
        reader.goes_on()
    found = now(lambda: AppAccess.objects.get())
    assert (found.state, bool(found.operation)) == (AccessState.REVOKING, True)


@needs_row_locks
def test_an_owner_who_resumes_waits_for_the_admin_who_suspends(mias: ConnectedAccount) -> None:
    """The right to resume is judged while the admin's decision is under way, and again after."""
    now(lambda: decide("member1", "suspend", mias))

    def locks(sql: str) -> bool:
        return "FOR UPDATE" in sql and "connections_connectedaccount" in sql

    with held(lambda: decide("admin", "suspend", mias, reason="odd use"), after=locks) as admin:
        resumes = elsewhere(lambda: refusal("member1", "resume", mias))
        now(somebody_waits_for_a_lock)
        admin.goes_on()
    assert resumes.result(60) == "changed_meanwhile"
    assert now(lambda: refusal("member1", "resume", mias)) == "not_permitted"
    row = now(lambda: fresh(mias))
    assert (row.state, row.state_by) == (State.SUSPENDED, subject("admin"))
    assert [one.by for one in restriction_stack.layers(row)][1:] == [
        subject("member1"),
        subject("admin"),
    ]


# Gone at Auth0


def back(account: ConnectedAccount) -> update_accounts.Fact:
    return update_accounts.Fact(
        account.auth0_id, account.connection, tuple(account.scopes), None, None
    )


def comes_back(account: ConnectedAccount) -> ConnectedAccount:
    update_accounts.still_there(fresh(account), back(account), clock.now() + timedelta(seconds=1))
    return fresh(account)


@pytest.mark.parametrize("by", ["", "member1", "admin"])
def test_what_nobody_revoked_comes_back_as_it_was(mias: ConnectedAccount, by: str) -> None:
    def story() -> tuple[ConnectedAccount, ConnectedAccount]:
        if by:
            decide(by, "suspend", mias, reason="odd use")
        before = fresh(mias)
        assert update_accounts.vanished(before, "a wrong answer")
        assert fresh(mias).state == State.GONE
        return before, comes_back(mias)

    before, after = now(story)
    assert after.state == (State.SUSPENDED if by else State.CONNECTED)
    for name in ("state", "state_since", "state_by", "state_reason", "earlier", "barred"):
        assert getattr(after, name) == getattr(before, name), name


@pytest.mark.parametrize("finished", ["vanished", "deleted"])
def test_what_somebody_revoked_comes_back_suspended(mias: ConnectedAccount, finished: str) -> None:
    def story() -> tuple[ConnectedAccount, str]:
        decide("member1", "revoke", mias)
        if finished == "vanished":
            update_accounts.vanished(fresh(mias), "no longer listed")
        else:
            ConnectedAccount.objects.update(state=State.REVOKED)
        assert fresh(mias).state == State.REVOKED
        return comes_back(mias), refusal("member1", "resume", mias)

    row, refused = now(story)
    assert (row.state, row.state_reason) == (
        State.SUSPENDED,
        "Auth0 still holds it after its revocation",
    )
    assert refused == "", "who revoked it takes it back"
