"""What a person who leaves decides in an access review goes to another admin, on the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from approvals import clock
from approvals.erasure import approved_scope, job
from approvals.errors import NothingToDo, Refused
from approvals.models import Erasure, Person
from approvals.pipeline.service import perform
from audit.clock import uuid7
from audit.recording import action_registry
from audit.recording.actors import Actor, Target
from audit.recording.record import record
from audit.sequencing import sequencer
from audit.verification import verify
from connections.access_reviews import reassign_reviewer, reviewer_permissions, work_lease
from connections.models import ConnectedAccount, Freeze, Review, ReviewItem, ReviewLetter, State
from tests.accounts.trail import events
from tests.connections.campaign import (
    ADMINS,
    _people,
    close,
    connected,
    decide,
    only,
    opened,
    person,
    refusal,
)
from tests.connections.visitor import subject

__all__ = ["_people"]

pytestmark = pytest.mark.django_db


def admin(who: str = "admin") -> Actor:
    return replace(person(who, "admin"), fresh=True)


def third(name: str = "tess") -> Person:
    """Tess, one more admin."""
    given = {"name": name.capitalize(), "email": f"{name}@acme.example", "roles": ["admin"]}
    found, _ = Person.objects.get_or_create(
        iss=person("admin").iss, sub=f"auth0|{name}", defaults={**given, "updated": clock.now()}
    )
    return found


def tess() -> Actor:
    return replace(third().as_actor("web"), fresh=True)


def frozen(who: str) -> None:
    Freeze.objects.create(kind="person", name=subject(who), by="x", since=clock.now())


def reassign(review: Review, who: str, to: str, by: Actor | None = None, **more: Any) -> str:
    iss = person("admin").iss
    params = {
        "person": {"iss": iss, "sub": who},
        "reviewer": {"iss": iss, "sub": to},
    }
    given = {"params": params, "reason": "left the company"} | more
    done = perform(by or admin("admin2"), "review.reassign", target(review), **given)
    review.refresh_from_db()
    return str(done.event_id)


def target(review: Review) -> Target:
    return Target("review", str(review.pk))


def refused(*args: Any, **more: Any) -> str:
    with pytest.raises(Refused) as no:
        reassign(*args, **more)
    return no.value.code


def waits_for(actor: Actor, review: Review) -> set[str]:
    """Owners of accounts that wait for somebody."""
    left = reviewer_permissions.undecided(actor, review, clock.now())
    return {item.sub for item in left}


@pytest.fixture
def named() -> Review:
    """A review of Mia's and Max's accounts and one of Anya's that only Amir decides; he leaves."""
    connected("member1", "github")
    connected("member2", "slack")
    connected("admin2", "notion")
    review = opened(**ADMINS)
    frozen("admin")
    return review


@pytest.fixture
def owned() -> Review:
    """A review that each owner decides; Mia leaves."""
    connected("member1", "github")
    connected("member2", "slack")
    review = opened()
    frozen("member1")
    return review


def test_what_a_named_admin_had_to_decide_goes_to_another(named: Review) -> None:
    third()
    reassign(named, subject("admin"), third().sub)
    assert waits_for(admin(), named) == set()
    assert waits_for(tess(), named) == {subject(w) for w in ("member1", "member2", "admin2")}
    assert waits_for(admin("admin2"), named) == set()
    item = named.items.get(sub=subject("member1"))
    with pytest.raises(Refused, match="reassigned what you decided"):
        decide(admin(), item, "keep")
    decide(tess(), item, "keep")
    item.refresh_from_db()
    assert item.decided_sub == third().sub and not item.self_review


def test_what_an_owner_had_to_decide_goes_to_an_admin(owned: Review) -> None:
    third()
    mias, maxs = (owned.items.get(sub=subject(who)) for who in ("member1", "member2"))
    assert waits_for(tess(), owned) == set()
    reassign(owned, subject("member1"), third().sub)
    assert waits_for(tess(), owned) == {subject("member1")}
    assert waits_for(person("member1"), owned) == set()
    assert waits_for(person("member2"), owned) == {subject("member2")}
    for actor, item, why in (
        (person("member1"), mias, "reassigned what you decided"),
        (admin("admin2"), mias, "in place of its owner"),
        (tess(), maxs, "Its owner decides"),
    ):
        with pytest.raises(Refused, match=why):
            decide(actor, item, "keep")
    decide(tess(), mias, "keep")


