"""Access reviews and what was decided in them, held to their events; part of `verify_ledger`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from approvals import clock
from approvals.erasure.permitted_gaps import Excuses
from audit.models import EventRow
from audit.verification.checks import checks_from_other_apps
from audit.verification.checks.checks_from_other_apps import Wrong, is_of, opened
from connections.access_reviews import frozen_account_list, signed_result_file
from connections.models import Choice, Review, ReviewItem

type Event = dict[str, Any]


def problems() -> Iterator[Wrong]:
    """Rows that no event made, events whose row is gone, and rows that say something else."""
    excuses = Excuses()
    yield from _reviews(excuses)
    yield from _reassignments(excuses)
    yield from _decisions(excuses)


def _reviews(excuses: Excuses) -> Iterator[Wrong]:
    """Found by the event that each row names: an entry may have lost the name of its target."""
    began = {one["id"]: one for one in _recorded("review.opened", "scope_sha256")}
    ended = {one["id"]: one for one in _recorded("review.closed", "result_sha256")}
    named: set[str] = set()
    for review in Review.objects.iterator():
        opening, closing = began.get(review.opened_event), ended.get(review.closed_event)
        named |= {review.opened_event, review.closed_event}
        if opening is None:
            yield Wrong(f"access review {review.pk} is in no review.opened entry")
        else:
            for what in _opening(review, opening, excuses):
                yield _another("access review", what, opening)
        if closing is not None:
            for what in _closing(review, closing, excuses):
                yield _another("access review", what, closing)
        elif review.closed_at or review.closed_event or review.closed_by or review.result:
            yield Wrong(f"access review {review.pk} is closed, and no entry tells of it")
    for id, event in (began | ended).items():
        if id not in named:
            yield Wrong("no access review in the database is of this entry", event["index"], id)


def _recorded(action: str, member: str) -> Iterator[Event]:
    """Events that a review made: one without what it is about has no row."""
    return (event for event in checks_from_other_apps.events_of(action) if member in event["data"])


def _opening(review: Review, event: Event, excuses: Excuses) -> Iterator[str]:
    data = event["data"]
    as_of = clock.stamp(review.as_of) if review.as_of else None
    admins = opened(data["admins"]) if "admins" in data else []
    pairs = (
        ("id", "", str(review.pk), opened(event["target"]["name"])),
        ("reviewers", "", str(review.reviewers), data["reviewers"]),
        ("reviewers", "admins", review.admins, admins),
        ("filter", "", review.wanted, data["filter"]),
        ("due day", "", clock.stamp(review.due), data["due"]),
        ("digest of its list", "", review.digest, data["scope_sha256"]),
        ("number of accounts", "", review.items.count(), data["accounts"]),
        ("moment of its list", "", as_of, data.get("as_of")),
        ("changed accounts", "", review.changed, data.get("changed_accounts", [])),
        ("title", "title", review.title, data["title"]),  # which the entry says in clear
    )
    yield from (what for what, *pair in pairs if excuses.differ(review, *pair))
    if _other(excuses, review, "opened_by", event["actor"]):
        yield "opener"
    if not is_of(review.opened_at, event):
        yield "time of opening"
    if frozen_account_list.stands(review).altered:
        yield "list of accounts"


def _closing(review: Review, event: Event, excuses: Excuses) -> Iterator[str]:
    pairs = (
        ("id", "", str(review.pk), opened(event["target"]["name"])),
        ("digest of its result", "", review.result_digest, event["data"]["result_sha256"]),
    )
    yield from (what for what, *pair in pairs if excuses.differ(review, *pair))
    if _other(excuses, review, "closed_by", event["actor"]):
        yield "closer"
    if not is_of(review.closed_at, event):
        yield "time of closing"
    if signed_result_file.stands(review).altered:
        yield "result"


def _other(excuses: Excuses, row: Review | ReviewItem, column: str, actor: Event) -> bool:
    """Whether a column names another person than the event."""
    sub = opened(actor["sub"])
    return excuses.differ(row, column, getattr(row, column), sub, who=(actor["iss"], sub))


def _reassignments(excuses: Excuses) -> Iterator[Wrong]:
    """Parts of reviews that were reassigned, each by the event that it names, in their order."""
    events = {one["id"]: one for one in _recorded("review.reassigned", "scope_sha256")}
    for review in Review.objects.exclude(reassignments=[]).iterator():
        try:
            yield from _reassigned_parts(review, events, excuses)
        except (AttributeError, KeyError, TypeError, ValueError):
            yield Wrong(f"who decides in access review {review.pk} cannot be read")
    for id, event in events.items():
        message = "what this entry reassigned is missing from its access review"
        yield Wrong(message, event["index"], id)


def _reassigned_parts(
    review: Review, events: dict[str, Event], excuses: Excuses
) -> Iterator[Wrong]:
    """Takes the event of each part out of `events`."""
    moments = [one["at"] for one in review.reassignments]
    if moments != sorted(moments):
        yield Wrong(f"the parts of access review {review.pk} were reassigned in another order")
    for number, one in enumerate(review.reassignments):
        event = events.pop(one["event"], None)
        if event is None:
            yield Wrong(f"access review {review.pk} was reassigned, and no entry says so")
            continue
        for what in _reassigned(review, number, event, excuses):
            yield _another("reassigned access review", what, event)


def _reassigned(review: Review, number: int, event: Event, excuses: Excuses) -> Iterator[str]:
    data, one = event["data"], review.reassignments[number]
    actor = opened(event["actor"]["sub"])
    by = None if actor is None else {"iss": event["actor"]["iss"], "sub": actor}
    column = "reassignments"
    pairs = (
        ("id", "", str(review.pk), data["review"]),
        ("person", column, one["person"], _identity(opened(data["person"]))),
        ("reviewer", column, one["reviewer"], _identity(opened(data["reviewer"]))),
        ("admin", column, one["by"], by),
    )
    yield from (what for what, *pair in pairs if excuses.differ(review, *pair))
    if not is_of(datetime.fromisoformat(one["at"]), event):
        yield "time"


def _identity(said: Any) -> dict[str, Any] | None:
    """Issuer and subject of a person that an entry names; None where they were erased."""
    return {"iss": said["iss"], "sub": said["sub"]} if isinstance(said, dict) and said else None


def _decisions(excuses: Excuses) -> Iterator[Wrong]:
    """The last decision on each account. Numbers are kept of events, since there may be many."""
    newest: dict[tuple[int, int], int] = {}  # by review and account
    for event in _recorded("review.decided", "account_id"):
        newest[_account(event)] = UUID(event["id"]).int
    for item in ReviewItem.objects.exclude(choice="", event="").iterator():
        if (item.review_id.int, item.account.int) not in newest:
            name = f"account {item.number} of {item.review_id}"
            yield Wrong(f"{name} is decided, and no entry says so")
    for event in _recorded("review.decided", "account_id"):
        if newest.get(_account(event)) != UUID(event["id"]).int:
            continue  # decided again since
        data = event["data"]
        found = ReviewItem.objects.filter(review=data["review"], account=data["account_id"]).first()
        if found is None:
            message = "the account that this entry decides on is missing from its review"
            yield Wrong(message, event["index"], event["id"])
            continue
        for what in _decided(found, event, excuses):
            yield _another("decision on this account", what, event)


def _account(event: Event) -> tuple[int, int]:
    data = event["data"]
    return UUID(data["review"]).int, UUID(data["account_id"]).int


def _decided(item: ReviewItem, event: Event, excuses: Excuses) -> Iterator[str]:
    data, actor = event["data"], event["actor"]
    reason = opened(event["reason"])
    pairs = (
        ("event", "", item.event, event["id"]),
        ("id", "", str(item.pk), opened(event["target"]["name"])),
        ("choice", "", str(item.choice), data["choice"]),
        ("reason", "reason", item.reason, None if reason is None else reason[:500]),
        ("person", "", item.decided_iss, actor["iss"]),
        ("relation to the owner", "", item.self_review, data["self_review"]),
    )
    yield from (what for what, *pair in pairs if excuses.differ(item, *pair))
    if _other(excuses, item, "decided_sub", actor):
        yield "person"
    if not is_of(item.decided_at, event):
        yield "time"
    if item.operation and not _was_asked(item):
        yield "revocation"


def _was_asked(item: ReviewItem) -> bool:
    """Whether entries tell of the revocation that the row names, of this very account."""
    names = [str(item.account), ""]  # without a name where whoever asked was erased
    asked = EventRow.of_operation(item.operation).filter(target_name__in=names)
    rows = asked.filter(approval=item.approval) if item.approval else asked
    return item.choice == Choice.REVOKE and rows.exists()


def _another(noun: str, what: str, event: Event) -> Wrong:
    return Wrong(f"the row of the {noun} says another {what}", event["index"], event["id"])


checks_from_other_apps.register("access reviews", problems)
