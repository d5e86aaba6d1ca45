"""The decision `person.set_access_end`: from which day on a person has no role here.

Setting an end, or an earlier one, restricts and is done at once. Removing it, or a later one,
relaxes: somebody approves it. No one decides about their own, nor approves it. Only an auditor's
access gets one: an admin who ended those who approve could go on to approve alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, Final
from uuid import UUID

from django.conf import settings
from pydantic import BaseModel, ConfigDict, StringConstraints

from approvals import clock, people_and_roles, registry
from approvals.errors import Refused
from approvals.models import AccessEnd, Ask, AskState, Person, person_access_end
from approvals.models.person_access_end import KIND, End
from approvals.person_access_ends.end_in_words import in_words
from approvals.registry import CommitContext, Committed, Stance, Verb
from audit.ledger.format import safe_display
from audit.recording.actors import Actor, Target

VERB: Final = "person.set_access_end"
NEVER: Final = "never"
_LAST: Final = date(2199, 12, 31)


class AccessEndParams(BaseModel):
    """The last day with roles, in UTC, such as 2026-12-12; `never` removes the end."""

    model_config = ConfigDict(extra="forbid")

    last_day: Annotated[str, StringConstraints(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2}|never)$")]


def _person(target: Target) -> Person:
    found = people_and_roles.find(settings.ENV.issuer, target.name)
    if found is None:
        raise Refused("unknown_person", "No one of that subject is known.", pointer="/target/name")
    return found


def _end(target: Target) -> End | None:
    return person_access_end.end_of(settings.ENV.issuer, target.name)


def _wanted(params: Mapping[str, Any]) -> date | None:
    """The day that is asked for; None removes the end.

    Raises:
        Refused: `bad_params`.
    """
    if params["last_day"] == NEVER:
        return None
    try:
        day = date.fromisoformat(params["last_day"])
    except ValueError:
        day = date.min
    if not clock.now().date() <= day <= _LAST:
        raise Refused(
            "bad_params",
            "Name today or a later day, such as 2026-12-12. Dates are in UTC.",
            pointer="/params/last_day",
        )
    return day


def _refuse_own(actor: Actor, target: Target) -> None:
    if (actor.iss, actor.sub) == (settings.ENV.issuer, target.name):
        raise Refused("not_permitted", "Another admin has to decide when your access ends.")


def may_get_end(person: Person) -> bool:
    """Whether the person is an auditor and nothing else, as the identity provider has them."""
    return set(person.roles) == {"auditor"}


def _validate(_actor: Actor, target: Target, params: Mapping[str, Any]) -> None:
    person, day = _person(target), _wanted(params)
    if day is not None and not may_get_end(person):
        raise Refused(
            "not_permitted",
            "Only the access of an auditor gets an end. Offboard who also decides or approves, or "
            "take the role away at the identity provider.",
            pointer="/target/name",
        )


def _relaxes(target: Target, params: Mapping[str, Any]) -> bool:
    """Whether the person would have their roles for longer than now."""
    end, day = _end(target), _wanted(params)
    if end is None:
        return False
    return end.at is None or day is None or person_access_end.instant_after(day) > end.at


def _already(_actor: Actor, target: Target, params: Mapping[str, Any], _severity: str) -> str:
    end, day = _end(target), _wanted(params)
    if end is None:
        return "No end of their access is set." if day is None else ""
    same = end.at is not None and day is not None and person_access_end.instant_after(day) == end.at
    return f"Their access already ends on {in_words(day)}." if same and day else ""


def _look(target: Target, _params: Mapping[str, Any]) -> Mapping[str, Any]:
    end = _end(target)
    return {"access_end": "" if end is None else clock.stamp(end.at) if end.at else "altered"}


def _commit(ctx: CommitContext) -> Committed:
    person, day, before = _person(ctx.target), _wanted(ctx.params), _end(ctx.target)
    own = Ask.objects.filter(person=person, state=AskState.APPROVED)
    if ctx.approval and own.filter(approval_id=UUID(ctx.approval)).exists():
        raise Refused("not_permitted", "Their own approval does not let their access go on.")
    row, _ = AccessEnd.objects.select_for_update().get_or_create(iss=person.iss, sub=person.sub)
    row.ends_at = None if day is None else person_access_end.instant_after(day)
    row.operation = ctx.operation
    row.seal = row.sealed()
    row.save(update_fields=["ends_at", "operation", "seal"])
    was = before.last_day if before else None
    days = {"before": was.isoformat() if was else "", "after": day.isoformat() if day else ""}
    return Committed(
        data={"last_day": days["after"], "altered": before is not None and before.at is None},
        private={"whose": asdict(person.subject)},  # theirs, and goes with them
        changes={"last_day": days},
    )


def _sentence(target: Target, params: Mapping[str, Any]) -> str:
    found = people_and_roles.find(settings.ENV.issuer, target.name)
    who = safe_display.person_in_sentence(str(found) if found else target.name)
    day = _wanted(params)
    if day is None:
        return f"Let the access of {who} go on without an end"
    return f"End the access of {who} after {in_words(day)} (UTC)"


def _risk(target: Target, _params: Mapping[str, Any]) -> str:
    end = _end(target)
    if end is None:
        return ""
    if end.last_day is None:
        return "someone wrote to the database: its row is not as the log has it"
    return f"{'ended' if end.is_over else 'ends'} after {in_words(end.last_day)} now"


registry.register(
    Verb(
        name=VERB,
        event="person.access_end_set",
        label="Set the end of access",
        roles=frozenset({"admin"}),
        stance=Stance.LOOSEN,
        target_kinds=frozenset({KIND}),
        params=AccessEndParams,
        commit=_commit,
        bars=_refuse_own,
        validate=_validate,
        relaxes=_relaxes,
        already=_already,
        look=_look,
        risk=_risk,
        about_others=lambda _actor, _target: True,
        needs_fresh_sign_in=lambda _actor, _target: True,
        needs_reason=lambda _actor, _target: True,
        severity=lambda _target, _params: "HIGH",
        sentence=_sentence,
        if_approved="The roles that the identity provider gives them count until then.",
        if_denied="Their access ends as it was set before.",
        if_expired="Their access ends as it was set before.",
    )
)
