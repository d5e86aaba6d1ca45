"""What narrows the list of approval requests: who asked, when, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import QueryDict

from approvals.models import Approval, Outcome, Person, Status
from audit.ledger.query import instant
from audit.recording.actors import Actor

STATUSES: Final = (str(Status.PENDING), *Outcome.values)
"""What `?status=` takes: what waits, or how a request ended."""
SEES_ALL: Final = frozenset({"auditor", "operator", "admin"})
LONGEST: Final = 254
"""Characters of `?by=`: as many as an e-mail address has at most."""
_DATES: Final = ("after", "until")


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """A filter as its URL has it.

    Attributes:
        status: one of `STATUSES`; "" is all.
        by: subject, e-mail or name, or a part of the last two, of who asked; "" is everybody.
        after, until: dates or RFC 3339 times between which it was asked; `until` is not in it.
        mistakes: what cannot be read; nothing is listed then.
    """

    status: str = ""
    by: str = ""
    after: str = ""
    until: str = ""
    mistakes: tuple[str, ...] = ()

    @classmethod
    def read(cls, params: QueryDict, viewer: Actor) -> RequestFilter:
        """Read a URL; only who sees all requests chooses whose."""
        given = {key: params.get(key, "").strip() for key in ("status", "by", *_DATES)}
        if not viewer.roles & SEES_ALL:
            given["by"] = ""
        return cls(**given, mistakes=tuple(_mistakes(given)))

    @property
    def narrowed(self) -> bool:
        """Whether it is about a person or a period."""
        return bool(self.by or self.after or self.until)

    def query_string(self, **other: str) -> str:
        """The filter as a URL has it, with other values for some parts."""
        parts = {"status": self.status, "by": self.by, "after": self.after, "until": self.until}
        return urlencode({key: value for key, value in (parts | other).items() if value})

    def narrow(self, found: QuerySet[Approval]) -> QuerySet[Approval]:
        """Those that were asked by the person and in the period; the status is for the caller."""
        if self.by:
            people = Person.objects.filter(
                Q(sub=self.by) | Q(email__icontains=self.by) | Q(name__icontains=self.by)
            )
            found = found.filter(
                Q(requester_sub=self.by) | Q(requester_sub__in=people.values("sub"))
            )
        if self.after:
            found = found.filter(created__gte=instant(self.after))
        if self.until:
            found = found.filter(created__lt=instant(self.until))
        return found


EVERYTHING: Final = RequestFilter()


def moment(text: str) -> datetime | None:
    """The moment that a date or an RFC 3339 time names; None for what is neither."""
    try:
        return instant(text)
    except (ValueError, OverflowError):  # the latter: of a year that UTC does not have
        return None


def _mistakes(given: Mapping[str, str]) -> list[str]:
    found = []
    if given["status"] and given["status"] not in STATUSES:
        found.append("There is no such status. Choose one of those above.")
    if len(given["by"]) > LONGEST or not given["by"].isprintable():
        found.append(f"A person is named with at most {LONGEST} printable characters.")
    for key in _DATES:
        if given[key] and moment(given[key]) is None:
            found.append(f"“{key}” needs a date such as 2026-11-27.")
    return found
