"""Who sees a review and who decides in it. Auditors see all and decide nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db.models import Exists, OuterRef, QuerySet

from approvals import people_and_roles
from approvals.models import Person
from audit.recording.actors import Actor
from connections import permissions
from connections.access_reviews import effective_reviewers
from connections.access_reviews.effective_reviewers import Identity
from connections.models import NOT_HELD, ConnectedAccount, Review, Reviewers, ReviewItem, State
from connections.permissions import SEES_ALL

ENDED: Final = (*NOT_HELD, State.REVOCATION_PENDING)
"""States of an account about which a review asks nobody."""
NOTHING_LEFT: Final = "This account was revoked or is gone: there is nothing to decide."


def visible(actor: Actor) -> QuerySet[Review]:
    """The reviews that this person may see: those with an account of theirs, or all."""
    if actor.roles & SEES_ALL:
        return Review.objects.all()
    return _with_own(actor)


def _with_own(actor: Actor) -> QuerySet[Review]:
    own = ReviewItem.objects.filter(review=OuterRef("pk"), iss=actor.iss, sub=actor.sub)
    return Review.objects.filter(Exists(own))


def items(actor: Actor, review: Review) -> QuerySet[ReviewItem]:
    """The accounts of a review that this person may see."""
    found = review.items.order_by("number")
    return found if actor.roles & SEES_ALL else found.filter(iss=actor.iss, sub=actor.sub)


def why_not(actor: Actor, item: ReviewItem, now: datetime) -> str:
    """Why this person may not decide on an account; empty when they may."""
    review, owner = item.review, (item.iss, item.sub)
    if review.closed_at is not None:
        return "This review is closed."
    if _is_being_closed(review, now):
        return "This review is being closed: no one decides any more."
    if _may_decide(actor, review, owner, now):
        return ""
    reviewers = effective_reviewers.assigned(review, owner)
    if (actor.iss, actor.sub) in reviewers.before:
        return "An admin reassigned what you decided here to another reviewer."
    if review.reviewers == Reviewers.ADMINS:
        return "Only the named admins decide here."
    if owner in reviewers.before:
        return "A reviewer decides in place of its owner until the due date; after it an admin may."
    return "Its owner decides until the due date; after it an admin may."


def _is_being_closed(review: Review, now: datetime) -> bool:
    return review.lease is not None and review.lease > now


def _may_decide(actor: Actor, review: Review, owner: Identity | None, now: datetime) -> bool:
    """Whether this person decides on the accounts of an owner, as `reassigned_reviewers` has it."""
    me, is_admin = (actor.iss, actor.sub), "admin" in actor.roles
    reviewers, by_owners = effective_reviewers.assigned(review, owner), _by_owners(review)
    if me in reviewers.now:
        return bool(actor.sub) and (is_admin or (by_owners and me == owner))
    return by_owners and is_admin and now > review.due and me not in reviewers.before


def _by_owners(review: Review) -> bool:
    return review.reviewers == Reviewers.OWNERS


def decidable(actor: Actor, review: Review, now: datetime) -> QuerySet[ReviewItem]:
    """The accounts of a review that this person may decide on, by the same rule."""
    found = items(actor, review)
    if review.closed_at is not None or _is_being_closed(review, now):
        return found.none()
    me = (actor.iss, actor.sub)
    theirs = effective_reviewers.accounts_of_owners(
        review, me, lambda owner: _may_decide(actor, review, owner, now)
    )
    return found.filter(theirs)


def undecided(actor: Actor, review: Review, now: datetime) -> QuerySet[ReviewItem]:
    """The accounts that wait for this person's decision: not what was revoked meanwhile, which
    nobody can keep or revoke. The result lists that as undecided."""
    return answerable(decidable(actor, review, now)).filter(choice="")


def answerable(items: QuerySet[ReviewItem]) -> QuerySet[ReviewItem]:
    """Those whose account was not revoked meanwhile."""
    return items.filter(_is_alive())


def without_decision(items: QuerySet[ReviewItem]) -> QuerySet[ReviewItem]:
    """Those that were revoked before anybody decided, so that nobody can any more."""
    return items.filter(~_is_alive(), choice="")


def _is_alive() -> Exists:
    return Exists(ConnectedAccount.objects.filter(pk=OuterRef("account")).exclude(state__in=ENDED))


def assigned_and_undecided(person: Identity, review: Review) -> QuerySet[ReviewItem]:
    """The accounts that wait for a person by the rule of the review, whatever their role now."""
    return answerable(effective_reviewers.accounts_assigned_to(review, person)).filter(choice="")


def has_ended(account: ConnectedAccount | None) -> bool:
    """Whether an account was revoked or is gone, so that nothing is left to decide about it."""
    return account is None or account.state in ENDED


def needs_reason(actor: Actor, item: ReviewItem, choice: str) -> str:
    """Why a reason has to be given; empty when none has."""
    if choice == "revoke":
        return "Revoking needs a reason."
    if "admin" in actor.roles and permissions.is_owner(actor, item):
        return "Reviewing your own account as an admin needs a reason."
    return ""


def waiting_for(actor: Actor, now: datetime) -> list[tuple[Review, int]]:
    """Open reviews in which this person has something to decide, and how much."""
    found = []
    # Only admins decide about accounts of others.
    possible = visible(actor) if "admin" in actor.roles else _with_own(actor)
    for review in possible.filter(closed_at=None).order_by("due"):
        left = undecided(actor, review, now).count()
        if left:
            found.append((review, left))
    return found


def admins() -> list[Person]:
    """Who can be named as a reviewer."""
    return list(people_and_roles.with_role("admin").exclude(sub="").order_by("email", "sub"))


def item_of(name: str) -> ReviewItem | None:
    """The account of a review by its public id, whatever text was given."""
    opened = ReviewItem.objects.select_related("review").exclude(review__digest="")
    return opened.filter(pk=permissions.id_of(name)).first()


def review_of(name: str) -> Review | None:
    """The review by its public id, whatever text was given."""
    return Review.objects.filter(pk=permissions.id_of(name)).first()
