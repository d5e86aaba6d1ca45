"""Connections under every fault: nothing doubled, nothing called gone that was not seen gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from approvals import auth0_clients, clock
from approvals.models import Effect, Person
from audit.models import EventRow
from audit.recording.actors import Target
from connections.broker import token_broker
from connections.broker.errors import TokenRefusal
from connections.broker.token_broker import Ask
from connections.component_manifests import manifest_store
from connections.component_manifests.manifest_store import Declaration
from connections.models import ConnectedAccount, Schedule, State
from connections.revocation import deletion_step
from connections.sync import connected_accounts, schedule
from enforcement.models import Asset
from tests.accounts.trail import events
from tests.connections.visitor import (
    Visitor,
    at_vault,
    device_token,
    empty_vault,
    fill_vault,
    know,
    subject,
)
from tests.enforcement.gateways import settle
from tests.faults.conftest import WiredTenant
from tests.faults.fast import EVERY, quick
from tests.faults.proxy import SLOW, WORK_DONE, Fault, Wire
from tests.tenant.vault_actors import Member

type Work = Callable[..., None]
EXCHANGED = "POST /oauth/token"
VAULT = "token-exchange"
LISTED = "GET /api/v2/users/.*/connected-accounts"
DELETED = "DELETE /me/v1/connected-accounts/accounts/.*"
COMPLETED = "POST /me/v1/connected-accounts/complete"
ENDED = "POST /api/v2/users/.*/revoke-access"
TWO_FLOWS = (WORK_DONE - SLOW) | {Fault.LIMITED, Fault.ERROR, Fault.EMPTY}  # a second each
ALLOW = {"answer": "allow", "other": "octo-mia"}
_tokens: dict[str, str] = {}


@pytest.fixture
def milo(wire: Wire, tenant: WiredTenant) -> Person:
    """Milo Member with one GitHub account in the vault, and a manifest that wants it."""
    declared = Declaration.model_validate(
        {"connections": [{"connection": "github", "scopes": ["read:user", "repo"]}]}
    )
    manifest_store.declare_shipped("mcp", "github-mcp", declared)
    Asset.objects.create(kind="mcp", name="github-mcp", decision="allow")
    know("member2", "admin")
    empty_vault(tenant, "member2")
    fill_vault(tenant, "member2", "github", "octo-milo", "read:user", "repo")
    return Person.objects.get(sub=subject("member2"))


@pytest.fixture
def account(milo: Person) -> ConnectedAccount:
    """Known from reconciling."""
    assert connected_accounts.one_person(milo.iss, milo.sub)
    return ConnectedAccount.objects.get(sub=milo.sub)


def in_vault(tenant: WiredTenant, who: str = "member2") -> int:
    """How many accounts the tenant itself holds for a person."""
    with at_vault(tenant, who) as mine:
        return len(mine.accounts())


def request_of(milo: Person, tenant: WiredTenant) -> Ask:
    if tenant.issuer not in _tokens:
        _tokens[tenant.issuer] = device_token(tenant, "member2")
    return Ask(
        actor=milo.as_actor(via="cli"),
        subject_token=_tokens[tenant.issuer],
        client_id="ata-cli",
        connection="github",
        agent="release-bot",
        skill="mcp:github-mcp",
    )


@pytest.mark.parametrize("fault", quick(Fault))
def test_a_token_is_handed_out_once_or_refused_with_a_code(
    account: ConnectedAccount, milo: Person, tenant: WiredTenant, wire: Wire, fault: Fault
) -> None:
    asked = request_of(milo, tenant)
    wire.breaks(fault, EXCHANGED, having=VAULT)
    if fault == Fault.TWICE:
        token_broker.token_for(asked)
    else:
        with pytest.raises(TokenRefusal) as refused:
            token_broker.token_for(asked)
        limited = fault == Fault.LIMITED
        assert refused.value.code == ("rate_limited" if limited else "vault_unavailable")
        said = events("token.refused")
        assert [e["outcome"] for e in said] == ["failure"]
        assert said[0]["data"].get("maybe_issued", False) == _unsure(fault)
    account.refresh_from_db()
    assert account.state == State.CONNECTED, "an outage says nothing about the account"
    wire.mend()
    assert token_broker.token_for(asked).access_token
    assert len(events("token.exchanged")) == 1 + (fault == Fault.TWICE)


def _unsure(fault: Fault) -> bool:
    return fault not in {Fault.REFUSED, Fault.LIMITED}


def test_an_inventory_that_could_not_be_read_does_not_say_not_connected(
    milo: Person, tenant: WiredTenant, wire: Wire
) -> None:
    asked = request_of(milo, tenant)
    wire.breaks(Fault.ERROR, LISTED)
    for _ in range(2):
        assert token_broker.token_for(asked).access_token, (
            "the vault decides while the list is away"
        )


@pytest.mark.parametrize("fault", quick(Fault))
def test_an_unreadable_list_makes_nobody_s_account_vanish(
    account: ConnectedAccount, milo: Person, wire: Wire, fault: Fault
) -> None:
    wire.breaks(fault, LISTED)
    read = connected_accounts.one_person(milo.iss, milo.sub)
    assert read == (fault == Fault.TWICE)
    account.refresh_from_db()
    assert account.state == State.CONNECTED
    wire.mend()
    assert connected_accounts.one_person(milo.iss, milo.sub)
    assert ConnectedAccount.objects.filter(sub=milo.sub).count() == 1
    assert len(events("connection.reconciled")) == 1, "it appeared once"


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.ERROR, Fault.EMPTY, Fault.LIMITED])
def test_a_comparison_that_read_nothing_is_not_called_finished(
    account: ConnectedAccount, wire: Wire, fault: Fault
) -> None:
    connected_accounts.run_due()
    before = Schedule.objects.get(name=connected_accounts.ACCOUNTS).finished
    assert before is not None
    wire.breaks(fault, "GET /api/v2/.*")
    later = clock.now() + schedule.EVERY
    connected_accounts.run_due(later)
    row = Schedule.objects.get(name=connected_accounts.ACCOUNTS)
    assert (row.finished, bool(row.detail)) == (before, True), "its data is as old as it was"
    assert row.due < clock.now() + schedule.EVERY / 2, "and it is tried again soon"
    wire.mend()
    connected_accounts.run_due(row.due)
    row.refresh_from_db()
    assert row.finished is not None and row.finished > before


@pytest.mark.parametrize("fault", quick(Fault))
def test_a_deletion_is_done_or_stays_due(
    account: ConnectedAccount,
    milo: Person,
    tenant: WiredTenant,
    wire: Wire,
    work: Work,
    fault: Fault,
) -> None:
    settle(milo.as_actor(via="web"), Target("connection", str(account.id)), "revoke")
    ConnectedAccount.objects.update(delete_after=clock.now())
    browser = tenant.browser()
    token = Member(tenant, browser, "member2").me().token
    browser.http.close()
    wire.breaks(fault, DELETED)
    (first,) = deletion_step.delete_due(milo.iss, milo.sub, token)
    account.refresh_from_db()
    # A deletion that was done is found gone at the call's own repeat.
    assert first.done == (fault == Fault.TWICE), first.detail
    assert (account.state == State.REVOKED) == first.done
    assert first.done or account.deletion_detail
    work()
    step = Effect.objects.get(kind=deletion_step.DELETE)
    assert step.state == ("done" if first.done else "pending")
    wire.mend()
    deletion_step.delete_due(milo.iss, milo.sub, token)
    work(2)
    step.refresh_from_db()
    account.refresh_from_db()
    assert (step.state, account.state) == ("done", State.REVOKED)
    assert in_vault(tenant) == 0
    finished = [e for e in events("connection.revoked") if e["data"].get("step")]
    assert len(finished) == 1


def test_a_404_of_something_in_between_is_not_a_deletion(
    account: ConnectedAccount, milo: Person, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.faults import proxy

    settle(milo.as_actor(via="web"), Target("connection", str(account.id)), "revoke")
    lost = (404, {"Content-Type": "text/html"}, b"<html>no such route</html>")
    monkeypatch.setitem(proxy._STATUS, Fault.HTML, lost)
    wire.breaks(Fault.HTML, DELETED)
    assert not deletion_step.delete(account, "whatever").done


@pytest.mark.parametrize("fault", quick(Fault))
def test_sessions_are_ended_and_never_said_to_be_before(
    account: ConnectedAccount,
    milo: Person,
    tenant: WiredTenant,
    wire: Wire,
    work: Work,
    fault: Fault,
) -> None:
    browser = tenant.browser()
    Member(tenant, browser, "member2").me()
    browser.http.close()
    management = auth0_clients.management()
    assert management is not None and management.sessions(milo.sub)
    admin = Person.objects.get(sub=subject("admin")).as_actor(via="web")
    target = Target("connection", str(account.id))
    settle(admin, target, "revoke", end_sessions="true")
    wire.forget()
    wire.breaks(fault, ENDED)
    work()
    step = Effect.objects.get(kind=deletion_step.END_ACCESS)
    sure = {Fault.REFUSED: "pending", Fault.LIMITED: "pending", Fault.TWICE: "done"}
    assert step.state == sure.get(fault, "unknown"), step.detail
    wire.mend()
    work(2)
    step.refresh_from_db()
    assert step.state == "done", step.detail
    assert management.sessions(milo.sub) == []
    if fault in WORK_DONE:
        assert wire.count(ENDED) == (2 if fault == Fault.TWICE else 1), "read back, not repeated"
    finished = [e for e in events("connection.revoked") if e["data"].get("step")]
    assert [e["data"]["step"] for e in finished] == [deletion_step.END_ACCESS]


@pytest.fixture
def mia(wire: Wire, tenant: WiredTenant) -> Iterator[Visitor]:
    """Mia Member in a browser."""
    know("member1")
    empty_vault(tenant, "member1")
    manifest_store.declare_shipped(
        "mcp",
        "github-mcp",
        Declaration.model_validate({"connections": [{"connection": "github", "scopes": []}]}),
    )
    visitor = Visitor(tenant, "member1").sign_in()
    yield visitor
    visitor.browser.http.close()


# A refused connection would keep the browser from coming back, too.
@pytest.mark.parametrize(
    "fault", [f for f in quick(Fault) if f != Fault.REFUSED and (EVERY or f in TWO_FLOWS)]
)
def test_connecting_ends_with_the_account_that_auth0_holds(
    mia: Visitor, tenant: WiredTenant, wire: Wire, fault: Fault
) -> None:
    page = mia.post("/connections/connect/github/")
    wire.breaks(fault, COMPLETED)
    shown = mia.follow(page, **ALLOW)
    wire.mend()
    known = ConnectedAccount.objects.filter(sub=subject("member1"))
    held = in_vault(tenant, "member1")
    assert held == (fault in WORK_DONE)
    assert known.exclude(state=State.REVOKED).count() == held, "it is shown at once, not later"
    said = EventRow.objects.filter(action="connection.connected").values_list("outcome", flat=True)
    if fault == Fault.TWICE:
        assert list(said) == ["success"]
    else:
        assert list(said) == ["unknown" if _unsure(fault) else "failure"]
    assert getattr(shown, "status_code", 0) == 200
    again = mia.follow(mia.post("/connections/connect/github/"), **ALLOW)
    assert getattr(again, "status_code", 0) == 200
    assert in_vault(tenant, "member1") == 1, "trying again makes no second one"
    assert known.exclude(state=State.REVOKED).count() == 1
