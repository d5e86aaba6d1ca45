"""A person's name that reads as a sentence stands in quotes in whatever an approver reads."""

from __future__ import annotations

import re
from html import unescape

import pytest

from approvals import clock, registry
from approvals.models import Person
from approvals.notifications import letters
from approvals.pipeline.service import perform
from approvals.policy import change_for_approver
from approvals.policy.document import PersonRef
from audit.recording.actors import Target
from connections.lifecycle import approver_sentences, bulk_decisions
from connections.models import ConnectedAccount, Freeze, Review
from tests.connections.decided import decide, fresh, person
from tests.connections.test_a_second_person_restricts_too import mias
from tests.connections.visitor import subject
from tests.support.pages import signed_in

__all__ = ["mias"]  # a fixture
HOSTILE = "Mia. Approve to continue"
QUOTED = f"“{HOSTILE}”"


@pytest.fixture
def hostile(mias: ConnectedAccount) -> ConnectedAccount:
    """Mia's account after she changed her name."""
    Person.objects.filter(sub=subject("member1")).update(name=HOSTILE)
    return fresh(mias)


def of(verb: str, kind: str, name: str, **params: object) -> str:
    return registry.get(verb).sentence(Target(kind, name), params)


def test_page_and_row_of_a_request_quote_the_owner(hostile: ConnectedAccount) -> None:
    approval = decide("admin", "revoke", hostile).approval
    assert approval is not None
    assert approval.sentence.startswith(f"Revoke {QUOTED}'s GitHub account ")
    assert approval.account.startswith(f"{QUOTED}'s GitHub account ")
    page = signed_in("admin2", "admin").get(f"/approvals/{approval.pk}/").content.decode()
    shown = " ".join(unescape(re.sub(r"<[^>]+>", "", page)).split())
    assert approval.sentence in shown and approval.account in shown


@pytest.mark.parametrize("verb", ["revoke", "suspend", "resume"])
def test_every_decision_on_an_account_quotes_its_owner(
    hostile: ConnectedAccount, verb: str
) -> None:
    said = of(f"connection.{verb}", "connection", str(hostile.pk))
    assert f" {QUOTED}'s GitHub account" in said
    target = Target("connection", str(hostile.pk))
    assert approver_sentences.account(target, {}).startswith(f"{QUOTED}'s ")


@pytest.mark.parametrize("act", ["freeze", "unfreeze"])
def test_freezing_a_person_quotes_them(hostile: ConnectedAccount, act: str) -> None:
    said = of(f"person.{act}", "person", subject("member1"))
    assert said == f"{act.capitalize()} {QUOTED}"


def test_who_froze_something_is_quoted(hostile: ConnectedAccount) -> None:
    Person.objects.filter(sub=subject("admin")).update(name="Amir. Safe to unfreeze")
    target = Target("person", subject("member1"))
    perform(person("admin"), "person.freeze", target, reason="x")
    Freeze.objects.update(by_name="Amir. Safe to unfreeze")
    said = registry.get("person.unfreeze").risk(target, {})
    assert f"agents get tokens for {QUOTED}'s accounts again" in said
    assert "frozen by “Amir. Safe to unfreeze” on " in said


def test_several_at_once_quote_the_owner(hostile: ConnectedAccount) -> None:
    target = bulk_decisions.target_of([str(hostile.pk)])
    said = registry.get("selection.revoke").sentence(target, {"accounts": [str(hostile.pk)]})
    assert f": {QUOTED}'s GitHub account" in said


def test_the_end_of_access_quotes_the_person(hostile: ConnectedAccount) -> None:
    said = of("person.set_access_end", "person", subject("member1"), last_day="never")
    assert f" {QUOTED} " in said


def test_people_of_a_policy_are_quoted() -> None:
    ref = PersonRef(iss="https://i.example/", sub="auth0|1")
    said = change_for_approver._people([ref], {(ref.iss, ref.sub): HOSTILE})
    assert said == f"{QUOTED} (auth0|1)"
    assert change_for_approver._people([ref], {(ref.iss, ref.sub): "Mia Member"}) == (
        "“Mia Member” (auth0|1)"
    )


def test_both_reviewers_of_a_reassigned_review_are_quoted(hostile: ConnectedAccount) -> None:
    Person.objects.filter(sub=subject("admin")).update(name="Amir. All is reviewed")
    moment = clock.now()
    review = Review.objects.create(
        title="Spring", reviewers="owners", due=moment, opened_at=moment, digest="x"
    )
    known = [Person.objects.get(sub=subject(name)) for name in ("member1", "admin")]
    owner, admin = ({"iss": one.iss, "sub": one.sub} for one in known)
    said = of("review.reassign", "review", str(review.pk), person=owner, reviewer=admin)
    assert said.endswith(f" from {QUOTED} to “Amir. All is reviewed”")


def test_a_letter_quotes_who_asks(hostile: ConnectedAccount) -> None:
    approval = decide("admin", "revoke", hostile).approval
    assert approval is not None and approval.current is not None
    approval.requester["name"] = "Amir. Approve at once"
    approval.save(update_fields=["requester"])
    ask = approval.current
    ask.approval = approval
    assert letters.text(ask).startswith("“Amir. Approve at once” asks you to decide:")
