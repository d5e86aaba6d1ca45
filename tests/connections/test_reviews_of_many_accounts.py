"""A review of many accounts: chosen as the inventory chooses, frozen and signed piece by piece."""

from __future__ import annotations

import gc
import hashlib
import json
import re
import tracemalloc
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import clock
from approvals.models import Person
from approvals.pipeline.service import perform
from audit.keys import log_identity
from audit.ledger import note
from audit.ledger.format.canonical import canonical
from audit.ledger.offline import access_review_check as review_files
from audit.models import EventRow
from audit.recording.actors import Target
from audit.sequencing import sequencer
from connections.access_reviews import frozen_account_list, signed_result_file
from connections.access_reviews.account_filter import SHOWS, STATES, Wanted, take
from connections.auth_ibom import fact_collection as ibom
from connections.models import (
    Choice,
    ConnectedAccount,
    Review,
    ReviewItem,
    ReviewLetter,
    ReviewLines,
)
from connections.status import state_filters
from connections.views import access_review_pages
from tests.accounts.trail import events
from tests.connections.campaign import (
    LIST,
    _people,
    admin,
    close,
    connected,
    file_of,
    opened,
)
from tests.connections.town import Known, known_at, settle
from tests.connections.visitor import subject
from tests.support.pages import signed_in

__all__ = ["_people"]


def chosen(known: Known, wanted: Wanted) -> set[Any]:
    """The accounts of a filter, said once more and plainly."""
    return {
        pk
        for pk, values in known.items()
        if values["state"] & {wanted.state or code for code in STATES}
        and (not wanted.connection or wanted.connection in values["connection"])
        and (not wanted.show or wanted.show in values["show"])
    }