def test_after_the_due_day_other_admins_decide_too_and_who_left_does_not(owned: Review) -> None:
    connected("admin", "notion")
    review = opened(title="Autumn", connection="notion")
    frozen("admin")
    reassign(review, subject("admin"), third().sub)
    Review.objects.filter(pk=review.pk).update(due=clock.now() - timedelta(days=1))
    item = only(review)
    with pytest.raises(Refused, match="reassigned what you decided"):
        decide(admin(), item, "keep", "mine")
    decide(admin("admin2"), item, "keep")


def test_nobody_gets_their_own_account_to_decide_by_it(named: Review) -> None:
    reassign(named, subject("admin"), subject("admin2"), by=tess())
    assert waits_for(admin("admin2"), named) == {subject("member1"), subject("member2")}
    own = named.items.get(sub=subject("admin2"))
    with pytest.raises(Refused, match="Only the named admins"):
        decide(admin("admin2"), own, "keep", "mine")
    [told] = events("review.reassigned")
    assert (told["data"]["accounts"], told["data"]["not_reassigned"]) == (2, 1)
    assert refused(named, subject("admin"), subject("admin2"), by=tess()) == "not_reviewer"
    reassign(named, subject("admin"), third().sub)
    assert waits_for(tess(), named) == {subject("admin2")}


@pytest.mark.parametrize("via", ["web", "api", "cli"])
def test_no_admin_takes_a_review_over_alone(via: Any) -> None:
    connected("member1", "github")
    named = opened(**ADMINS)
    anya = replace(admin("admin2"), via=via)
    perform(anya, "person.freeze", Target("person", subject("admin")), reason="gone")
    assert refused(named, subject("admin"), subject("admin2"), by=anya) == "not_reviewer"
    assert named.reassignments == [] and not events("review.reassigned")
    item = only(named)
    with pytest.raises(Refused, match="Only the named admins"):
        decide(anya, item, "keep")
    reassign(named, subject("admin"), third().sub, by=anya)
    perform(anya, "person.freeze", Target("person", third().sub), reason="gone")
    assert refused(named, third().sub, subject("admin2"), by=anya) == "not_reviewer"
    with pytest.raises(Refused, match="Only the named admins"):
        decide(anya, item, "keep")


def test_no_admin_takes_over_alone_what_an_owner_decides(owned: Review) -> None:
    assert refused(owned, subject("member1"), subject("admin"), by=admin()) == "not_reviewer"
    with pytest.raises(Refused, match="Its owner decides"):
        decide(admin(), owned.items.get(sub=subject("member1")), "keep")


def test_another_admin_gives_a_review_to_who_froze_its_reviewer(named: Review) -> None:
    reassign(named, subject("admin"), subject("admin2"), by=tess())
    decide(admin("admin2"), named.items.get(sub=subject("member1")), "keep")


def test_a_reviewer_who_leaves_too_is_followed_by_the_next(owned: Review) -> None:
    reassign(owned, subject("member1"), subject("admin"))
    frozen("admin")
    reassign(owned, subject("admin"), third().sub)
    assert waits_for(tess(), owned) == {subject("member1")}
    assert waits_for(admin(), owned) == set() and len(owned.reassignments) == 2


def test_the_event_says_who_from_whom_and_why(named: Review) -> None:
    event = reassign(named, subject("admin"), third().sub)
    [told] = events("review.reassigned")
    assert told["id"] == event == named.reassignments[0]["event"]
    assert told["actor"]["sub"] == subject("admin2") and told["reason"] == "left the company"
    assert told["data"]["person"]["sub"] == subject("admin")
    assert told["data"]["reviewer"]["sub"] == third().sub
    assert told["data"]["accounts"] == 3 and told["target"]["name"] == str(named.pk)
    assert action_registry.sentence(told) == (
        "Anya Admin reassigned the access review “Spring” from Amir Admin to Tess: 3 to decide"
    )


def test_the_signed_result_names_who_decided_before_and_by_whose_decision(named: Review) -> None:
    event = reassign(named, subject("admin"), third().sub)
    told = close(named)["review"]
    [one] = told["reassignments"]
    assert told["admins"] == [{"iss": person("admin").iss, "sub": subject("admin")}]
    assert [one[name]["sub"] for name in ("person", "reviewer", "by")] == [
        subject("admin"), third().sub, subject("admin2"),
    ]  # fmt: skip
    assert one["event"] == event and one["at"]


def test_a_result_without_a_reassignment_is_as_before(owned: Review) -> None:
    assert "reassignments" not in close(owned)["review"]


