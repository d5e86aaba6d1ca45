"""Whoever blanks rows as if erased, while an erasure is under way or was stopped, is found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command

from approvals import clock
from approvals.erasure import approved_scope, erasure_list_file, job, record_of_emptied_columns
from approvals.models import Erasure, ErasureState, LegalHold, Person
from approvals.pipeline.service import perform
from audit.clock import uuid7
from audit.erasure import subject_and_store_registry
from audit.erasure.subject_and_store_registry import MARK
from audit.evidence import storage
from audit.recording.actors import SYSTEM, Actor, Target
from audit.recording.record import record
from audit.sequencing import sequencer
from connections.models import ConnectedAccount, Review, ReviewItem
from tests.accounts.trail import events
from tests.approvals.people_of import acting
from tests.attacks.tamper.verifying import report, verified

pytestmark = pytest.mark.django_db

ISS = "https://issuer.example/"
MIA = Actor(iss=ISS, sub="auth0|canary-mia", name="Mia Canary-Member", email="mia@acme.example")
OLU = Actor(iss=ISS, sub="auth0|olu", name="Olu Operator", email="olu@acme.example")
SPRING = f"Spring of {MIA.email}"  # a name alone is no identity and would stay
OPERATION = "op-erase-mia"


@pytest.fixture(autouse=True)
def _own_ground(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    settings.EVIDENCE_KEY = bytes(range(32))
    settings.LEDGER_ORIGIN, settings.LEDGER_KEY_FILE = "ledger.example/test", None
    storage.forget_read()
    cache.clear()


def account(person: Actor, connection: str) -> None:
    now = clock.now()
    ConnectedAccount.objects.create(
        iss=person.iss,
        sub=person.sub,
        connection=connection,
        auth0_id=f"cac_{connection}",
        label=f"{connection}-label-of-one",
        state_since=now,
        source="management",
        seen_at=now,
        watched_since=now,
    )


def review(title: str) -> Review:
    target = Target("review", str(uuid7()))
    due = (clock.now() + timedelta(days=2)).date().isoformat()
    params = {"title": title, "due": due, "reviewers": "owners"}
    perform(acting("admin", "admin"), "review.open", target, params=params)
    return Review.objects.get(pk=target.name)


def line(of: Actor, connection: str, title: str = SPRING) -> ReviewItem:
    return ReviewItem.objects.get(review__title=title, sub=of.sub, connection=connection)


def keep(who: Actor, item: ReviewItem) -> None:
    keeps = {"choice": "keep"}
    reason = "because it is needed"
    perform(who, "review.decide", Target("review_item", str(item.pk)), params=keeps, reason=reason)


@pytest.fixture
def erasing() -> Erasure:
    """Mia and Olu decided on their accounts; the erasure of Mia has emptied the first store."""
    now = clock.now()
    for person in (MIA, OLU):
        Person.objects.create(
            iss=person.iss, sub=person.sub, name=person.name, email=person.email, updated=now
        )
    account(MIA, "github")
    account(OLU, "slack")
    account(OLU, "notion")
    for title in (SPRING, "Autumn"):
        review(title)
        keep(OLU, line(OLU, "slack", title))
    keep(MIA, line(MIA, "github"))
    made = Erasure(id=uuid7(), subject=MIA.key, operation=OPERATION, begun=now)
    approved_scope.begin(made)
    record(acting("admin", "admin"), "subject.erased", outcome="pending", operation=OPERATION,
           target=Target("subject", MIA.key), data=approved_scope.scope(made))  # fmt: skip
    sequencer.run_once()
    assert job.go_on(made, budget_s=-1.0).state == "pending"
    made.refresh_from_db()
    (first,) = (
        store for store in subject_and_store_registry.stores() if store.name == "connections"
    )
    job._erase_one(made, first, float("inf"))
    made.refresh_from_db()
    assert set(made.steps) == {"connections"}
    return made


@pytest.fixture
def stopped(erasing: Erasure) -> Erasure:
    """The same after a legal hold stopped it, and the log says so."""
    now = clock.now()
    LegalHold.objects.create(
        id=uuid7(), subject=MIA.key, matter="m", reason="r", placed_at=now, placed_by="auth0|admin"
    )
    told = job.go_on(erasing)
    assert told.state == "failed"
    assert job.go_on(erasing) == told, "asked again after a crash it tells the same"
    record(SYSTEM, "subject.erased", outcome="failure", operation=OPERATION, data=dict(told.data),
           target=Target("subject", MIA.key))  # fmt: skip
    sequencer.run_once()
    erasing.refresh_from_db()
    assert erasing.state == ErasureState.FAILED
    return erasing


def test_what_an_erasure_took_so_far_is_no_finding(erasing: Erasure) -> None:
    assert verified() == {}
    mias = ReviewItem.objects.get(decided_sub=MARK)
    assert (mias.sub, mias.reason) == (MARK, "") and events("review.decided")[-1]["reason"]
    assert Review.objects.filter(title=f"Spring of {MARK}").exists()


def test_nor_is_what_it_had_taken_when_it_was_stopped(stopped: Erasure) -> None:
    assert verified() == {}
    assert len(stopped.emptied) == 2  # the line of hers, and the review that names her
    said = events("subject.erased")[-1]["data"]
    assert {
        name: said[name] for name in ("rows", "rows_sha256")
    } == record_of_emptied_columns.as_data(stopped)


def olus(**bent: Any) -> Callable[[], Any]:
    """Blank what Olu decided in the review that names Mia."""
    return lambda: ReviewItem.objects.filter(
        review__title=f"Spring of {MARK}", decided_sub=OLU.sub
    ).update(**bent)


def title_of_another() -> None:
    Review.objects.filter(title="Autumn").update(title=MARK)


def admins_of_hers() -> None:
    Review.objects.filter(title=f"Spring of {MARK}").update(opened_by=MARK)


BLANKS = [
    pytest.param(olus(decided_sub=MARK, reason=""), "review.decided", 0, "person", id="a decision"),
    pytest.param(olus(decided_sub=""), "review.decided", 0, "person", id="a name"),
    pytest.param(olus(reason=""), "review.decided", 0, "reason", id="a reason"),
    pytest.param(olus(reason=f"because {MARK}"), "review.decided", 0, "reason", id="half a reason"),
    pytest.param(title_of_another, "review.opened", 1, "title", id="a title"),
    pytest.param(admins_of_hers, "review.opened", 0, "opener", id="who opened the review of hers"),
]


def assert_named(action: str, which: int, what: str) -> None:
    at = events(action)[which]["index"]
    found = [(one["code"], one["index"], one["message"]) for one in report()["problems"]]
    assert any(f[:2] == ("decision", at) and f"another {what}" in f[2] for f in found), found


@pytest.mark.parametrize(("blank", "action", "which", "what"), BLANKS)
def test_another_persons_row_that_is_blanked_during_an_erasure_is_named(
    erasing: Erasure, blank: Callable[[], Any], action: str, which: int, what: str
) -> None:
    blank()
    assert_named(action, which, what)


@pytest.mark.parametrize(("blank", "action", "which", "what"), BLANKS)
def test_another_persons_row_that_is_blanked_after_a_stopped_erasure_is_named(
    stopped: Erasure, blank: Callable[[], Any], action: str, which: int, what: str
) -> None:
    blank()
    assert_named(action, which, what)


def test_a_row_of_hers_that_the_erasure_had_not_reached_is_named(stopped: Erasure) -> None:
    account(MIA, "jira")
    review("Winter")
    keep(MIA, line(MIA, "jira", "Winter"))
    sequencer.run_once()
    assert verified() == {}
    ReviewItem.objects.filter(review__title="Winter", sub=MIA.sub).update(
        decided_sub=MARK, reason=""
    )
    assert_named("review.decided", -1, "person")


def listed(erasure: Erasure) -> None:
    """Olu's row on the list of what the erasure emptied."""
    (item,) = ReviewItem.objects.filter(decided_sub=OLU.sub, review__title="Autumn")
    rows = {**erasure.emptied, record_of_emptied_columns.name_of(item): ["decided_sub", "reason"]}
    Erasure.objects.filter(pk=erasure.pk).update(emptied=rows)
    ReviewItem.objects.filter(pk=item.pk).update(decided_sub=MARK, reason="")


