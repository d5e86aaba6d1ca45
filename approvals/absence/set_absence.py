"""The recorder of `person.away_set` and `person.away_cleared`: an approver's own statement.

It changes who is asked first and nothing about who may approve, so it is no decision.
"""

from __future__ import annotations

from datetime import UTC, date, timedelta
from typing import Final

from django.db import transaction

from approvals import clock
from approvals.errors import Refused
from approvals.models import Person
from audit.recording.actors import Actor
from audit.recording.record import record

ROLES: Final = frozenset({"operator", "admin"})
"""Who is asked about what others want; everybody else is asked about their own things only."""
LONGEST: Final = timedelta(days=366)


def until(actor: Actor) -> date | None:
    """The last day (UTC) on which this person is away; None where they are not."""
    known = Person.objects.filter(iss=actor.iss, sub=actor.sub).first()
    return known.away_until if known and known.is_away(clock.now()) else None


def set_away(actor: Actor, last_day: date) -> bool:
    """Away until the end of `last_day` (UTC). False where that is set already.

    Raises:
        Refused: `not_permitted`, `invalid_request`.
    """
    today = clock.now().astimezone(UTC).date()
    if not today <= last_day <= today + LONGEST:
        raise Refused(
            "invalid_request",
            f"Use a day from today ({today}) to a year ahead, such as {today + timedelta(days=7)}.",
            pointer="/until",
        )
    return _write(actor, last_day)


def clear(actor: Actor) -> bool:
    """Back again. False where the person was not away.

    Raises:
        Refused: `not_permitted`.
    """
    return _write(actor, None)


def _write(actor: Actor, last_day: date | None) -> bool:
    if not actor.roles & ROLES:
        words = "Only operators and admins are asked in turn: no one is asked in your place."
        raise Refused("not_permitted", words)
    with transaction.atomic():
        known = Person.objects.select_for_update().filter(iss=actor.iss, sub=actor.sub).first()
        if known is None:
            raise Refused(
                "not_permitted", "No one is asked in your place: you are not listed here."
            )
        before = known.away_until if known.is_away(clock.now()) else None
        if before == last_day:
            return False
        known.away_until = last_day
        known.save(update_fields=["away_until"])
        if last_day is None:
            record(actor, "person.away_cleared")
        else:
            record(actor, "person.away_set", data={"until": last_day.isoformat()})
    return True
