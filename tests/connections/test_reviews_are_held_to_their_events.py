"""Whoever edits an access review or a decision in the database alone is named by the verifier."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from audit.recording.actors import Target
from audit.recording.record import record
from audit.sequencing import sequencer
from audit.verification import verify
from connections.component_manifests.manifest_store import Declaration
from connections.models import Review, ReviewItem
from tests.accounts.trail import events
from tests.audit.factories import OLU
from tests.connections.campaign import (
    ADMINS,
    _people,
    admin,
    close,
    connected,
    decide,
    mia,
    only,
    opened,
)

__all__ = ["_people", "mia"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def decided(mia: object, github_mcp: Declaration) -> Review:
    """A closed review of one account that was kept, and one that is open."""
    review = opened(**ADMINS)
    decide(admin(), only(review), "reduce", "needs less")
    decide(admin(), only(review), "keep", "needs it after all")
    close(review)
    connected("member2", "slack")
    opened(title="Autumn", connection="slack")
    sequencer.run_once()
    return review


def found() -> set[tuple[int | None, str]]:
    report = verify.run()
    assert {problem.code for problem in report.problems} <= {"decision"}, report.problems
    return {(problem.index, problem.message) for problem in report.problems}


def index_of(action: str, which: int = -1) -> int:
    index = events(action)[which]["index"]
    assert isinstance(index, int)
    return index


def test_honest_reviews_raise_no_alarm(decided: Review) -> None:
    assert found() == set()


def items(**bent: Any) -> Callable[[Review], object]:
    return lambda review: review.items.update(**bent)


def reviews(**bent: Any) -> Callable[[Review], object]:
    return lambda review: Review.objects.filter(pk=review.pk).update(**bent)


def later(review: Review) -> None:
    review.items.update(decided_at=review.opened_at + timedelta(days=3))


def to_the_first_event(review: Review) -> None:
    first = events("review.decided")[0]
    review.items.update(choice="reduce", reason="needs less", event=first["id"])


@pytest.mark.parametrize(
    ("bend", "says", "where"),
    [
        (items(choice="revoke"), "another choice", "review.decided"),
        (items(reason="because"), "another reason", "review.decided"),
        (items(decided_sub="auth0|other"), "another person", "review.decided"),
        (items(self_review=True), "another relation to the owner", "review.decided"),
        (items(operation="op-nobody-asked"), "another revocation", "review.decided"),
        (items(event="0"), "another event", "review.decided"),
        (later, "another time", "review.decided"),
        (to_the_first_event, "another choice", "review.decided"),
        (items(choice="", reason="", event=""), "another choice", "review.decided"),
        (items(scopes=["repo"]), "another list of accounts", "review.opened"),
        (lambda review: review.items.all().delete(), "is missing from its", "review.decided"),
        (reviews(title="Winter"), "another title", "review.opened"),
        (reviews(reviewers="owners"), "another reviewers", "review.opened"),
        (reviews(admins=[]), "another reviewers", "review.opened"),
        (reviews(wanted={}), "another filter", "review.opened"),
        (reviews(digest="0" * 64), "another digest of its list", "review.opened"),
        (reviews(result="{}"), "another result", "review.closed"),
        (reviews(result_digest="0" * 64), "another digest of its result", "review.closed"),
        (reviews(closed_by="auth0|other"), "another closer", "review.closed"),
        (reviews(closed_event=""), "no access review in the database", "review.closed"),
        (reviews(opened_event=""), "no access review in the database", "review.opened"),
        (reviews(closed_at=None), "another time of closing", "review.closed"),
    ],
)
def test_a_review_that_was_edited_in_the_database_is_named(
    decided: Review, bend: Callable[[Review], object], says: str, where: str
) -> None:
    bend(decided)
    index = index_of(where) if where != "review.opened" else index_of(where, 0)
    assert any(at == index and says in message for at, message in found()), found()


def test_what_no_entry_tells_of_and_what_is_gone_is_named(decided: Review) -> None:
    open_one = Review.objects.exclude(pk=decided.pk).get()
    only(open_one)
    ReviewItem.objects.filter(review=open_one).update(choice="keep", event="x")
    Review.objects.filter(pk=open_one.pk).update(closed_by="auth0|admin", result="{}")
    said = {message for _, message in found()}
    assert f"account 1 of {open_one.pk} is decided, and no entry says so" in said
    assert f"access review {open_one.pk} is closed, and no entry tells of it" in said
    decided.delete()
    assert "no access review in the database is of this entry" in {
        message for at, message in found() if at == index_of("review.opened", 0)
    }


def test_an_entry_that_names_no_review_stops_no_reading(decided: Review) -> None:
    for action in ("review.opened", "review.decided", "review.closed"):
        record(OLU, action, target=Target("connection", "slack"))
    sequencer.run_once()
    assert found() == set()
    decided.items.update(choice="revoke")
    assert {at for at, _ in found()} == {index_of("review.decided", -2)}
