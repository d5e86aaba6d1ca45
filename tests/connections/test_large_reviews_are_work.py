"""A large review opens and closes as work: nobody waits, and the result is the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from approvals import clock
from approvals.errors import Refused
from approvals.models import Person
from approvals.pipeline.service import perform
from audit.clock import uuid7
from audit.erasure import subject_and_store_registry
from audit.recording.actors import Target
from connections.access_reviews import (
    frozen_account_list,
    large_reviews,
    signed_result_file,
    store_closing_result,
    store_opening_list,
    work_lease,
)
from connections.access_reviews import queued_job_seals as sealed
from connections.models import ConnectedAccount, Review, ReviewItem, ReviewLines, ReviewWork
from tests.accounts.trail import events
from tests.connections.campaign import (
    LIST,
    TOMORROW,
    _people,
    admin,
    connected,
    file_of,
    opened,
    person,
)
from tests.connections.visitor import subject
from tests.support.pages import signed_in

__all__ = ["_people"]

FORM = {"title": "Spring", "due": TOMORROW, "reviewers": "owners", "do": "open"}
PARAMS = {"title": "Spring", "due": TOMORROW, "reviewers": "owners"}


@pytest.fixture(autouse=True)
def _three(monkeypatch: pytest.MonkeyPatch, _people: None) -> None:
    """Three accounts, which are many here."""
    monkeypatch.setattr(large_reviews, "AT_ONCE", 2)
    for who in ("member1", "member2", "member2"):
        connected(who)


@pytest.fixture
def anya(_people: None) -> Client:
    return signed_in("admin", "admin")


def asked() -> ReviewWork:
    return ReviewWork.objects.get()


def again() -> int:
    """The worker comes by once more, later."""
    ReviewWork.objects.exclude(due=None).update(due=clock.now())
    return large_reviews.run_due()


def written(id: UUID, verb: str, params: dict[str, str]) -> ReviewWork:
    """What an admin asked, stored as `work.begin` does."""
    by, now = {"iss": admin().iss, "sub": admin().sub}, clock.now()
    row = ReviewWork(review=id, verb=verb, actor=by, params=params, asked=now, due=now)
    sealed.seal(row).save(force_insert=True)
    return row


def ask_to_open() -> UUID:
    id = uuid7()
    assert not large_reviews.begin(admin(), "review.open", Target("review", str(id)), PARAMS)
    return id


def text(client: Client, path: str = LIST, **more: Any) -> str:
    return client.get(path, **more).content.decode()


def test_whoever_opens_goes_on_and_the_worker_opens_it(anya: Client) -> None:
    answer = anya.post(f"{LIST}new/", FORM)
    assert answer["Location"] == LIST
    assert not Review.anyhow.exists() and not events("review.opened")
    page = text(anya)
    assert "is being opened" in page and "Spring" in page and 'hx-trigger="every 2s"' in page
    older = f"{LIST}?before={uuid7()}"
    assert f'hx-get="{older}" hx-trigger="every 2s"' in text(anya, older), "it stays on its page"
    assert not is_over(anya, LIST)
    assert large_reviews.run_due() == 1
    review = Review.objects.get()
    assert review.items.count() == 3 and frozen_account_list.stands(review).whole
    assert is_over(anya, LIST)
    assert not ReviewWork.objects.exists() and large_reviews.run_due() == 0
    [event] = events("review.opened")
    assert (event["actor"]["sub"], event["via"]) == (subject("admin"), "web")
    assert event["session"], "of the session in which it was asked for"


def test_a_small_one_opens_and_closes_at_once(
    anya: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large_reviews, "AT_ONCE", 3)
    assert anya.post(f"{LIST}new/", FORM)["Location"] == f"{LIST}{Review.objects.get().pk}/"
    anya.post(f"{LIST}{Review.objects.get().pk}/close/")
    assert Review.objects.get().closed_at and not ReviewWork.objects.exists()


def test_events_and_files_are_those_of_one_who_waits() -> None:
    at_once = opened()
    Review.objects.filter(pk=at_once.pk).update(title="Spring")
    id = ask_to_open()
    again()
    first, second = events("review.opened")
    told = [
        {k: v for k, v in e["data"].items() if k not in {"as_of", "scope_sha256"}}
        for e in (first, second)
    ]
    assert told[0] == told[1]
    for name in ("actor", "via", "severity", "outcome", "human"):
        assert first[name] == second[name]
    lists = [
        [
            frozen_account_list.facts(item)
            for item in Review.objects.get(pk=pk).items.order_by("number")
        ]
        for pk in (at_once.pk, id)
    ]
    assert lists[0] == lists[1]


def test_what_is_wrong_is_said_before_anybody_goes_on(anya: Client) -> None:
    for wrong, words in (
        ({"title": " "}, "Give the review a title."),
        ({"due": "2001-01-01"}, "The due day is today or later"),
        ({"reviewers": "admins"}, "Name at least one admin"),
    ):
        answer = anya.post(f"{LIST}new/", FORM | wrong)
        assert answer.status_code == 422 and words in answer.content.decode()
    assert not ReviewWork.objects.exists()


def test_too_many_and_a_missing_key_are_refused_at_once(
    anya: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = opened()
    monkeypatch.setattr(frozen_account_list, "MOST", 2)
    answer = anya.post(f"{LIST}new/", FORM)
    assert "takes 3 accounts of 2 at most" in answer.content.decode()
    monkeypatch.setattr("audit.keys.log_identity.seed", _no_key)
    anya.post(f"{LIST}{review.pk}/close/")
    assert not ReviewWork.objects.exists()


def _no_key() -> bytes:
    from audit.keys.log_identity import LedgerIdentityError

    raise LedgerIdentityError("it is not there")


def test_closing_says_how_far_it_is_and_is_signed_by_the_worker(
    anya: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = opened()
    path = f"{LIST}{review.pk}/"
    assert "Close and sign" in text(anya, path)
    anya.post(f"{path}close/")
    page = text(anya, path)
    assert "Being closed." in page and "Leave it open" in page and "Close and sign" not in page
    seen = []
    monkeypatch.setattr(frozen_account_list, "BATCH", 1)
    real = work_lease.go_on

    def look(one: Review) -> None:
        real(one)
        piece = anya.get(path, headers={"HX-Request": "true"})
        assert "HX-Retarget" not in piece and b"<html" not in piece.content
        seen.append(piece.context["closing"].done)

    monkeypatch.setattr(work_lease, "go_on", look)
    assert large_reviews.run_due() == 1
    assert seen == [0, 1, 2, 3] and is_over(anya, path)
    review.refresh_from_db()
    assert (
        review.closed_at and signed_result_file.stands(review).whole and len(file_of(review)) == 4
    )
    [event] = events("review.closed")
    assert event["data"]["result_sha256"] == review.result_digest
    assert event["actor"]["sub"] == subject("admin")


def text_after(client: Client, path: str) -> str:
    return client.post(path, follow=True).content.decode()


def is_over(client: Client, path: str) -> bool:
    """Whether a poll ends in the whole page, put in the place of what is shown and not reloaded."""
    answer = client.get(path, headers={"HX-Request": "true"})
    assert "HX-Refresh" not in answer
    if "HX-Retarget" not in answer:
        return False
    assert [answer[f"HX-Re{name}"] for name in ("target", "select")] == ["#main", "#main"]
    assert answer["HX-Reswap"] == "outerHTML"
    page = answer.content.decode()
    return '<main id="main"' in page and "every 2s" not in page


def test_asking_twice_is_one_piece_of_work(anya: Client) -> None:
    id = ask_to_open()
    with pytest.raises(Refused) as refused:
        large_reviews.begin(admin(), "review.open", Target("review", str(id)), PARAMS)
    assert refused.value.code == "being_opened"
    again()
    review = Review.objects.get()
    close = f"{LIST}{review.pk}/close/"
    anya.post(close)
    page = anya.post(close, follow=True).content.decode()
    assert "It is being closed." in page and ReviewWork.objects.count() == 1
    again()
    assert len(events("review.closed")) == 1
    assert "It is closed already." in anya.post(close, follow=True).content.decode()


@pytest.mark.parametrize("verb", ["review.open", "review.close"])
def test_one_that_was_done_otherwise_meanwhile_is_no_failure(verb: str) -> None:
    review = opened()
    written(review.pk, verb, PARAMS if verb == "review.open" else {})
    if verb == "review.close":
        from approvals.pipeline.service import perform

        perform(admin(), verb, Target("review", str(review.pk)))
    large_reviews.run_due()
    assert not ReviewWork.objects.exists()
    assert len(events("review.opened")) == 1


@pytest.mark.parametrize("when", ["before", "while it writes", "as it commits"])
@pytest.mark.parametrize("verb", ["open", "close"])
def test_it_can_be_stopped_until_it_is_done(
    anya: Client, monkeypatch: pytest.MonkeyPatch, verb: str, when: str
) -> None:
    review = opened() if verb == "close" else None
    id = review.pk if review else ask_to_open()
    if review:
        anya.post(f"{LIST}{id}/close/")
    stop: Callable[..., Any] = lambda *_: anya.post(f"{LIST}{id}/cancel/")  # noqa: E731
    if when == "before":
        stop()
    elif when == "while it writes":
        real = work_lease.batch
        monkeypatch.setattr(work_lease, "batch", lambda pk: (stop(), real(pk))[1])
    else:
        module = store_closing_result if verb == "close" else store_opening_list
        write: Callable[..., Any] = module.write
        monkeypatch.setattr(module, "write", lambda *given: (write(*given), stop())[0])
    large_reviews.run_due()
    assert not events("review.closed") and len(events("review.opened")) == (1 if review else 0)
    if review:
        review.refresh_from_db()
        assert review.closed_at is None
    store_closing_result.tidy(later := clock.now() + work_lease.SILENT * 2)
    store_opening_list.tidy(later)
    assert not ReviewLines.objects.exists()
    assert Review.anyhow.count() == (1 if review else 0) and again() == 0
    assert "nothing to stop" in text_after(anya, f"{LIST}{id}/cancel/")


def test_who_lost_the_role_meanwhile_opens_nothing(anya: Client) -> None:
    id = ask_to_open()
    Person.objects.filter(sub=subject("admin")).update(roles=[])
    large_reviews.run_due()
    assert (asked().code, asked().due) == ("not_permitted", None)
    other = signed_in("admin2", "admin")  # who asked is an admin no more and sees no list of it
    assert "was not opened" not in text(anya)
    page = text(other)
    assert "was not opened." in page and asked().detail in page and "every 2s" not in page
    assert large_reviews.run_due() == 0, "it is not tried again"
    other.post(f"{LIST}{id}/cancel/")
    assert not ReviewWork.objects.exists() and "was not opened" not in text(other)


def test_a_closing_that_failed_says_so_and_can_be_asked_for_again(
    anya: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = opened()
    path = f"{LIST}{review.pk}/"
    anya.post(f"{path}close/")
    with monkeypatch.context() as broken:
        broken.setattr(signed_result_file, "read", lambda _: 1 / 0)
        large_reviews.run_due()
    page = text(anya, path)
    assert "It was not closed." in page and "Close and sign" in page and is_over(anya, path)
    anya.post(f"{path}close/")
    again()
    review.refresh_from_db()
    assert review.closed_at


def test_accounts_that_went_meanwhile_leave_nothing_to_review() -> None:
    ask_to_open()
    ConnectedAccount.objects.all().delete()
    large_reviews.run_due()
    assert asked().code == "nothing_to_review" and not Review.anyhow.exists()


def test_an_erasure_stops_it_and_it_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    ask_to_open()
    real = work_lease.batch

    def stopped(one: Review) -> Any:
        work_lease.stop_all()
        return real(one)

    with monkeypatch.context() as erased:
        erased.setattr(work_lease, "batch", stopped)
        large_reviews.run_due()
    assert not Review.anyhow.exists() and asked().due
    assert again() == 1 and Review.objects.count() == 1


def test_who_asked_and_is_erased_is_taken_out_of_what_they_asked() -> None:
    ask_to_open()
    who = admin()
    [store] = [one for one in subject_and_store_registry.stores() if one.name == "connections"]
    store.erase(
        subject_and_store_registry.Whose(who.key, ((who.iss, who.sub),), (who.sub, who.name))
    )
    assert who.sub not in str(asked().actor) and who.name not in str(asked().actor)
    again()
    assert asked().code == "not_permitted" and not Review.anyhow.exists()


def test_another_worker_leaves_alone_what_one_is_at() -> None:
    id = ask_to_open()
    Review.anyhow.create(
        id=id,
        title="Spring",
        due=clock.now(),
        opened_at=clock.now(),
        digest="",
        lease=work_lease.until(),
    )
    assert large_reviews.run_due() == 1
    due = asked().due
    assert due and due > clock.now() + timedelta(seconds=5)
    assert not ReviewItem.objects.exists()


@pytest.mark.parametrize(
    "stopped", [Refused("being_opened", ""), Refused("not_permitted", ""), RuntimeError("disk")]
)
def test_a_worker_that_was_too_slow_says_nothing_about_what_another_took_over(
    monkeypatch: pytest.MonkeyPatch, stopped: Exception
) -> None:
    ask_to_open()
    theirs = clock.now() + timedelta(hours=1)

    def slow(*_: object, **__: object) -> None:
        ReviewWork.objects.update(due=theirs)
        raise stopped

    monkeypatch.setattr(large_reviews, "perform", slow)
    assert large_reviews.run_due() == 1
    assert (asked().due, asked().code) == (theirs, "")


@pytest.mark.parametrize("when", ["while it writes", "as it commits"])
@pytest.mark.parametrize("verb", ["open", "close"])
def test_who_was_silent_for_too_long_leaves_alone_what_another_writes_by_then(
    monkeypatch: pytest.MonkeyPatch, verb: str, when: str
) -> None:
    review = opened() if verb == "close" else None
    id, theirs = review.pk if review else uuid7(), clock.now() + timedelta(hours=1)

    def another_takes_over() -> int:
        return Review.anyhow.filter(pk=id).update(lease=theirs)

    if when == "while it writes":
        real = work_lease.batch
        monkeypatch.setattr(work_lease, "batch", lambda one: (another_takes_over(), real(one))[1])
    else:
        module = store_closing_result if verb == "close" else store_opening_list
        write: Callable[..., Any] = module.write
        monkeypatch.setattr(
            module, "write", lambda *given: (write(*given), another_takes_over())[0]
        )
    with pytest.raises(Refused) as stopped:
        params = {} if verb == "close" else PARAMS
        perform(admin(), f"review.{verb}", Target("review", str(id)), params=params)
    assert stopped.value.code == "interrupted"
    kept = Review.anyhow.get(pk=id)
    assert (kept.lease, kept.closed_at) == (theirs, None) and bool(kept.digest) == bool(review)


def test_only_admins_stop_it() -> None:
    id = ask_to_open()
    path = f"{LIST}{id}/cancel/"
    for who, roles in (("member1", ()), ("auditor", ("auditor",))):
        assert signed_in(who, *roles).post(path).status_code == 403
    assert Client().post(path).status_code in {302, 403}
    assert signed_in("admin", "admin").get(path).status_code == 405
    assert "Do not open it" not in text(signed_in("auditor", "auditor"))
    assert "is being opened" not in text(signed_in("member1"))
    assert asked().due


def test_a_member_decides_until_it_is_really_closed() -> None:
    from approvals.pipeline.service import perform

    review = opened()
    assert not large_reviews.begin(admin(), "review.close", Target("review", str(review.pk)), {})
    item = review.items.filter(sub=subject("member1")).get()
    perform(
        person("member1"),
        "review.decide",
        Target("review_item", str(item.pk)),
        params={"choice": "keep"},
    )
    again()
    assert events("review.closed")[0]["data"]["kept"] == 1


@pytest.mark.parametrize(
    "turned",
    [
        {"seal": ""},
        {"verb": "review.close"},
        {"params": PARAMS | {"reviewers": "admins"}},
        {"actor": {"iss": "https://elsewhere.example/", "sub": "auth0|other"}},
        {"asked": clock.now() - timedelta(days=1)},
    ],
    ids=lambda turned: next(iter(turned)),
)
def test_a_row_that_somebody_turned_is_not_done_and_raises_an_alarm(
    turned: dict[str, Any],
) -> None:
    """Who can write to the database makes no decision in an admin's name."""
    id = ask_to_open()
    ReviewWork.objects.filter(pk=id).update(**turned)
    assert [wrong.message for wrong in sealed.problems()] == [
        f"the work on review {id} is not what was asked"
    ]
    again()
    row = asked()
    assert (row.due, row.code) == (None, sealed.CODE) and "wrote to the database" in row.detail
    (alarm,) = events("ledger.alarm")
    assert alarm["data"] == {"code": sealed.CODE, "review": str(id)}
    assert not Review.objects.exists() and not events("review.opened")
    assert large_reviews.run_due() == 0