def test_the_list_of_a_stopped_erasure_is_the_one_in_its_entry(stopped: Erasure) -> None:
    listed(stopped)
    assert_named("review.decided", 1, "person")
    Erasure.objects.filter(pk=stopped.pk).update(state=ErasureState.PENDING)
    assert_named("review.decided", 1, "person")


def test_an_erasure_under_way_excuses_no_other_person_whatever_its_list_says(
    erasing: Erasure,
) -> None:
    listed(erasing)
    assert_named("review.decided", 1, "person")


def test_an_erasure_that_was_written_into_the_database_excuses_nothing(stopped: Erasure) -> None:
    forged = Erasure.objects.create(
        id=uuid7(), subject=OLU.key, operation="op-forged", index=0, begun=clock.now()
    )
    listed(forged)
    assert_named("review.decided", 1, "person")


def test_without_the_list_of_erasures_nothing_is_excused(stopped: Erasure) -> None:
    erasure_list_file.path().write_text("0 {}\n")
    assert_named("review.opened", 0, "title")


def ended_before_lists(erasure: Erasure, state: str, **told: Any) -> int:
    """As a release of before left it: no list in the row, and none in the entry of the end."""
    record(SYSTEM, "subject.erased", operation=OPERATION, target=Target("subject", MIA.key),
           data={"subject": MIA.key, "ranges": [], **told},
           outcome="success" if state == ErasureState.DONE else "failure")  # fmt: skip
    Erasure.objects.filter(pk=erasure.pk).update(state=state, emptied={}, seal="")
    sequencer.run_once()
    index: int = events("subject.erased")[-1]["index"]
    return index


def test_a_finished_erasure_from_before_the_lists_is_noted_and_no_finding(
    erasing: Erasure,
) -> None:
    for model in (Review, ReviewItem):  # whose values the log has lost as well
        model._default_manager.all().delete()
    end = ended_before_lists(erasing, ErasureState.DONE, certificate=True)
    found = report()
    [note] = found["notes"]
    assert (note["code"], note["index"]) == ("unlisted", end)
    assert "nothing depends on it" in note["message"]
    assert not any("erasure" in one["message"] for one in found["problems"])


def test_one_that_was_stopped_before_the_lists_is_noted_and_excuses_nothing(
    erasing: Erasure,
) -> None:
    end = ended_before_lists(erasing, ErasureState.FAILED, failure="legal_hold")
    found = report()
    [note] = found["notes"]
    assert (note["code"], note["index"]) == ("unlisted", end)
    assert "is named like one that someone blanked" in note["message"]
    assert_named("review.opened", 0, "title")
    listed(erasing)
    assert_named("review.decided", 1, "person")
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("verify_ledger", stdout=out)
    assert f"unlisted: index {end}: the erasure" in out.getvalue()
    assert "(no finding)" in out.getvalue()