@pytest.mark.parametrize(
    ("by", "code"),
    [
        (lambda: person("member2"), "not_permitted"),
        (lambda: replace(person("auditor", "auditor"), fresh=True), "not_permitted"),
        (lambda: replace(person("admin"), fresh=True), "not_permitted"),
        (lambda: replace(admin("admin2"), fresh=False), "fresh_sign_in_required"),
        (admin, "not_permitted"),  # it is Amir himself who leaves
    ],
)
def test_only_another_admin_with_a_fresh_sign_in_reassigns(
    named: Review, by: Callable[[], Actor], code: str
) -> None:
    assert refused(named, subject("admin"), third().sub, by=by()) == code
    assert named.reassignments == [] and not events("review.reassigned")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"reason": " "}, "reason_required"),
        ({"params": {}}, "bad_params"),
        ({"params": {"person": {"iss": "x", "sub": ""}, "reviewer": {}}}, "bad_params"),
    ],
)
def test_a_reason_and_both_people_are_needed(
    named: Review, change: dict[str, Any], code: str
) -> None:
    assert refused(named, subject("admin"), third().sub, **change) == code


def test_only_an_admin_who_is_there_gets_what_another_decided(named: Review) -> None:
    for who in (subject("member2"), subject("auditor"), subject("admin")):
        assert refused(named, subject("admin"), who) == "not_reviewer"
    assert refused(named, subject("admin"), "auth0|nobody") == "unknown_reviewer"
    frozen("admin2")
    assert refused(named, subject("admin"), subject("admin2"), by=tess()) == "not_reviewer"


def test_nobody_who_is_here_loses_a_review(owned: Review) -> None:
    assert refused(owned, subject("member2"), third().sub) == "not_frozen"
    assert waits_for(person("member2"), owned) == {subject("member2")}


def test_no_review_is_reassigned_that_is_closed_or_is_being_closed(named: Review) -> None:
    Review.objects.filter(pk=named.pk).update(lease=work_lease.until())
    assert refused(named, subject("admin"), third().sub) == "being_closed"
    Review.objects.filter(pk=named.pk).update(lease=None)
    close(named)
    assert refused(named, subject("admin"), third().sub) == "review_closed"
    with pytest.raises(Refused, match="no such review"):
        perform(
            admin("admin2"), "review.reassign", Target("review", str(uuid7())), reason="x",
            params={"person": {"iss": "i", "sub": "s"}, "reviewer": {"iss": "i", "sub": "s"}},
        )  # fmt: skip


def test_what_was_decided_meanwhile_is_not_reassigned(owned: Review) -> None:
    decide(person("member1"), owned.items.get(sub=subject("member1")), "keep")
    with pytest.raises(NothingToDo):
        reassign(owned, subject("member1"), third().sub)
    assert not events("review.reassigned")


def test_what_was_revoked_meanwhile_is_not_reassigned(owned: Review) -> None:
    item = owned.items.get(sub=subject("member1"))
    ConnectedAccount.objects.filter(pk=item.account).update(state=State.REVOKED)
    with pytest.raises(NothingToDo):
        reassign(owned, subject("member1"), third().sub)


def test_a_reviewer_who_lost_the_role_decides_nothing_and_is_followed_by_another(
    named: Review,
) -> None:
    reassign(named, subject("admin"), third().sub)
    Person.objects.filter(sub=third().sub).update(roles=[])
    item = named.items.get(sub=subject("member1"))
    assert refusal(tess(), "review.decide", Target("review_item", str(item.pk)),
                   params={"choice": "keep"}) == "not_permitted"  # fmt: skip
    stale = replace(tess(), roles=frozenset({"admin"}))
    assert refusal(stale, "review.decide", Target("review_item", str(item.pk)),
                   params={"choice": "keep"}) == "not_permitted"  # fmt: skip
    Freeze.objects.create(kind="person", name=third().sub, by="x", since=clock.now())
    reassign(named, third().sub, third("rosa").sub)
    rosa = third("rosa").as_actor("web")
    assert waits_for(rosa, named) >= {subject("member1"), subject("member2")}


