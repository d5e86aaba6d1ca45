"""Entries that say which outposts and passkeys count, read from the log itself.

Rows that help to search the log can be deleted or altered, so they are only asked for what has no
entry number yet. A process reads the log once for this, and later what was added: 100,000 entries
take 0.2 s of processor time, and 4 s where the disk is busy (SQLite, November 2026).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, Subquery

from audit.ledger.format import entry as entries
from audit.ledger.format.canonical import EntryError
from audit.models import Entry, Event, EventRow
from audit.models.search_row_and_rollup import ENROLMENTS

_FAMILIES: Final = sorted({action.partition(".")[0] for action in ENROLMENTS})
_BEGINS: Final = '{"action":"%s.'
"""How an entry about one begins: keys are sorted (RFC 8785 section 3.2.3)."""
_STEP: Final = 10_000
"""Entries of one query."""
GATEWAY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
"""Names that a gateway can have."""
_DECISION: Final = re.compile(r"[0-9a-f-]{36}")


@dataclass(frozen=True, slots=True)
class Found:
    """One entry. `index` is None before it has a leaf; values in `document` are committed."""

    event: UUID
    index: int | None
    document: dict[str, Any]


def of(family: str, since: datetime | None = None) -> list[Found]:
    """The entries of `ENROLMENTS` in a family of actions, oldest first; one query where nothing was
    added. One that does not name what it is about decides nothing and is left out.

    Args:
        since: also read events from then on that have no entry number and no search row, since
            somebody may have deleted that row; one more query, over the events since then.
    """
    found = _all(since)
    return [one for one in found if _family(one.document) == family and _is_complete(one.document)]


def gateway_of(document: dict[str, Any]) -> Any:
    """The gateway that an entry names; empty where it names an outpost or a fleet code alone."""
    return (document["target"] or {}).get("instance") or document["data"].get("gateway")


def ends_code(document: dict[str, Any], pattern: str, decision: str) -> bool:
    """Whether an entry ends the fleet code that a decision gave: every code of its pattern, or that
    one alone where it names a decision as `code`."""
    data = document["data"]
    if document["action"] != "outpost.suspended" or data.get("fleet") != pattern:
        return False
    return bool(data.get("code", decision) == decision)


def incomplete() -> list[Found]:
    """Entries that do not name what they are about: the portal writes none, so somebody added
    them."""
    return [one for one in _all() if not _is_complete(one.document)]


def _all(since: datetime | None = None) -> list[Found]:
    waiting = EventRow.objects.filter(action__in=ENROLMENTS, seq__isnull=True)
    last = Entry.objects.order_by("-seq").values("seq")[:1]
    here, newest = (
        Event.objects.filter(which).values_list("id", "entry", "leaf__seq")
        for which in (Q(id__in=waiting.values("event")), Q(leaf__seq=Subquery(last)))
    )
    rows = list(here.union(newest))
    size, event = max(
        ((seq + 1, event) for event, _, seq in rows if seq is not None), default=(0, None)
    )
    unnumbered = _unnumbered(since) if since else {}
    known = _found(rows) | unnumbered | _log.read(size, event)
    return sorted(known.values(), key=lambda one: one.event)


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read of a log: `size` entries. `last` is the event of the last one, and `ends` are
    those of the last ones of each step."""

    size: int = 0
    last: UUID | None = None
    ends: tuple[UUID | None, ...] = ()
    found: dict[UUID, Found] = field(default_factory=dict)

    def up_to(self, size: int) -> _Known:
        """The steps of which a log of that size has every entry; itself where it has them all."""
        if size >= self.size:
            return self
        ends = self.ends[: size // _STEP]
        whole = len(ends) * _STEP
        found = {key: one for key, one in self.found.items() if (one.index or 0) < whole}
        return _Known(whole, ends[-1] if ends else None, ends, found)

    def with_next(self, size: int) -> _Known:
        """With what one more query read of a log of that size."""
        end = min((self.size // _STEP + 1) * _STEP, size)
        last = _event_at(end - 1)
        ends = self.ends if end % _STEP else (*self.ends, last)
        return _Known(end, last, ends, self.found | _added(self.size, end))


@dataclass(slots=True)
class _Log:
    """What this process read of the log. Each step is kept, so a request that is cut off leaves
    what it read to the next; no request waits for another. `shorter` is what a log with fewer
    entries than `known` had: one before it in an older transaction, or another one, restored."""

    known: _Known = field(default_factory=_Known)
    shorter: _Known = field(default_factory=_Known)

    def read(self, size: int, last: UUID | None) -> dict[UUID, Found]:
        """All that there is now, by event.

        Args:
            size: of the log.
            last: the event of its last entry.
        """
        for one in (self.known, self.shorter):
            if (size, last) == (one.size, one.last):
                return one.found
        known = max(self.known.up_to(size), self.shorter.up_to(size), key=lambda one: one.size)
        if _event_at(known.size - 1) != known.last:  # another log, or one that was restored
            known = self.known = self.shorter = _Known()
        while known.size < size:
            known = known.with_next(size)
            if known.size > self.known.size:
                self.known = known
            else:
                self.shorter = known
        return known.found


_log = _Log()


def _event_at(index: int) -> UUID | None:
    return Entry.objects.filter(seq=index).values_list("event", flat=True).first()


def _unnumbered(since: datetime) -> dict[UUID, Found]:
    """Events without an entry number, by the time in their ids (RFC 9562 section 5.7)."""
    first = UUID(int=int(since.timestamp() * 1000) << 80)
    rows = Event.objects.filter(_of_families(), id__gte=first, leaf__isnull=True)
    return _found(rows.values_list("id", "entry"))


def _added(first: int, end: int) -> dict[UUID, Found]:
    rows = Event.objects.filter(_of_families(), leaf__seq__gte=first, leaf__seq__lt=end)
    return _found(rows.values_list("id", "entry", "leaf__seq"))


def _of_families() -> Q:
    begins = Q()
    for family in _FAMILIES:
        start = (_BEGINS % family).encode()
        begins |= Q(entry__gte=start, entry__lt=start[:-1] + bytes([start[-1] + 1]))
    return begins


def _found(rows: Any) -> dict[UUID, Found]:
    found = {}
    for event, entry, *index in rows:
        try:
            document = entries.parse(bytes(entry))
        except EntryError:
            continue  # `verify_ledger` names it
        if document["action"] in ENROLMENTS:
            found[event] = Found(event, index[0] if index else None, document)
    return found


def _family(document: dict[str, Any]) -> str:
    return str(document["action"]).partition(".")[0]


def _is_complete(document: dict[str, Any]) -> bool:
    """Whether an entry names, as text, its passkey or its outpost, gateway and decision."""
    data = document["data"]
    gateway = gateway_of(document)
    named: tuple[Any, ...] = {
        # Older decisions name the outpost alone, and one that ends a fleet code names that.
        "outpost": (gateway or data.get("outpost") or data.get("fleet"),),
        "passkey": (data.get("credential_id"),),
    }[_family(document)]
    if document["action"] == "outpost.key_enrolled":
        decision = _DECISION.fullmatch(document["operation"])
        named = (gateway, data.get("outpost"), decision and decision[0])
    complete = all(isinstance(one, str) and one for one in named)
    # Nobody could decide about a gateway of another name.
    return complete and (not gateway or GATEWAY.fullmatch(str(gateway)) is not None)
