"""A person who is called like somebody else, or names an account so, takes no one else's values
along when they are erased."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.urls import reverse

from approvals import clock
from approvals.models import Person, PolicyVersion
from approvals.pipeline.intent import digest
from approvals.policy import policy_in_force
from approvals.policy.document import DEFAULT
from audit.erasure import erase_names_in_text, erase_openings, subject_and_store_registry
from audit.recording.actors import SYSTEM, Subject, Target
from audit.recording.record import record
from audit.recording.stored_event_loader import load
from connections.models import ConnectedAccount, Freeze, Review, ReviewLines
from enforcement.models import Asset
from tests.approvals.people_of import acting
from tests.audit.browsing import browser_of, text_of
from tests.connections.campaign import connected
from tests.connections.decided import person
from tests.connections.visitor import know, subject

pytestmark = pytest.mark.django_db


def mia() -> Subject:
    return Subject(settings.ENV.issuer, subject("member1"))


def labelled(label: str) -> None:
    """The member's own account, with a label as its form takes it."""
    ConnectedAccount.objects.filter(pk=connected("member1").pk).update(label=label)


def erase_values() -> None:
    while erase_openings.erase_some(
        subject_and_store_registry.identify(mia().key), lambda _: None, placed_only=False
    ):
        pass


def suspended(owner: Subject) -> Any:
    """What the operator did, which names somebody."""
    return record(
        person("operator"),
        "skill.blocked",
        target=Target("skill", "pdf-exfil"),
        reason="it steals",
        private={
            "intent": '{"schema":"ata.intent.v1","verb":"skill.block"}',
            "owner": {"iss": owner.iss, "sub": owner.sub, "name": "Mia Member"},
        },
    )


@pytest.mark.parametrize("label", ["Olu Operator", "ata.intent.v1", "skill.block", "it steals"])
def test_what_others_did_outlives_a_member_who_chose_a_label(label: str) -> None:
    know("operator", "member1")
    labelled(label)
    event = suspended(Subject(settings.ENV.issuer, subject("member2")))
    before = load(event.id)
    erase_values()
    assert load(event.id) == before


def test_a_value_that_identifies_the_person_goes_and_what_stands_beside_it_stays() -> None:
    know("operator", "member1")
    labelled("Olu Operator")
    event = suspended(mia())
    before = load(event.id)
    erase_values()
    after = load(event.id)
    assert subject("member1") not in str(after) and subject("member1") in str(before)
    for part in ("actor", "target", "reason"):
        assert after[part] == before[part], part


def test_an_e_mail_that_somebody_else_has_is_not_looked_for() -> None:
    know("operator", "member1")
    Person.objects.filter(sub=subject("member1")).update(email="operator@acme.example")
    event = suspended(Subject(settings.ENV.issuer, subject("member2")))
    before = load(event.id)
    erase_values()
    assert load(event.id) == before


@pytest.mark.parametrize("label", ["ata.policy.v2", "keep_hold", "findings-ask"])
def test_the_policy_in_force_outlives_the_erasure_of_a_member(label: str) -> None:
    know("operator", "member1")
    labelled(label)
    document = {**DEFAULT, "number": 1}
    PolicyVersion.objects.create(
        digest=digest(document), document=document, created=clock.now(), author={}
    )
    assert not policy_in_force.in_force().broken
    whose = subject_and_store_registry.identify(mia().key)
    next(s for s in subject_and_store_registry.stores() if s.name == "requests").erase(whose)
    policy_in_force.forget()
    assert not policy_in_force.in_force().broken


def test_a_name_goes_from_rows_that_identify_the_person_and_from_no_other() -> None:
    know("member1")
    now = clock.now()
    for name, by in (("theirs", mia().sub), ("anothers", "auth0|another")):
        Freeze.objects.create(kind="agent", name=name, by=by, by_name="Mia Member", since=now)
    erase_names_in_text.scrub(
        Freeze, ("reason", "by", "by_name"), subject_and_store_registry.identify(mia().key)
    )
    left = dict(Freeze.objects.values_list("name", "by_name"))
    assert left == {"theirs": subject_and_store_registry.MARK, "anothers": "Mia Member"}


def test_who_decides_is_shown_what_is_looked_for_where() -> None:
    know("operator", "member1")
    labelled("Olu Operator")
    whose = subject_and_store_registry.identify(mia().key)
    assert subject("member1") in whose.words and "Mia Member" not in whose.words
    assert "Mia Member" in whose.labels and "Olu Operator" in whose.short
    amir = acting("admin", "admin")
    page = text_of(browser_of(amir).get(reverse("erasure-person", args=[mia().key])))
    everywhere, labels, nowhere = (
        page.index(words)
        for words in ("Looked for everywhere", "Looked for only in rows", "Not looked for")
    )
    assert everywhere < page.index(mia().sub, everywhere) < labels
    assert labels < page.index("Mia Member", labels) < nowhere < page.index("Olu Operator")


def test_lines_of_others_in_a_signed_review_outlive_a_label() -> None:
    know("member1")
    labelled("decision")
    review = Review.objects.create(
        title="Q4", opened_by="x", due=clock.now(), opened_at=clock.now(), digest="0" * 64
    )
    hers = f'{{"account":"a","decision":"keep","owner":{{"sub":"{subject("member1")}"}}}}'
    his = '{"account":"b","decision":"keep","owner":{"sub":"auth0|bob"}}'
    lines = ReviewLines.objects.create(review=review, first=1, text=f"{hers}\n{his}\n")
    store = next(one for one in subject_and_store_registry.stores() if one.name == "connections")
    store.erase(subject_and_store_registry.identify(mia().key))
    lines.refresh_from_db()
    assert lines.text.splitlines()[1] == his and subject("member1") not in lines.text


def test_an_e_mail_is_looked_for_although_something_is_called_like_it() -> None:
    know("member1")
    email = Person.objects.get(sub=subject("member1")).email
    know("member2")
    Person.objects.filter(sub=subject("member2")).update(name=email, email=f"jo{email}")
    Asset.objects.create(kind="skill", name=email)
    assert email in subject_and_store_registry.identify(mia().key).words


def test_nobody_called_like_the_portal_takes_its_holds_along() -> None:
    know("member1")
    Person.objects.filter(sub=subject("member1")).update(name=SYSTEM.name)
    Asset.objects.create(
        kind="skill", name="x", holder="op", held_by=SYSTEM.name, held_at=clock.now()
    )
    store = next(one for one in subject_and_store_registry.stores() if one.name == "enforcement")
    store.erase(subject_and_store_registry.identify(mia().key))
    assert Asset.objects.get(name="x").held_by == SYSTEM.name