def test_the_role_that_is_lost_before_the_commit_counts(
    named: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    third()
    locking = reassign_reviewer._open_review

    def meanwhile(given: Target) -> Review:
        Person.objects.filter(sub=third().sub).update(roles=["operator"])
        return locking(given)

    monkeypatch.setattr(reassign_reviewer, "_open_review", meanwhile)
    assert refused(named, subject("admin"), third().sub) == "not_reviewer"
    assert named.reassignments == []


def test_the_new_reviewer_is_told_at_once_and_reminded(named: Review) -> None:
    ReviewLetter.objects.all().delete()
    reassign(named, subject("admin"), third().sub)
    letters = ReviewLetter.objects.filter(person=third(), review=named)
    assert letters.filter(due__lte=clock.now()).count() == 1


def erased(sub: str) -> None:
    """Erase a person as the job of an erasure does, with its entries."""
    made = Erasure(
        id=uuid7(),
        subject=Person(iss=person("admin").iss, sub=sub).subject.key,
        operation=f"erase {sub}",
        begun=clock.now(),
    )
    approved_scope.begin(made)
    record(admin("admin2"), "subject.erased", outcome="pending", operation=made.operation,
           target=Target("subject", made.subject), data=approved_scope.scope(made))  # fmt: skip
    sequencer.run_once()
    for _ in range(4):
        told = job.go_on(made)
        sequencer.run_once()
    assert "VACUUM" in told.detail, told  # the last step, which no test's transaction lets pass


def problems() -> list[str]:
    sequencer.run_once()
    return [one.message for one in verify.run().problems]


def test_an_erasure_of_who_left_loses_nobody_who_decides(named: Review) -> None:
    reassign(named, subject("admin"), third().sub)
    erased(subject("admin"))
    named.refresh_from_db()
    assert subject("admin") not in str(named.reassignments)
    assert named.reassignments[0]["reviewer"]["sub"] == third().sub
    assert waits_for(tess(), named) >= {subject("member1"), subject("member2")}
    [told] = events("review.reassigned")
    assert "from a person who was erased to Tess" in action_registry.sentence(told)
    assert problems() == []


def test_two_erased_reviewers_are_not_taken_for_one_another(owned: Review) -> None:
    """Mia's part goes to Tess, and Milo's to Rosa and then to Anya; Tess and Rosa are erased."""
    frozen("member2")
    reassign(owned, subject("member1"), third().sub)
    reassign(owned, subject("member2"), third("rosa").sub)
    Freeze.objects.create(kind="person", name=third("rosa").sub, by="x", since=clock.now())
    reassign(owned, third("rosa").sub, subject("admin2"), by=admin())
    assert waits_for(admin("admin2"), owned) == {subject("member2")}
    for who in ("tess", "rosa"):
        erased(third(who).sub)
    owned.refresh_from_db()
    assert "auth0|tess" not in str(owned.reassignments)
    assert "auth0|rosa" not in str(owned.reassignments)
    assert waits_for(admin("admin2"), owned) == {subject("member2")}
    assert problems() == []


def test_an_erasure_of_an_owner_who_left_is_no_finding(owned: Review) -> None:
    reassign(owned, subject("member1"), third().sub)
    erased(subject("member1"))
    owned.refresh_from_db()
    assert waits_for(person("member2"), owned) == {subject("member2")}
    assert problems() == []


def test_an_erasure_of_the_new_reviewer_is_no_finding(named: Review) -> None:
    reassign(named, subject("admin"), third().sub)
    erased(third().sub)
    named.refresh_from_db()
    assert "auth0|tess" not in str(named.reassignments)
    assert problems() == []


def edited(change: Callable[[list[Any]], Any]) -> Callable[[Review], object]:
    def edit(review: Review) -> object:
        change(review.reassignments)
        return Review.objects.filter(pk=review.pk).update(reassignments=review.reassignments)

    return edit


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (edited(lambda rows: rows[0]["person"].update(sub="auth0|x")), "another person"),
        (edited(lambda rows: rows[0]["reviewer"].update(sub="auth0|x")), "another reviewer"),
        (edited(lambda rows: rows[0]["by"].update(sub="auth0|x")), "another admin"),
        (edited(lambda rows: rows[0].update(at="2026-01-01T00:00:00Z")), "another time"),
        (edited(lambda rows: rows[0].update(event="")), "no entry says so"),
        (edited(lambda rows: rows[0].pop("at")), "cannot be read"),
        (edited(lambda rows: rows.append({"event": "x"})), "cannot be read"),
        (edited(lambda rows: rows.clear()), "is missing from its access review"),
        (edited(lambda rows: rows[0]["person"].update(sub="[erased]")), "another person"),
    ],
)
def test_who_edits_it_in_the_database_is_named(
    named: Review, edit: Callable[[Review], object], says: str
) -> None:
    reassign(named, subject("admin"), third().sub)
    assert problems() == []
    edit(named)
    assert any(says in message for message in problems()), problems()


def test_the_frozen_list_stays_as_it_was(named: Review) -> None:
    before = list(ReviewItem.objects.filter(review=named).values())
    reassign(named, subject("admin"), third().sub)
    assert list(ReviewItem.objects.filter(review=named).values()) == before
