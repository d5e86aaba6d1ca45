"""Steps of offboarding a person: freeze, sign out, revoke passkeys, connections and applications,
withdraw and reassign approval requests, reassign access reviews.

Each step is an existing decision with its own event. Only what is left to do is a step, so
offboarding again takes none twice. A step that is refused gives its reason, and the other steps are
still taken. No step relaxes a restriction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from django.db import DatabaseError
from django.db.models import QuerySet

from accounts.models import SignedInSession, User
from accounts.sessions import service
from accounts.views.browser_names import in_words
from approvals.errors import NothingToDo, Refused
from approvals.models import Approval, Person, Status
from approvals.passkeys import queries
from approvals.passkeys.enrol_and_revoke import OWN
from approvals.pipeline import leavers_requests
from approvals.pipeline.service import perform
from approvals.views import inbox
from audit.recording.actors import Actor, Target
from connections import account_names
from connections.access_reviews import reassign_reviewer
from connections.application_grants import consent_and_token_revocation
from connections.lifecycle import bulk_decisions, freezes
from connections.lifecycle.connect_revoke_suspend_resume import is_revoked_for
from connections.models import AccessState, AppAccess, ConnectedAccount, Freeze, FrozenKind, State

_REVOCATIONS: Final = ("connection.revoke", bulk_decisions.REVOKE)
BY: Final = "an admin, when the person left"


def _tell_nobody(_code: str) -> None:
    """Without a request there is nothing to mark."""


@dataclass(frozen=True, slots=True)
class Order:
    """What an admin asked for: whom to offboard, why, who answers requests in their place, and who
    decides in access reviews.

    `tell` gets the code of each refusal, for the trail.
    """

    admin: Actor
    person: Person
    reason: str = ""
    colleague: Person | None = None
    reviewer: Person | None = None
    end_sessions: bool = False
    tell: Callable[[str], None] = _tell_nobody


@dataclass(frozen=True, slots=True)
class Step:
    """One decision to take. `take` returns the request where it waits for an approval."""

    text: str
    take: Callable[[], Approval | None]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a step; one that is `doing` waits for an approval."""

    text: str
    state: str  # done | doing | failed
    detail: str = ""


def take_all(order: Order) -> list[Result]:
    """Take every step that is left; each group is read again once those before it are done."""
    return [_take(order, step) for group in _GROUPS for step in list(group(order))]


def left(order: Order) -> list[Step]:
    """Every step that is left to do now."""
    return [step for group in _GROUPS for step in group(order)]


def _take(order: Order, step: Step) -> Result:
    try:
        waits = step.take()
    except NothingToDo as so:
        return Result(step.text, "done", so.detail)
    except Refused as refused:
        order.tell(refused.code)
        return Result(step.text, "failed", refused.detail)
    except DatabaseError:
        return Result(step.text, "failed", "It could not be stored. Offboard again to repeat it.")
    return Result(step.text, "doing" if waits else "done")


def _decision(
    order: Order, text: str, verb: str, target: Target, params: dict[str, object] | None = None
) -> Step:
    def take() -> Approval | None:
        done = perform(order.admin, verb, target, params=params, reason=order.reason)
        return done.approval

    return Step(text, take)


def _freeze(order: Order) -> Iterator[Step]:
    target = Target(FrozenKind.PERSON, order.person.sub)
    if not Freeze.objects.filter(kind=target.kind, name=target.name).exists():
        verb = freezes.verb_of(target.kind, "freeze")
        yield _decision(order, "Freeze their access: no agent gets a new token", verb, target)


def _sessions(order: Order) -> Iterator[Step]:
    user = User.objects.filter(iss=order.person.iss, sub=order.person.sub).first()
    for session in service.of(user) if user else ():
        yield _end(order, session)


def _end(order: Order, session: SignedInSession) -> Step:
    def take() -> None:
        service.revoke(order.admin, [session], by=BY, reason=order.reason)

    return Step(f"Sign them out here: {in_words(session.user_agent)}", take)


def _passkeys(order: Order) -> Iterator[Step]:
    for key in queries.usable(order.person.as_actor("web")):
        text = f"Revoke the passkey {key.name}"
        yield _decision(order, text, "passkey.revoke", Target(OWN, key.handle))


def can_end_sessions(order: Order) -> bool:
    """Whether a revocation of connections is left to request, which can end sessions at Auth0."""
    return any(True for _ in _accounts(order))


