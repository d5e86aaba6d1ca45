"""The verbs of a review: open (which freezes the list), decide on one account, close (which signs).

They record what people said. What follows from it are decisions of their own: see `remedy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StringConstraints

from approvals import clock, registry
from approvals.errors import Refused
from approvals.pipeline.service import checked
from approvals.registry import CommitContext, Committed, Stance, Verb
from audit.keys.log_identity import LedgerIdentityError
from audit.ledger.format import safe_display
from audit.recording.actors import Actor, Target
from connections import account_names, permissions
from connections.access_reviews import (
    reviewer_permissions,
    signed_result_file,
    store_closing_result,
    store_opening_list,
    work_lease,
)
from connections.access_reviews.account_filter import Wanted, take
from connections.access_reviews.store_closing_result import Closing
from connections.access_reviews.store_opening_list import Written
from connections.auth_ibom import signing
from connections.models import Choice, Review, ReviewItem
from connections.notifications import notices_on_owner_pages

LONGEST = timedelta(days=366)
_ADMIN = frozenset({"admin"})


class OpenParams(BaseModel):
    """What is reviewed, by whom, until the end of which day (UTC)."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
    due: date
    reviewers: Literal["owners", "admins"]
    admins: list[Annotated[str, StringConstraints(max_length=255)]] = []
    connection: Annotated[str, StringConstraints(max_length=128)] = ""
    state: Literal[
        "", "connected", "expiring", "asleep", "needs_reconnect", "suspended", "frozen"
    ] = ""
    show: Literal["", "idle", "unseen", "excess", "missing"] = ""


class DecideParams(BaseModel):
    """The answer for one account."""

    model_config = ConfigDict(extra="forbid")

    choice: Literal["keep", "reduce", "revoke"]


def _prepare_opening(actor: Actor, target: Target, given: Mapping[str, Any]) -> Written:
    return store_opening_list.write(_planned(actor.sub, target, given), Wanted.parse(given))


def check(verb: str, target: Target, given: Mapping[str, Any]) -> None:
    """Refuse what would be refused before anything is written.

    Raises:
        Refused: as the verb.
    """
    if verb == "review.close":
        _no_key_is_no_result()
        review, now = _review(target), clock.now()
        if review.closed_at is not None:
            raise Refused("review_closed", "It is closed already.")
        if work_lease.lives(review, now):
            raise work_lease.being(verb)
        return
    _planned("", target, checked(registry.get(verb), given))
    store_opening_list.check(take(Wanted.parse(given), clock.now()))


def _planned(opener: str, target: Target, given: Mapping[str, Any]) -> Review:
    """The review that opens, not stored."""
    now, params = clock.now(), OpenParams.model_validate(given)
    if str(permissions.id_of(target.name)) != target.name:
        raise Refused(
            "bad_target", "A review is named by a new UUID in lower case.", pointer="/target/name"
        )
    return Review(
        id=UUID(target.name),
        title=params.title,
        wanted=Wanted.parse(given).as_json(),
        reviewers=params.reviewers,
        admins=_named(params),
        due=_end_of(params.due, now),
        opened_at=now,
        opened_by=opener,
    )


def _open(ctx: CommitContext) -> Committed:
    done: Written = ctx.prepared or _prepare_opening(ctx.actor, ctx.target, ctx.params)
    now, seal = clock.now(), done.listed.seal
    written = Review.opening.select_for_update().filter(pk=ctx.target.name, lease__gt=now)
    review = written.filter(lease=done.lease).first()
    if review is None:
        raise work_lease.interrupted()
    review.digest, review.opened_at, review.as_of = seal.hex(), now, done.as_of
    review.changed = [str(one) for one in done.changed[: store_opening_list.NAMED]]
    review.lease = None
    review.save()
    return Committed(
        connection=str(review.wanted.get("connection", "")),
        data={
            "title": review.title,
            "filter": review.wanted,
            "reviewers": str(review.reviewers),
            "due": clock.stamp(review.due),
            "accounts": seal.number,
            "as_of": clock.stamp(done.as_of),
            "scope_sha256": review.digest,
            "changed": len(done.changed),
            **({"changed_accounts": review.changed} if review.changed else {}),
        },
        private={"admins": review.admins} if review.admins else {},
    )


def _named(params: OpenParams) -> list[dict[str, str]]:
    if params.reviewers == "owners":
        return []
    known = {person.sub: person.iss for person in reviewer_permissions.admins()}
    if not params.admins or not set(params.admins) <= set(known):
        raise Refused(
            "unknown_reviewer",
            "Name at least one admin who has signed in.",
            pointer="/params/admins",
        )
    return [{"iss": known[sub], "sub": sub} for sub in sorted(set(params.admins))]


def _end_of(day: date, now: datetime) -> datetime:
    due = datetime.combine(day, time(23, 59, 59), UTC)
    if not now < due < now + LONGEST:
        raise Refused(
            "bad_due", "The due day is today or later, within a year.", pointer="/params/due"
        )
    return due


def _found(target: Target) -> ReviewItem:
    item = reviewer_permissions.item_of(target.name)
    if item is None:
        raise Refused("unknown_item", "No review has such an account.", pointer="/target/name")
    return item


def _review(target: Target) -> Review:
    review = reviewer_permissions.review_of(target.name)
    if review is None:
        raise Refused("unknown_review", "There is no such review.", pointer="/target/name")
    return review


def _owns(actor: Actor, target: Target) -> bool:
    item = reviewer_permissions.item_of(target.name)
    return item is not None and permissions.is_owner(actor, item)


