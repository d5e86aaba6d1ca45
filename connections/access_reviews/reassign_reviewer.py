"""The decision `review.reassign`: what a person who leaves decides in an access review goes to
another reviewer.

It moves who decides and decides nothing. The other one is an admin, never decides so on their own
accounts, and is judged again at each decision. Only what somebody decides whose access is frozen is
reassigned, as offboarding does: no admin takes a review from an owner who is there. Nobody makes
themselves the reviewer: an admin may freeze a person alone, and would decide in their place alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from django.db.models import Q
from pydantic import BaseModel, ConfigDict, StringConstraints

from approvals import clock, people_and_roles, registry
from approvals.errors import NothingToDo, Refused
from approvals.models import Person
from approvals.pipeline import locks
from approvals.registry import CommitContext, Committed, Stance, Verb
from audit.ledger.format import safe_display
from audit.recording.actors import Actor, Target
from connections.access_reviews import reminders, reviewer_permissions, work_lease
from connections.access_reviews.effective_reviewers import Identity, identity_of
from connections.models import Freeze, FrozenKind, Review

VERB: Final = "review.reassign"
_NOTHING: Final = "No account of this review waits for their decision."


class Identified(BaseModel):
    """A person by issuer and subject."""

    model_config = ConfigDict(extra="forbid")

    iss: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    sub: Annotated[str, StringConstraints(min_length=1, max_length=255)]


class ReassignParams(BaseModel):
    """Whose part of the review goes to which reviewer."""

    model_config = ConfigDict(extra="forbid")

    person: Identified
    reviewer: Identified


def waiting_for(person: Identity) -> list[tuple[Review, int]]:
    """Open reviews in which accounts wait for a person, and how many, the first due first."""
    found = []
    for review in Review.objects.filter(closed_at=None).order_by("due", "pk"):
        if number := reviewer_permissions.assigned_and_undecided(person, review).count():
            found.append((review, number))
    return found


def why_not_reassigned(review: Review, person: Identity, reviewer: Person, by: Actor) -> str:
    """Why an admin cannot have a reviewer decide in the place of a person; empty where they can."""
    if (reviewer.iss, reviewer.sub) == person:
        return "They leave."
    if (reviewer.iss, reviewer.sub) == (by.iss, by.sub):
        return "You cannot choose yourself: another admin can choose you."
    if not people_and_roles.with_role("admin").filter(pk=reviewer.pk).exists():
        return f"{reviewer} is not an admin."
    if _is_frozen(reviewer.sub):
        return f"The access of {reviewer} is frozen."
    waiting = reviewer_permissions.assigned_and_undecided(person, review)
    if waiting.exists() and not waiting.exclude(_owned(reviewer)).exists():
        return f"All that waits there is of {reviewer}, who does not decide on their own accounts."
    return ""


def _is_frozen(sub: str) -> bool:
    return Freeze.objects.filter(kind=FrozenKind.PERSON, name=sub).exists()


def _owned(person: Person) -> Q:
    return Q(iss=person.iss, sub=person.sub)


def _review(target: Target) -> Review:
    review = reviewer_permissions.review_of(target.name)
    if review is None:
        raise Refused("unknown_review", "There is no such review.", pointer="/target/name")
    return review


def _lock(_target: Target, params: Mapping[str, Any]) -> None:
    """Nobody freezes, unfreezes or erases either of the two meanwhile."""
    for sub in sorted({params["person"]["sub"], params["reviewer"]["sub"]}):
        locks.lock_decisions(Target(FrozenKind.PERSON, sub))


def _reviewer(params: Mapping[str, Any]) -> Person:
    """The other reviewer, whose roles stay as they are until the decision is recorded."""
    iss, sub = identity_of(params["reviewer"])
    found = Person.objects.select_for_update().filter(iss=iss, sub=sub).first()
    if found is None:
        raise Refused("unknown_reviewer", "Name an admin.", pointer="/params/reviewer")
    return found


def _open_review(target: Target) -> Review:
    """The review, locked; decisions on its accounts lock it too."""
    review = Review.objects.select_for_update().get(pk=_review(target).pk)
    if review.closed_at is not None:
        raise Refused("review_closed", "This review is closed.")
    if work_lease.lives(review, clock.now()):
        raise work_lease.being("review.close")
    return review


def _commit(ctx: CommitContext) -> Committed:
    review, person = _open_review(ctx.target), identity_of(ctx.params["person"])
    reviewer = _reviewer(ctx.params)
    if (ctx.actor.iss, ctx.actor.sub) == person:
        raise Refused("not_permitted", "Another admin has to reassign what you decide.")
    if not _is_frozen(person[1]):
        raise Refused("not_frozen", "Freeze their access first: who is here decides in person.")
    waiting = reviewer_permissions.assigned_and_undecided(person, review)
    number, own = waiting.count(), waiting.filter(_owned(reviewer)).count()
    if not number:
        raise NothingToDo(_NOTHING)
    if why := why_not_reassigned(review, person, reviewer, ctx.actor):
        raise Refused("not_reviewer", why, pointer="/params/reviewer")
    now = clock.now()
    review.reassignments.append(
        {
            "person": dict(ctx.params["person"]),
            "reviewer": dict(ctx.params["reviewer"]),
            "by": {"iss": ctx.actor.iss, "sub": ctx.actor.sub},
            "at": clock.stamp(now),
            "event": "",  # known once it is recorded
        }
    )
    review.save(update_fields=["reassignments"])
    reminders.plan_for_new_reviewer(review, reviewer, now)
    return Committed(
        connection=str(review.wanted.get("connection", "")),
        data={
            "review": str(review.id),
            "title": review.title,
            "accounts": number - own,
            "not_reassigned": own,
            "scope_sha256": review.digest,
        },
        private={
            "person": {"iss": person[0], "sub": person[1], "name": _named(person)},
            "reviewer": {"iss": reviewer.iss, "sub": reviewer.sub, "name": str(reviewer)},
        },
    )


def _recorded(ctx: CommitContext, event: UUID) -> None:
    review = _review(ctx.target)
    review.reassignments[-1]["event"] = str(event)
    review.save(update_fields=["reassignments"])


def _named(person: Identity) -> str:
    found = people_and_roles.find(*person)
    return str(found) if found else person[1]


def _sentence(target: Target, params: Mapping[str, Any]) -> str:
    person, reviewer = (
        safe_display.person_in_sentence(_named(identity_of(params[name])))
        for name in ("person", "reviewer")
    )
    title = safe_display.quoted(_review(target).title)
    return f"Reassign the access review {title} from {person} to {reviewer}"


registry.register(
    Verb(
        name=VERB,
        event="review.reassigned",
        label="Reassign",
        roles=frozenset({"admin"}),
        stance=Stance.RECORD,
        target_kinds=frozenset({"review"}),
        params=ReassignParams,
        lock=_lock,
        commit=_commit,
        recorded=_recorded,
        needs_fresh_sign_in=lambda _actor, _target: True,
        needs_reason=lambda _actor, _target: True,
        sentence=_sentence,
    )
)