def _accounts(order: Order) -> Iterator[Step]:
    asked = asked_to_revoke(order.person)
    held = _own_rows(order.person).exclude(state=State.GONE).order_by("pk")
    found = [a for a in held if str(a.pk) not in asked and not is_revoked_for(order.admin, a)]
    for start in range(0, len(found), bulk_decisions.MOST):
        some = found[start : start + bulk_decisions.MOST]
        ids = [str(account.pk) for account in some]
        named = ", ".join(account_names.in_words(account) for account in some[:3])
        more = f" and {len(some) - 3} more" if len(some) > 3 else ""
        params: dict[str, object] = {"accounts": ids}
        if order.end_sessions and start == 0:
            params["end_sessions"] = True
        text = f"Revoke their connections: {named}{more}"
        yield _decision(order, text, bulk_decisions.REVOKE, bulk_decisions.target_of(ids), params)


def asked_to_revoke(person: Person) -> set[str]:
    """Ids of accounts whose revocation waits for an approval already."""
    own = {str(pk) for pk in _own_rows(person).values_list("pk", flat=True)}
    found: set[str] = set()
    for approval in Approval.objects.filter(status=Status.PENDING, verb__in=_REVOCATIONS):
        listed = approval.params.get("accounts", [approval.target_name])
        found |= own & set(map(str, listed))
    return found


def _own_rows(person: Person) -> QuerySet[ConnectedAccount]:
    return ConnectedAccount.objects.filter(iss=person.iss, sub=person.sub)


def _applications(order: Order) -> Iterator[Step]:
    live = AppAccess.objects.filter(
        iss=order.person.iss, sub=order.person.sub, state=AccessState.LIVE
    )
    asked = Approval.objects.filter(status=Status.PENDING, verb="access.revoke")
    waiting = set(asked.values_list("target_name", flat=True))
    for row in live:
        if str(row.pk) not in waiting:
            text = f"Revoke the {consent_and_token_revocation.in_words(row)}"
            yield _decision(order, text, "access.revoke", Target(row.kind, str(row.pk)))


def requests_by(person: Person) -> list[Approval]:
    """Requests of this person that wait."""
    waiting = Approval.objects.filter(
        status=Status.PENDING, requester_iss=person.iss, requester_sub=person.sub
    )
    return list(waiting.order_by("created"))


def _withdrawals(order: Order) -> Iterator[Step]:
    for approval in requests_by(order.person):
        if not leavers_requests.why_not_withdrawn(approval):
            yield _withdrawal(order, approval)


def _withdrawal(order: Order, approval: Approval) -> Step:
    def take() -> None:
        leavers_requests.withdraw(order.admin, approval, order.person)

    return Step(f"Withdraw their request: {approval.sentence}", take)


def requests_to(person: Person) -> list[Approval]:
    """Requests that wait for this person's answer."""
    return list(inbox.waiting_for(person.as_actor("web")).order_by("created"))


def _reassignments(order: Order) -> Iterator[Step]:
    if (colleague := order.colleague) is None:
        return
    for approval in requests_to(order.person):
        if not leavers_requests.why_not_reassigned(approval, order.person, colleague):
            yield _reassignment(order, approval, colleague)


def _reassignment(order: Order, approval: Approval, colleague: Person) -> Step:
    def take() -> None:
        leavers_requests.reassign(order.admin, approval, order.person, colleague)

    return Step(f"Ask {colleague} instead: {approval.sentence}", take)


def _reviews(order: Order) -> Iterator[Step]:
    if (reviewer := order.reviewer) is None:
        return
    whose = (order.person.iss, order.person.sub)
    for review, _ in reassign_reviewer.waiting_for(whose):
        if not reassign_reviewer.why_not_reassigned(review, whose, reviewer, order.admin):
            yield _decision(
                order,
                f"Have {reviewer} decide instead in the access review {review.title}",
                reassign_reviewer.VERB,
                Target("review", str(review.pk)),
                {"person": _identity(order.person), "reviewer": _identity(reviewer)},
            )


def _identity(person: Person) -> dict[str, str]:
    return {"iss": person.iss, "sub": person.sub}


# What others asked of them is last: a decision before it may have asked them, too.
_GROUPS: Final = (
    *(_freeze, _sessions, _passkeys, _accounts, _applications),
    *(_withdrawals, _reassignments, _reviews),
)