def test_a_review_takes_what_stands_so_as_the_inventory_tells_it(
    github_mcp: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle()
    now = clock.now()
    known = known_at(now)
    ending = {"revoked", "revocation_pending"}
    known = {pk: values for pk, values in known.items() if not values["state"] & ending}
    # What is frozen is so whatever its row says; what is gone stays gone.
    sizes = set()
    for state, show, service in product(("", *STATES), SHOWS, ("", "github")):
        wanted = Wanted(service, str(state), show)
        taken = take(wanted, now)
        found = {account.pk for account in taken.found}
        assert found == chosen(known, wanted), wanted
        assert taken.number == len(found)
        assert taken.excess == sum("excess" in known[pk]["show"] for pk in found)
        owners = {next(iter(known[pk]["owner"])) for pk in found}
        assert taken.owners() == len(owners)
        sizes.add((state, bool(found)))
    assert {state for state, some in sizes if some} >= set(STATES), "each state is there"


def test_the_list_and_the_opening_event_say_how_accounts_stood(github_mcp: None) -> None:
    settle()
    review = opened(state="asleep", show="unseen")
    words = (
        "All accounts in the state “paused”, "
        "those not seen in use through our broker since tracking began"
    )
    assert {item.state for item in review.items.all()} == {"asleep"}
    [event] = events("review.opened")
    assert event["data"]["filter"] == review.wanted
    assert review.wanted == {
        "connection": "", "state": "asleep", "show": "unseen", "in_words": words,
    }  # fmt: skip
    # The words are those of its opening, whatever this house calls it later.
    Review.objects.update(wanted=review.wanted | {"in_words": "as it was called then"})
    page = signed_in("auditor", "auditor").get(f"{LIST}{review.id}/").content.decode()
    assert "as it was called then" in page and ">paused<" in page
    review.refresh_from_db()
    assert close(review)["review"]["filter"]["in_words"] == "as it was called then"


def test_the_form_offers_every_way_to_stand_and_counts_it(github_mcp: None) -> None:
    settle()
    anya = signed_in("admin", "admin")
    page = anya.get(f"{LIST}new/?state=expiring").content.decode()
    for code in STATES:
        assert f'value="{code}"' in page
    assert 'value="revoked"' not in page and 'value="revocation_pending"' not in page
    ground, now = state_filters.now(), clock.now()
    many = state_filters.standing_as(
        ConnectedAccount.objects.all(), "expiring", ground, now
    ).count()
    assert many and re.search(rf"<strong>{many} accounts?</strong>", page)


def many(number: int) -> None:
    now = clock.now()
    Person.objects.bulk_create(
        Person(
            iss=settings.ENV.issuer, sub=f"m{n}", email=f"m{n}@acme.example", name="M", updated=now
        )
        for n in range(number)
    )
    ConnectedAccount.objects.bulk_create(
        ConnectedAccount(
            iss=settings.ENV.issuer,
            sub=f"m{n}",
            connection="github",
            auth0_id=f"cac_{n}",
            scopes=["repo", "gist"],
            state_since=now,
            source="management",
            seen_at=now,
            watched_since=now,
        )
        for n in range(number)
    )


def test_a_list_in_pieces_has_the_digest_of_the_whole(
    github_mcp: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen_account_list, "BATCH", 3)
    many(10)
    connected("member1", "github", "répö")
    review = opened()
    items = list(review.items.order_by("number"))
    assert [item.number for item in items] == list(range(1, 12))
    told = {
        "review": str(review.id),
        "accounts": [frozen_account_list.facts(item) for item in items],
    }
    assert review.digest == hashlib.sha256(canonical(told)).hexdigest()
    document = close(review)
    assert [one["number"] for one in document["accounts"]] == list(range(1, 12))
    assert ReviewLines.objects.count() == 4
    file = file_of(review)
    assert review.result_digest == hashlib.sha256(b"".join(file)).hexdigest()
    assert review_files.check(file, [note.parse_vkey(log_identity.vkey())]).ok and len(file) == 12
    assert signed_result_file.stands(review).whole
    last = ReviewLines.objects.order_by("first").last()
    assert last is not None
    ReviewLines.objects.filter(pk=last.pk).update(text=last.text.replace("undecided", "keep"))
    assert signed_result_file.stands(review).altered
    page = signed_in("auditor", "auditor").get(f"{LIST}{review.id}/").content.decode()
    assert "The signed result was altered." in page


def test_an_empty_list_has_a_digest_too() -> None:
    told = {"review": "x", "accounts": []}
    assert frozen_account_list.digest("x", []) == hashlib.sha256(canonical(told)).hexdigest()


def peak(work: Callable[[], object]) -> int:
    """Bytes that a piece of work held at once."""
    gc.collect()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_five_times_the_accounts_take_no_more_memory(
    github_mcp: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen_account_list, "BATCH", 20)
    monkeypatch.setattr("connections.access_reviews.reminders._AT_ONCE", 20)
    if connection.vendor == "postgresql":  # the driver keeps the texts of the last 100 statements
        monkeypatch.setattr(connection.connection, "prepared_max", 2)
    many(60)
    close(opened(title="first"))  # what is read once in a process
    sequencer.run_once()

    def story() -> list[int]:
        found: list[Review] = []
        opening = peak(lambda: found.append(opened()))
        [review] = found
        looking = peak(lambda: frozen_account_list.stands(review))
        target = Target("review", str(review.id))
        closing = peak(lambda: perform(admin(), "review.close", target))
        review.refresh_from_db()
        reading = peak(lambda: sum(map(len, signed_result_file.text(review))))
        return [opening, looking, closing, reading]

    few = story()
    ConnectedAccount.objects.all().delete()
    Person.objects.filter(sub__startswith="m").exclude(sub__in=[subject("member1")]).delete()
    many(300)
    lots = story()
    for small, large in zip(few, lots, strict=True):
        assert large < small * 1.6 + 60_000, (few, lots)


def test_a_review_costs_queries_by_the_batch(
    github_mcp: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen_account_list, "BATCH", 50)
    many(200)
    with CaptureQueriesContext(connection) as opening:
        review = opened()
    with CaptureQueriesContext(connection) as closing:
        close(review)
    # Per 50 accounts: their uses, their rows; to close: the list twice told, states, lines.
    assert len(opening) < 90, len(opening)
    assert len(closing) < 80, len(closing)
    assert ReviewLetter.objects.count() == 200


def test_pages_of_a_review_are_found_by_the_number_of_an_account(
    github_mcp: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_review_pages, "PAGE", 4)
    many(10)
    review = opened()
    review.items.filter(number__in=[2, 3, 9]).update(choice=Choice.KEEP)
    ada = signed_in("auditor", "auditor")

    def walk(query: str) -> tuple[list[list[int]], list[str]]:
        pages, asked = [], [query]
        while True:
            answer = ada.get(f"{LIST}{review.id}/{asked[-1]}")
            pages.append([row["item"].number for row in answer.context["rows"]])
            if not answer.context["older_url"]:
                return pages, asked
            asked.append(answer.context["older_url"])

    pages, asked = walk("")
    assert pages == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
    assert asked == ["", "?after=4", "?after=8"]
    back = ada.get(f"{LIST}{review.id}/?after=8").context["newer_url"]
    assert back == "?before=9"
    answer = ada.get(f"{LIST}{review.id}/{back}")
    assert [row["item"].number for row in answer.context["rows"]] == [5, 6, 7, 8]
    assert (answer.context["newer_url"], answer.context["older_url"]) == ("?before=5", "?after=8")
    assert walk("?show=undecided")[0] == [[1, 4, 5, 6], [7, 8, 10]]
    assert walk("?show=keep")[0] == [[2, 3, 9]]
    for nonsense in ("?after=x", "?before=-1", "?after=9999999999999999999", "?page=2"):
        assert ada.get(f"{LIST}{review.id}/{nonsense}").context["rows"][0]["item"].number == 1
    assert b"Nothing matches" in ada.get(f"{LIST}{review.id}/?after=10").content


def test_the_list_of_reviews_goes_on_behind_its_last(
    github_mcp: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_review_pages, "CAMPAIGNS", 2)
    connected("member1")
    connected("member2", "slack")
    told = [opened(title=f"r{n}") for n in range(5)]
    item = told[4].items.first()
    assert item is not None
    ReviewItem.objects.filter(pk=item.pk).update(choice=Choice.KEEP)
    ada, seen, query = signed_in("auditor", "auditor"), [], ""
    while True:
        answer = ada.get(LIST + query)
        rows = answer.context["rows"]
        seen += [(review.title, done, total) for review, _, done, total in rows]
        if not (query := answer.context["older_url"]):
            break
        assert len(rows) == 2
    assert seen == [("r4", 1, 2), *((f"r{n}", 0, 2) for n in (3, 2, 1, 0))]
    mia = signed_in("member1").get(LIST).context["rows"]
    assert [(review.title, total) for review, _, _, total in mia] == [("r4", 1), ("r3", 1)]
    assert ada.get(f"{LIST}?before=nonsense").context["rows"][0][0].title == "r4"


def test_a_result_from_before_lines_is_handed_out_as_it_was_signed(github_mcp: None) -> None:
    connected("member1")
    review = opened()
    close(review)
    ReviewLines.objects.all().delete()
    old = '{"accounts":[],"profile":"ata.access-review.v1"}'
    digest = hashlib.sha256(old.encode()).hexdigest()
    Review.objects.update(result=old, result_digest=digest, wanted={"state": "suspended"})
    review.refresh_from_db()
    assert signed_result_file.stands(review).whole
    ada = signed_in("auditor", "auditor")
    assert ada.get(f"{LIST}{review.id}/result/").getvalue() == old.encode()
    assert "in the state “suspended”" in ada.get(f"{LIST}{review.id}/").content.decode()


def test_the_ibom_reads_the_decisions_of_a_long_review(
    github_mcp: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ibom, "_BATCH", 3)
    many(8)
    review = opened(reviewers="admins", admins=["admin"])
    for item in review.items.all():
        perform(
            admin(), "review.decide", Target("review_item", str(item.pk)), params={"choice": "keep"}
        )
    close(review)
    sequencer.run_once()
    [told] = ibom.read(admin()).reviews
    decided = EventRow.objects.filter(action="review.decided").values_list("seq", flat=True)
    assert {one.index for one in told.decisions.values()} == set(decided) and len(decided) == 8
    assert json.dumps(sorted(told.decisions)) and told.index is not None
