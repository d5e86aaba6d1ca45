"""An admin revokes another person's connection: refused at once, final on another's phone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from approvals import people_and_roles
from approvals.models import Approval, Effect, Outcome, Person
from audit.models import EventRow
from connections.component_manifests import manifest_store
from connections.models import ConnectedAccount, State
from connections.notifications import notices_on_owner_pages
from connections.revocation import deletion_step
from connections.sync import connected_accounts
from tests.connections.conftest import Travel
from tests.connections.phone import Phone
from tests.connections.visitor import (
    Gateway,
    Visitor,
    empty_vault,
    fill_vault,
    know,
    subject,
)
from tests.support.sweeping import sweep
from tests.support.tenant import LocalTenant

type Gateways = Callable[[str], Gateway]
type Visitors = Callable[[str], Visitor]

REASON = {"reason": "Laptop lost"}


@pytest.fixture
def theirs(portal_tenant: LocalTenant, github_mcp: manifest_store.Declaration) -> ConnectedAccount:
    """Milo Member's GitHub account, known from reconciling."""
    know("admin", "admin2", "member2")
    empty_vault(portal_tenant, "member2")
    fill_vault(portal_tenant, "member2", "github", "octo-milo", "read:user", "repo")
    person = Person.objects.get(sub=subject("member2"))
    assert connected_accounts.one_person(person.iss, person.sub)
    return ConnectedAccount.objects.get(sub=subject("member2"))


@pytest.fixture
def amir(visitor: Visitors, theirs: ConnectedAccount) -> Visitor:
    """Amir Admin, signed in."""
    return visitor("admin")


@pytest.fixture
def phone(portal_tenant: LocalTenant) -> Iterator[Phone]:
    """Anya Admin's phone."""
    browser = portal_tenant.browser()
    held = Phone(browser, "admin2")
    held.pick_up()
    yield held
    browser.http.close()


def ask(amir: Visitor, theirs: ConnectedAccount, **more: str) -> Approval:
    """Ask for the revocation and have it sent to the phone."""
    answer = amir.post(f"/connections/{theirs.id}/revoke/", REASON | more)
    approval = Approval.objects.get()
    assert answer["Location"] == f"/approvals/{approval.id}/"
    sweep()
    return approval


def answered(approval: Approval, travel: Travel) -> Approval:
    travel(6)
    sweep()
    approval.refresh_from_db()
    return approval


def fresh(account: ConnectedAccount) -> ConnectedAccount:
    account.refresh_from_db()
    return account


def test_the_impact_is_shown_before_anything_happens(
    amir: Visitor, theirs: ConnectedAccount, gateway: Gateways
) -> None:
    assert gateway("member2").exchange().status_code == 200
    page = amir.get(f"/connections/{theirs.id}/revoke/").content.decode()
    assert "github-mcp has used this account; its next token request is refused." in page
    assert re.search(r"Tokens already issued work at GitHub until \d\d? \w{3} \d\d:\d\d UTC", page)
    assert "Only the owner can delete it at Auth0." in page
    assert 'name="end_sessions" value="1"' in page
    assert 'name="end_sessions" value="1" checked' not in page
    assert fresh(theirs).state == State.CONNECTED


def test_asking_suspends_at_once_and_tells_the_owner(
    amir: Visitor, theirs: ConnectedAccount, gateway: Gateways
) -> None:
    approval = ask(amir, theirs)
    assert approval.sentence == "Revoke “Milo Member”'s GitHub account " + theirs.provider_user
    assert fresh(theirs).state == State.SUSPENDED
    assert gateway("member2").exchange().json()["code"] == "connection_suspended"
    told = notices_on_owner_pages.for_person(theirs.iss, theirs.sub)
    assert [(n.code, n.by, n.reason) for n in told] == [("suspended", "Amir Admin", "Laptop lost")]


def test_an_approved_revocation_finishes_with_the_owners_own_token(
    amir: Visitor, theirs: ConnectedAccount, phone: Phone, travel: Travel, visitor: Visitors
) -> None:
    approval = ask(amir, theirs)
    phone.approve(approval)
    assert answered(approval, travel).outcome == Outcome.APPROVED
    assert fresh(theirs).state == State.REVOCATION_PENDING
    sweep()
    step = Effect.objects.get()
    assert (step.state, step.detail) == (
        "pending",
        "finishes with the owner's own token at their next visit",
    )
    page = amir.get(f"/connections/{theirs.id}/").content.decode()
    assert "Refused at the broker" in page
    assert "finishes with the owner" in page
    assert "/providers/github/settings" in page
    owner = visitor("member2")
    owner.follow(owner.get("/connections/"))
    sweep()
    step.refresh_from_db()
    assert (step.state, fresh(theirs).state) == ("done", State.REVOKED)
    assert not deletion_step.has_pending(theirs.iss, theirs.sub)


def test_no_banner_says_refused_after_the_request_was_denied(
    amir: Visitor, theirs: ConnectedAccount, phone: Phone, travel: Travel
) -> None:
    approval = ask(amir, theirs)
    phone.deny(approval)
    assert answered(approval, travel).outcome == Outcome.DENIED
    travel(30)
    sweep()
    page = amir.get(f"/approvals/{approval.id}/").content.decode()
    assert "from now on" not in page and "waits for another admin" not in page
    assert fresh(theirs).state == State.CONNECTED


def test_a_denied_revocation_resumes_the_connection(
    amir: Visitor, theirs: ConnectedAccount, phone: Phone, travel: Travel, gateway: Gateways
) -> None:
    approval = ask(amir, theirs)
    phone.deny(approval)
    assert answered(approval, travel).outcome == Outcome.DENIED
    travel(30)
    sweep()
    assert fresh(theirs).state == State.CONNECTED
    assert gateway("member2").exchange().status_code == 200
    assert not EventRow.objects.filter(action="connection.revoked").exists()
    codes = [n.code for n in notices_on_owner_pages.for_person(theirs.iss, theirs.sub)]
    assert codes == ["resumed", "suspended"]


