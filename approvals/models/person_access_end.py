"""When a person's access by role ends: the row, its seal, and whether the log agrees with it.

The issuer's claims have no date, so the portal keeps one. The log decides: a row that somebody
changed, deleted or put back as it was before leaves the person without roles.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.db import models
from django.db.models import Exists, OuterRef, QuerySet

from audit import clock
from audit.evidence import row_seals
from audit.models import EventRow
from audit.models.search_row_and_rollup import ACCESS_END
from audit.verification.unreadable_rows import UNREADABLE

KIND: Final = "person"
_LABEL: Final = "ata.access-end.v1"

type Subjects = Collection[str] | QuerySet[Any, Any]
"""Subjects, or a query of them alone."""


class AccessEnd(models.Model):
    """The instant from which a person has no role here; without one, an end was removed."""

    iss = models.CharField(max_length=255)
    sub = models.CharField(max_length=255)
    ends_at = models.DateTimeField(null=True)
    operation = models.CharField(max_length=36)  # the decision that set it
    seal = models.CharField(max_length=64)  # by audit.evidence.row_seals

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["iss", "sub"], name="one_access_end_per_person"),
        )

    def __str__(self) -> str:
        return f"{self.sub}: {self.ends_at}"

    def sealed(self) -> str:
        """The seal of the row as it is now."""
        return row_seals.seal(_LABEL, self._said())

    @property
    def is_sealed(self) -> bool:
        """Whether this portal wrote the row so."""
        try:
            return row_seals.holds(_LABEL, self._said(), self.seal)
        except UNREADABLE:
            return False

    def _said(self) -> dict[str, Any]:
        ends = self.ends_at.astimezone(UTC).isoformat() if self.ends_at else None
        return {"iss": self.iss, "sub": self.sub, "ends_at": ends, "operation": self.operation}


@dataclass(frozen=True, slots=True)
class End:
    """An end that is set. `at` is None where its row is not as the log has it: it is over then, for
    that subject at any issuer."""

    iss: str
    sub: str
    at: datetime | None
    operation: str

    @property
    def is_over(self) -> bool:
        """Whether the person has no role any more."""
        return self.at is None or self.at <= clock.now()

    def is_of(self, iss: str, sub: str) -> bool:
        """Whether it is this person's."""
        return self.sub == sub and (self.at is None or self.iss == iss)

    @property
    def last_day(self) -> date | None:
        """The last whole day with roles, in UTC; None where it is not known."""
        return None if self.at is None else (self.at - timedelta(days=1)).astimezone(UTC).date()


def instant_after(day: date) -> datetime:
    """The end of that day in UTC, the time zone of every date here."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def end_of(iss: str, sub: str) -> End | None:
    """When a person's access ends; None where no end is set."""
    return next((end for end in _ends([sub]) if end.is_of(iss, sub)), None)


def may_have_end() -> models.Q:
    """Of a person: whether a row or the log has an end of their access, which `end_of` judges."""
    rows, said = _of(OuterRef("sub"))
    return models.Q(Exists(rows)) | models.Q(Exists(said))


def is_named(sub: str) -> bool:
    """The same of a subject of whom no person is known; one query."""
    rows, said = _of(sub)
    return rows.values("sub").union(said.values("target_name")).exists()


def _of(sub: Any) -> tuple[QuerySet[AccessEnd], QuerySet[EventRow]]:
    return AccessEnd.objects.filter(sub=sub), _events().filter(target_name=sub)


def _events() -> QuerySet[EventRow]:
    """What the log has of ends, in the terms of its index."""
    return EventRow.objects.filter(action=ACCESS_END, target_kind=KIND)


def roles_left(iss: str, sub: str, roles: frozenset[str]) -> frozenset[str]:
    """Of the roles that the issuer gives a person, those that count here: none after their end.

    Whatever decides by somebody's role asks this, by every way in.
    """
    if not roles or not sub:
        return roles
    end = end_of(iss, sub)
    return frozenset() if end is not None and end.is_over else roles


def over(subs: Subjects) -> list[End]:
    """The ends of these subjects after which they have no role."""
    return [end for end in _ends(subs) if end.is_over]


def _ends(subs: Subjects) -> list[End]:
    """The ends of these subjects that are set."""
    found = _read(subs)
    if all(end.at for end in found):
        return found
    return _read(subs)  # a decision may have been committed between both reads


def _read(subs: Subjects) -> list[End]:
    """Each end as its row and the log have it; where they differ, or no seal of ours is on the
    row, the access of that subject is over."""
    rows = AccessEnd.objects.filter(sub__in=subs)
    later = _events().filter(target_name=OuterRef("target_name"), event__gt=OuterRef("event"))
    last = _events().filter(~Exists(later), target_name__in=subs)
    newest = dict(last.values_list("target_name", "operation"))
    try:
        kept = list(rows)
        named = newest.keys() | {row.sub for row in kept}
    except UNREADABLE:  # a value that no writer of ours puts there
        kept, named = [], newest.keys() | set(rows.values_list("sub", flat=True))
    whole = {
        row.sub: row
        for row in kept
        if row.is_sealed and row.operation == newest.get(row.sub, row.operation)
    }
    return [
        *(End(r.iss, r.sub, r.ends_at, r.operation) for r in whole.values() if r.ends_at),
        *(End("", sub, None, newest.get(sub, "")) for sub in named - whole.keys()),
    ]


def sealed_now() -> list[int]:
    """Keys of the rows that are as this portal wrote them."""
    return [row.pk for row in AccessEnd.objects.all() if row.is_sealed]


def reseal(which: Iterable[int]) -> None:
    """Seal these again: the key changes."""
    for row in AccessEnd.objects.filter(pk__in=list(which)):
        row.seal = row.sealed()
        row.save(update_fields=["seal"])
