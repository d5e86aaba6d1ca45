"""An erasure ends what others restricted only where its approver was shown that."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from approvals import auth0_clients, clock
from approvals.erasure import erase_and_legal_hold
from approvals.models import Effect, Outcome, Person
from approvals.outbox import step_execution
from approvals.pipeline.service import Performed, perform
from audit.recording.actors import Target
from connections.models import AccessKind, AppAccess, ConnectedAccount
from connections.revocation import deletion_step
from tests.connections.campaign import connected
from tests.connections.decided import approve, decide, person
from tests.connections.visitor import know
from tests.enforcement.browsing import browser

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _people(settings: Any) -> None:
    know("admin", "admin2", "member1")


def freeze(by: str) -> None:
    perform(person(by), "person.freeze", Target("person", person("member1").sub), reason="incident")


def suspended(connection: str) -> ConnectedAccount:
    account = connected("member1", connection, "repo")
    decide("admin", "suspend", account, reason="incident")
    return account


def asked() -> Performed:
    return perform(
        replace(person("admin2"), fresh=True),
        erase_and_legal_hold.ERASE,
        Target(erase_and_legal_hold.KIND, person("member1").key),
        reason="asked by letter",
    )


def sentence() -> str:
    done = asked()
    assert done.approval is not None
    return done.approval.sentence


def test_the_sentence_counts_what_others_restricted() -> None:
    freeze("admin")
    suspended("github")
    suspended("slack")
    assert sentence() == (
        f"Erase every value of the person {person('member1').key[:12]} (named on the page of this "
        "request in the portal) and end what others restricted: 1 freeze, 2 suspensions. This "
        "cannot be undone"
    )


def test_what_the_person_restricted_is_not_counted() -> None:
    freeze("member1")
    account = connected("member1", "github", "repo")
    decide("member1", "suspend", account)
    assert "restricted" not in sentence()


def granted() -> AppAccess:
    now, me = clock.now(), person("member1")
    return AppAccess.objects.create(
        iss=me.iss, sub=me.sub, kind=AccessKind.GRANT, auth0_id="cgr_1", client_id="app",
        state_since=now, first_seen=now, seen_at=now,
    )  # fmt: skip


@pytest.mark.parametrize(("by", "counted"), [("admin", True), ("member1", False)])
def test_a_revocation_at_auth0_that_is_not_done_yet_is_counted(by: str, counted: bool) -> None:
    access = granted()
    done = perform(
        person(by), "access.revoke", Target(access.kind, str(access.pk)), reason="incident"
    )
    if done.approval is not None:
        approve(done, "admin2")
    assert ("others restricted: 1 unfinished revocation. " in sentence()) == counted


@pytest.mark.parametrize("what", ["grant", "account"])
def test_a_revocation_whose_person_was_erased_claims_nothing_of_auth0(what: str) -> None:
    if what == "grant":
        access = granted()
        perform(person("member1"), "access.revoke", Target(access.kind, str(access.pk)))
        access.delete()
    else:
        account = connected("member1", "github", "repo")
        decide("member1", "revoke", account)
        account.delete()
    step = Effect.objects.get(kind__in=["auth0.delete_access", deletion_step.DELETE])
    step_execution.run(step)
    step.refresh_from_db()
    assert (step.state, step.detail) == (
        "failed",
        "it is not known here any more; Auth0 may still have it",
    )


def test_a_grant_whose_owner_is_erased_while_auth0_deletes_it_is_deleted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    access = granted()
    perform(person("member1"), "access.revoke", Target(access.kind, str(access.pk)))
    asked = SimpleNamespace(delete_grant=lambda _id: access.delete())
    monkeypatch.setattr(auth0_clients, "management", lambda: asked)
    step = Effect.objects.get(kind="auth0.delete_access")
    step_execution.run(step)
    step.refresh_from_db()
    assert (step.state, step.detail) == ("done", "deleted at Auth0")


def test_an_approval_ends_no_restriction_that_it_did_not_show() -> None:
    suspended("github")
    done = asked()
    freeze("admin")
    assert approve(done, "admin").outcome == Outcome.FAILED


def test_the_page_of_the_person_shows_what_others_restricted() -> None:
    freeze("admin")
    suspended("github")
    page = browser("admin2", "admin").get(f"/audit/erasures/{person('member1').key}/")
    assert "1 freeze, 1 suspension" in page.content.decode()


def test_the_page_of_the_request_names_and_links_the_person() -> None:
    done = asked()
    assert done.approval is not None and "Mia" not in done.approval.sentence
    page = browser("admin", "admin").get(f"/approvals/{done.approval.pk}/").content.decode()
    mia = Person.objects.get(sub=person("member1").sub)
    assert f'<dt>Person</dt><dd><a href="{reverse("person", args=[mia.pk])}">' in page
    assert "Mia Member" in page