def test_an_unanswered_revocation_stays_suspended_and_says_so(
    amir: Visitor, theirs: ConnectedAccount, travel: Travel, visitor: Visitors
) -> None:
    approval = ask(amir, theirs)
    stays = "1 account stays suspended</strong> although the request about it ended"
    assert stays not in amir.get("/connections/inventory/").content.decode()
    for _ in range(3):
        travel(330)
        sweep()
        sweep()
    approval.refresh_from_db()
    assert approval.outcome == Outcome.EXPIRED
    assert fresh(theirs).state == State.SUSPENDED
    page = amir.get(f"/connections/{theirs.id}/").content.decode()
    assert "It stays suspended." in page
    assert "ended without an answer. An admin has to revoke or resume it." in page
    inventory = amir.get("/connections/inventory/").content.decode()
    assert (
        stays in inventory and f'<a href="/connections/{theirs.id}/">View the account' in inventory
    )
    owner = visitor("member2")
    mine = owner.get("/connections/").content.decode()
    assert "stays suspended: the request ended without an answer" in mine
    own = owner.get(f"/connections/{theirs.id}/").content.decode()
    assert "An admin can resume it, or you can disconnect it." in own
    assert f'/connections/{theirs.id}/revoke/"' in own


def test_sessions_end_only_when_that_was_asked(
    amir: Visitor, theirs: ConnectedAccount, phone: Phone, travel: Travel
) -> None:
    approval = ask(amir, theirs, end_sessions="1")
    assert approval.sentence.endswith("and end all their sessions")
    phone.approve(approval)
    answered(approval, travel)
    sweep()
    states = dict(Effect.objects.values_list("kind", "state"))
    assert states == {
        "auth0.delete_connected_account": "pending",
        "auth0.revoke_access": "done",
    }


def test_an_owner_cannot_wake_what_an_admin_put_to_sleep(
    amir: Visitor, theirs: ConnectedAccount, visitor: Visitors
) -> None:
    amir.post(f"/connections/{theirs.id}/suspend/", REASON)
    assert fresh(theirs).state == State.SUSPENDED
    owner = visitor("member2")
    owner.post(f"/connections/{theirs.id}/resume/")
    assert fresh(theirs).state == State.SUSPENDED
    assert f"/connections/{theirs.id}/resume/" not in owner.get("/connections/").content.decode()


def test_resuming_for_others_waits_for_another_admin(
    amir: Visitor, theirs: ConnectedAccount, phone: Phone, travel: Travel
) -> None:
    amir.post(f"/connections/{theirs.id}/suspend/", REASON)
    path = f"/connections/{theirs.id}/resume/"
    assert (
        f'<a class="btn" href="{path}">' in amir.get(f"/connections/{theirs.id}/").content.decode()
    )
    form = amir.get(path).content.decode()
    assert "If approved: Agents get its tokens again." in form and "Suspended by you" in form
    assert amir.post(path).status_code == 422 and not Approval.objects.exists()
    amir.post(path, REASON)
    assert fresh(theirs).state == State.SUSPENDED
    sweep()
    phone.approve(Approval.objects.get())
    assert answered(Approval.objects.get(), travel).outcome == Outcome.APPROVED
    assert fresh(theirs).state == State.CONNECTED


def test_the_api_revokes_as_decisions_do(theirs: ConnectedAccount, gateway: Gateways) -> None:
    admin = gateway("admin").call("POST", f"/v1/connections/{theirs.id}/revoke", {"reason": "x"})
    assert admin.status_code == 202, admin.content
    assert set(admin.json()) >= {"approval_id", "binding_message", "expires_at", "poll_url"}
    own = gateway("member2").call("POST", f"/v1/connections/{theirs.id}/revoke", {"reason": "x"})
    assert own.status_code == 201, own.content
    assert own.json()["effects"][0]["state"] == "pending"
    again = gateway("member2").call("POST", f"/v1/connections/{theirs.id}/revoke", {})
    assert (again.status_code, again.json()["code"]) == (200, "nothing_to_do")


def test_nobodys_phone_is_asked_about_what_is_revoked_already(
    theirs: ConnectedAccount, gateway: Gateways
) -> None:
    ConnectedAccount.objects.filter(pk=theirs.pk).update(state=State.REVOKED)
    path = f"/v1/connections/{theirs.pk}/revoke"
    answer = gateway("admin").call("POST", path, {"reason": "a leak"})
    assert (answer.status_code, answer.json()["code"]) == (200, "nothing_to_do")
    assert not Approval.objects.exists()


def test_somebody_elses_connection_is_not_revoked_without_a_reason(
    theirs: ConnectedAccount, gateway: Gateways
) -> None:
    answer = gateway("admin").call("POST", f"/v1/connections/{theirs.pk}/revoke", {"reason": " "})
    assert (answer.status_code, answer.json()["code"]) == (422, "reason_required")
    assert fresh(theirs).state == State.CONNECTED and not Approval.objects.exists()


def test_a_role_lost_meanwhile_commits_nothing(
    amir: Visitor, theirs: ConnectedAccount, phone: Phone, travel: Travel
) -> None:
    approval = ask(amir, theirs)
    people_and_roles.note_person(iss=theirs.iss, sub=subject("admin"), name="Amir", roles=[])
    phone.approve(approval)
    assert answered(approval, travel).outcome == Outcome.FAILED
    assert fresh(theirs).state == State.SUSPENDED