def _decide(ctx: CommitContext) -> Committed:
    review = Review.objects.select_for_update().get(pk=_found(ctx.target).review_id)
    item = ReviewItem.objects.select_for_update().get(pk=_found(ctx.target).pk)
    item.review = review
    choice, now = Choice(ctx.params["choice"]), clock.now()
    if review.closed_at is not None:
        raise Refused("review_closed", "This review is closed.")
    if work_lease.lives(review, now):
        raise Refused("being_closed", "This review is being closed: no one decides any more.")
    if why := reviewer_permissions.why_not(ctx.actor, item, now):
        raise Refused("not_reviewer", why)
    if item.operation:
        raise Refused("already_begun", "The revocation that was decided has begun.")
    if not ctx.reason.strip() and (
        why := reviewer_permissions.needs_reason(ctx.actor, item, choice)
    ):
        raise Refused("reason_needed", why, pointer="/reason")
    account = permissions.by_id(str(item.account))
    if account is None or reviewer_permissions.has_ended(account):
        if choice != Choice.REVOKE:
            raise Refused("already_revoked", reviewer_permissions.NOTHING_LEFT)
    elif choice == Choice.REDUCE:
        if not item.excess:
            raise Refused("nothing_to_reduce", "Manifests need every scope that it has.")
        notices_on_owner_pages.tell_owners([account], "reduce", ctx.actor, ctx.reason)
    earlier = item.choice
    item.choice, item.reason, item.decided_at = choice, ctx.reason[:500], now
    item.decided_iss, item.decided_sub = ctx.actor.iss, ctx.actor.sub
    item.self_review = permissions.is_owner(ctx.actor, item)
    item.save()
    return Committed(
        connection=item.connection,
        data={
            "review": str(review.id),
            "title": review.title,
            "choice": str(choice),
            "earlier": earlier,
            "self_review": item.self_review,
            "account_id": str(item.account),
            "auth0_id": item.auth0_id,
            "scope_sha256": review.digest,
        },
        private=account_names.private_of(account) if account else {},
    )


def _prepare_closing(_actor: Actor, target: Target, _params: Mapping[str, Any]) -> Closing:
    review = _review(target)
    _no_key_is_no_result()  # before nobody may decide any more
    return store_closing_result.write(review)


def _no_key_is_no_result() -> None:
    try:
        signing.sign({})
    except LedgerIdentityError as missing:
        raise _no_key(missing) from None


def _no_key(missing: LedgerIdentityError) -> Refused:
    return Refused("no_log_key", f"The result cannot be signed: {missing}")


def _close(ctx: CommitContext) -> Committed:
    done: Closing = ctx.prepared or _prepare_closing(ctx.actor, ctx.target, ctx.params)
    now = clock.now()
    review = Review.objects.select_for_update().get(pk=_review(ctx.target).pk)
    held = work_lease.lives(review, now) and review.lease == done.lease
    if review.closed_at is not None or not held:
        raise work_lease.interrupted()
    try:
        signed = signed_result_file.sign(review, done.lines, ctx.actor, now)
    except LedgerIdentityError as missing:
        raise _no_key(missing) from None
    review.closed_at, review.closed_by = now, ctx.actor.sub
    review.result_digest, review.lease = signed.digest, None
    review.save()
    found = signed.counts
    return Committed(
        connection=str(review.wanted.get("connection", "")),
        data={
            "title": review.title,
            "accounts": found.accounts,
            "kept": found.keep,
            "reduced": found.reduce,
            "revoked": found.revoke,
            "undecided": found.undecided,
            "scope_sha256": review.digest,
            "scope_intact": signed.frozen.whole,
            **({"scope_erased": signed.frozen.index} if signed.frozen.erased else {}),
            "result_sha256": signed.digest,
        },
    )


def _opened(ctx: CommitContext, event: UUID) -> None:
    Review.objects.filter(pk=ctx.target.name).update(opened_event=str(event))


def _closed(ctx: CommitContext, event: UUID) -> None:
    Review.objects.filter(pk=ctx.target.name).update(closed_event=str(event))


def _decided(ctx: CommitContext, event: UUID) -> None:
    ReviewItem.objects.filter(pk=ctx.target.name).update(event=str(event))


def _titled(act: str, title: str) -> str:
    return f"{act} the access review {safe_display.quoted(title)}"


def _about(target: Target, params: Mapping[str, Any]) -> str:
    item = _found(target)
    account = permissions.by_id(str(item.account))
    what = account_names.to_approve(account) if account else "an account"
    return f"Decide to {params.get('choice', 'keep')} {what}"


registry.register(
    Verb(
        name="review.open",
        event="review.opened",
        label="Open",
        roles=_ADMIN,
        stance=Stance.RECORD,
        target_kinds=frozenset({"review"}),
        prepare=_prepare_opening,
        commit=_open,
        params=OpenParams,
        recorded=_opened,
        sentence=lambda _target, params: _titled("Open", params.get("title", "")),
    )
)
registry.register(
    Verb(
        name="review.decide",
        event="review.decided",
        label="Decide",
        roles=_ADMIN,
        stance=Stance.RECORD,
        target_kinds=frozenset({"review_item"}),
        commit=_decide,
        params=DecideParams,
        owns=_owns,
        recorded=_decided,
        sentence=_about,
    )
)
registry.register(
    Verb(
        name="review.close",
        event="review.closed",
        label="Close",
        roles=_ADMIN,
        stance=Stance.RECORD,
        target_kinds=frozenset({"review"}),
        prepare=_prepare_closing,
        commit=_close,
        recorded=_closed,
        sentence=lambda target, _params: _titled("Close", _review(target).title),
    )
)
