"""Fleet codes: one approved decision lets several outposts enrol, each next to its own gateway.

The target of `outpost.enrol` is then a pattern of names (`build-*`), and its parameters bound how
many outposts may enrol and until when. `outpost.suspend` of the pattern ends its codes at once, and
a code ends with its requester's role of admin.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import transaction
from pydantic import BaseModel, ConfigDict, Field

from approvals import clock
from approvals.errors import Refused
from approvals.models import Person
from audit.ledger.format import safe_display
from audit.recording import enrolment_entry_lookup
from audit.recording.actors import SYSTEM, Target
from audit.recording.record import record
from enforcement.models import EnrolmentCode
from enforcement.outposts import enrolment

MOST_USES: Final = 500
LONGEST: Final = timedelta(days=30)
_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,58}\*")


class EnrolParams(BaseModel):
    """`uses`: how many outposts may enrol; `until`: when that ends, in UTC. Both for a pattern of
    names, none for one gateway."""

    model_config = ConfigDict(extra="forbid")

    uses: int | None = Field(None, ge=1, le=MOST_USES, strict=True)
    until: str | None = Field(None, pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", max_length=20)


@dataclass(frozen=True, slots=True)
class FleetCode:
    """One that is open: how many of its uses are spent, and who asked for it."""

    right: EnrolmentCode
    used: int
    requester: Person | None
    has_admin: bool  # without, it enrols nothing: the requester lost that role

    @property
    def is_shown(self) -> bool:
        """Whether its code was shown to the person who asked."""
        return self.right.digest is not None


def is_pattern(target: Target) -> bool:
    """Whether a decision is about a fleet code and not about one gateway."""
    return "*" in target.name


def check_pattern(target: Target) -> None:
    """Refuse what is no pattern of names.

    Raises:
        Refused: `bad_target`.
    """
    if not _PATTERN.fullmatch(target.name) or target.instance:
        raise Refused(
            "bad_target",
            "Name the hosts: at least three letters, digits, dots, dashes or underscores, then *.",
            pointer="/target/name",
        )


def check_bounds(target: Target, params: Mapping[str, Any]) -> None:
    """Refuse a fleet code without bounds, or beyond them; and bounds of what is for one gateway.

    Raises:
        Refused: `bad_params`.
    """
    if not is_pattern(target):
        if params:
            raise Refused(
                "bad_params",
                "One gateway has one outpost: leave out uses and until, or name hosts as build-*.",
                pointer="/params",
            )
        return
    until, now = end_of(params), clock.now()
    if params.get("uses") is None:
        words = f"Say how many outposts may enrol, 1 to {MOST_USES}."
        raise Refused("bad_params", words, pointer="/params/uses")
    if until is None or not now < until <= now + LONGEST:
        raise Refused(
            "bad_params",
            f"Say until when they may enrol, as {clock.stamp(now + timedelta(days=7))}: at most "
            f"{LONGEST.days} days from now.",
            pointer="/params/until",
        )


def end_of(params: Mapping[str, Any]) -> datetime | None:
    """When a fleet code ends by its parameters; None where they name no moment."""
    try:
        return datetime.strptime(str(params.get("until")), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def enrol_sentence(target: Target, params: Mapping[str, Any]) -> str:
    """What is asked: the pattern, how many and until when."""
    name, until = safe_display.short(target.name), _moment(end_of(params))
    return f"Let {most(params, 'outpost')} enrol on hosts named {name}, until {until}"


def most(params: Mapping[str, Any], noun: str) -> str:
    """`up to 20 outposts`, or `1 outpost`."""
    uses = params.get("uses")
    return f"1 {noun}" if uses == 1 else f"up to {uses} {noun}s"


def _moment(moment: datetime | None) -> str:
    return f"{moment.day} {moment:%b %Y %H:%M:%S} UTC" if moment else "no date"


def risk(params: Mapping[str, Any]) -> str:
    """Why it is risky, for who approves."""
    devices = most(params, "device")
    return f"{devices} can join and carry out decisions, each under a name that it states itself"


def outcome(params: Mapping[str, Any]) -> str:
    """What approving comes to."""
    return (
        "The requester gets one code. It enrols one device per name, also names of registered "
        f"gateways without an outpost, until {_moment(end_of(params))} or until an admin ends it."
    )


def end(target: Target) -> dict[str, Any]:
    """End the codes of a pattern, and the rights to one.

    Returns:
        What the event has in clear. It ends those codes also where somebody restores their rows.
    """
    EnrolmentCode.objects.filter(instance=target.name).delete()
    return {"fleet": target.name}


def end_without_admin() -> None:
    """End for good each code whose requester is no admin any more: it would count again with the
    role. Call it every few seconds from any number of workers."""
    for found in EnrolmentCode.objects.filter(until__gt=clock.now()):
        if enrolment.is_open(found) and not enrolment.has_admin(found):
            _end_one(found)


@transaction.atomic
def _end_one(found: EnrolmentCode) -> None:
    enrolment.lock_fleet_codes(found.instance)
    if not EnrolmentCode.objects.filter(pk=found.pk).delete()[0]:
        return  # ended meanwhile
    record(
        SYSTEM,
        "outpost.suspended",
        target=Target("outpost", found.instance),
        approval=str(found.approval),
        operation=found.operation,
        data={"fleet": found.instance, "code": found.operation},
    )


def list_open() -> list[FleetCode]:
    """The fleet codes with uses left that neither expired nor were ended, the next end first."""
    found = EnrolmentCode.objects.filter(until__gt=clock.now()).order_by("until", "approval")
    listed = [_described(one) for one in found if enrolment.is_open(one)]
    return [one for one in listed if one.used < one.right.uses]


def _described(right: EnrolmentCode) -> FleetCode:
    used = enrolment.used_names(right, enrolment_entry_lookup.of("outpost"))
    return FleetCode(right, len(used), enrolment.requester(right), enrolment.has_admin(right))
