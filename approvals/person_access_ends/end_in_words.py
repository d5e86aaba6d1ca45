"""What pages show of the end of somebody's access: the day, who set it and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from approvals import people_and_roles
from approvals.models import person_access_end
from audit.models import EventRow
from audit.models.search_row_and_rollup import ACCESS_END


@dataclass(frozen=True, slots=True)
class Shown:
    """An end that is set; `last_day` (UTC) is None where its row is not as the log has it."""

    last_day: date | None
    is_over: bool
    by: str
    set_at: datetime | None

    @property
    def day(self) -> str:
        """`12 Dec 2026`."""
        return in_words(self.last_day) if self.last_day else ""


def shown_of(iss: str, sub: str) -> Shown | None:
    """The end of this person's access; None where none is set."""
    end = person_access_end.end_of(iss, sub)
    if end is None:
        return None
    decisions = EventRow.of_operation(end.operation).filter(action=ACCESS_END)
    row = decisions.order_by("-event").first()
    by = (row.actor_name or row.actor_email or row.actor_sub) if row else ""
    return Shown(end.last_day, end.is_over, by, row.time if row else None)


def sentence_for_owner(iss: str, sub: str) -> str:
    """What the person reads about their own access; empty where no end is set."""
    end, person = person_access_end.end_of(iss, sub), people_and_roles.find(iss, sub)
    if end is None or person is None:
        return ""
    access = f"Your {' and '.join(person.roles)} access" if person.roles else "Your access by role"
    if not end.is_over and end.last_day:
        return f"{access} ends after {in_words(end.last_day)} (UTC)."
    ended = f" after {in_words(end.last_day)} (UTC)" if end.last_day else ""
    return f"{access} ended{ended}: you see only what is yours. Ask an admin if you still need it."


def in_words(day: date) -> str:
    """`12 Dec 2026`."""
    return f"{day.day} {day:%b %Y}"
