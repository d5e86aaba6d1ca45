"""One row, several ways: what a gateway pushed and its database row are one event.

A push has other columns than the database, and each redaction profile other texts, so a content
is compared with what arrived the same way. Two ways are compared by what both have in clear. What
0.2.0 pushes has no id: there time, action, target and details name the row.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import batched
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from audit.importing.mapping import severities, times
from audit.importing.source_row_identity import SourceRow, encoded
from audit.models import RowForm

FORM: Final = "form"
"""Key in `SourceRow.joined` of the way a row arrived; a database's rows have none."""
DATABASE: Final = "database"
_PUSHED_KEY: Final = "key of a push"
_DATABASE_KEY: Final = "key of a row"
_CLAIM: Final = "row of a push"
"""Digests by which events are found: that which names a pushed event without id, or the row of a
database that one could be of; and that of the id of the one row that a pushed event is of."""
_FINDING: Final = (_PUSHED_KEY, _DATABASE_KEY, _CLAIM)
_PREFIX: Final = "pushed-"
_LABEL: Final = b"ata.pushed-row.v1"

_COMPARED: Final = ("action", "target", "details")
_LEGACY: Final = "legacy.audit."
_HIDDEN: Final = re.compile(
    r"<(?:redacted|hashed)\b[^<>]{0,200}>|\[masked: [^\]]{0,200}\]|…? \[cut: [^\]]{0,200}\]"
)
"""What stands for a value that a redaction profile or our own masking hides."""
_OF_0_2_0: Final = frozenset(
    {"id", "timestamp", "action", "target", "actor", "details", "severity"}
)
_NAMED_BY: Final = ("action", "target", "details")
_TICK: Final = timedelta(microseconds=1)
_CUT: Final = timedelta(seconds=1)
_ASKED: Final = 500  # in one query


def form_of(row: SourceRow) -> str:
    """The way a row arrived."""
    return str(row.joined.get(FORM, DATABASE))


def id_of_one_without(values: Mapping[str, Any]) -> str:
    """An id for a pushed event that has none."""
    return f"{_PREFIX}{keyed(_named(values, _time(values))).hex()[:40]}"


def keyed(content: bytes, key: bytes = b"") -> bytes:
    """A digest of a row that nobody without EVIDENCE_KEY can compare a guess with.

    It stands in clear in entries, also after the personal values that it is made of were erased.

    Args:
        key: the EVIDENCE_KEY, where it is not the present one.
    """
    made = hmac.digest(key or settings.EVIDENCE_KEY, _LABEL, "sha256")
    return hmac.digest(made, content, "sha256")


def keys_of(row: SourceRow) -> list[bytes]:
    """Digests by which an event of 0.2.0 and its database row find each other; own one first.

    The push has the time as a float, which can differ from the row's by a microsecond. While
    EVIDENCE_KEY is being replaced, what the one before it named is found as well.
    """
    if row.table != "audit_events" or not _OF_0_2_0.issuperset(row.values):
        return []
    at = _time(row.values)
    if at is None:
        return []
    previous: bytes = settings.EVIDENCE_KEY_PREVIOUS
    keys = [settings.EVIDENCE_KEY, *([previous] if len(previous) == 32 else [])]
    named = [_named(row.values, at + n * _TICK) for n in (0, -1, 1)]
    return [keyed(one, key) for key in keys for one in named]


def _time(values: Mapping[str, Any]) -> datetime | None:
    try:
        return times.parse(values.get("timestamp"))
    except times.BadTime:
        return None


def _named(values: Mapping[str, Any], at: datetime | None) -> bytes:
    parts = [at.isoformat() if at else str(values.get("timestamp", ""))]
    parts += [str(values.get(name, "")) for name in _NAMED_BY]
    return encoded("\n".join(parts))


@dataclass(slots=True)
class Forms:
    """The forms in which the events of some rows are known, and those that are new.

    A pushed event without id is of one database row at most: two rows that are alike stay two.
    """

    instance: str
    _known: dict[UUID, dict[str, set[bytes]]] = field(default_factory=dict)
    _found: dict[tuple[str, bytes], UUID] = field(default_factory=dict)
    _claimed: set[UUID] = field(default_factory=set)
    _new: list[RowForm] = field(default_factory=list)

    def look_up_keys(self, rows: Sequence[SourceRow]) -> None:
        """Read which of these rows arrived before under another id."""
        wanted = {self._own(key) for row in rows for key in (*keys_of(row), row.id.encode())}
        self._found, self._claimed, self._new = {}, set(), []
        if not any(keys_of(row) for row in rows):
            return
        for some in batched(wanted, _ASKED):
            for one in RowForm.objects.filter(form__in=_FINDING, digest__in=some):
                self._found[one.form, bytes(one.digest)] = one.event
        pushed = {event for (form, _), event in self._found.items() if form == _PUSHED_KEY}
        for events in batched(pushed, _ASKED):
            claims = RowForm.objects.filter(form=_CLAIM, event__in=events)
            self._claimed.update(claims.values_list("event", flat=True))

    def same_row(self, row: SourceRow) -> UUID | None:
        """The event that a row became when it arrived another way, under another id."""
        keys = [self._own(key) for key in keys_of(row)]
        if not keys:
            return None
        if row.id.startswith(_PREFIX):
            found = (self._found.get((_DATABASE_KEY, key)) for key in keys)
            return next((event for event in found if event is not None), None)
        claim = self._own(row.id.encode())
        if (held := self._found.get((_CLAIM, claim))) is not None:
            return held
        pushed = (self._found.get((_PUSHED_KEY, key)) for key in keys)
        free = (event for event in pushed if event is not None and event not in self._claimed)
        event = next(free, None)
        if event is not None:
            self._claimed.add(event)
            self._found[_CLAIM, claim] = event
            self._new.append(RowForm(event=event, form=_CLAIM, digest=claim))
        return event

    def look_up(self, events: Sequence[UUID]) -> None:
        """Read in which forms these events are known."""
        self._known = {}
        for one in RowForm.objects.filter(event__in=events).exclude(form__in=_FINDING):
            forms = self._known.setdefault(one.event, defaultdict(set))
            forms[one.form].add(bytes(one.digest))

    def began(self, row: SourceRow, event: UUID, digest: bytes) -> None:
        """Note the form in which a row became an event."""
        if form_of(row) != DATABASE:
            self._note(event, form_of(row), digest)
        for key in keys_of(row)[:1]:
            form = _PUSHED_KEY if row.id.startswith(_PREFIX) else _DATABASE_KEY
            self._new.append(RowForm(event=event, form=form, digest=self._own(key)))

    def has(self, row: SourceRow, event: UUID, digest: bytes) -> bool:
        """Whether this content arrived this way before."""
        return digest in self._known.get(event, {}).get(form_of(row), ())

    def is_other_form(self, row: SourceRow, event: UUID) -> bool:
        """Whether the event is not known in the form of the row, only in another one."""
        forms, form = self._known.get(event, {}), form_of(row)
        return form not in forms and (form != DATABASE or bool(forms))

    def note(self, row: SourceRow, event: UUID, digest: bytes, first: bytes) -> None:
        """Note a further form of an event, or a further content in one.

        Args:
            first: the digest of what the event was made from; of a database, where no form is.
        """
        if not self._known.get(event) and form_of(row) != DATABASE:
            self._note(event, DATABASE, first)
        self._note(event, form_of(row), digest)

    def _note(self, event: UUID, form: str, digest: bytes) -> None:
        self._known.setdefault(event, defaultdict(set))[form].add(digest)
        self._new.append(RowForm(event=event, form=form, digest=digest))

    def _own(self, key: bytes) -> bytes:
        return hashlib.sha256(self.instance.encode() + b"\0" + key).digest()

    def taken(self, events: Iterable[UUID]) -> list[RowForm]:
        """What has to be remembered of the rows so far whose events are written or known."""
        written = set(events)
        new, self._new = self._new, []
        return [one for one in new if one.event in written]


def disagree(row: SourceRow, first: Mapping[str, Any]) -> bool:
    """Whether a row contradicts what its event was first made from.

    Args:
        first: the columns of then, with secrets masked.
    """
    values = row.values
    # The actor of a schema-derived record is a part of the gateway, which depends on the way.
    derived = not str(values.get("event_name") or _LEGACY).startswith(_LEGACY)
    compared = _COMPARED if derived else (*_COMPARED, "actor")
    if any(_contradict(values.get(name), first.get(name)) for name in compared):
        return True
    said, before = (severities.of(str(one.get("severity") or "")) for one in (values, first))
    if said.code != before.code:
        return True
    at, then = _time(values), _time(first)
    return at is not None and then is not None and abs(at - then) > _CUT


def _contradict(now: Any, then: Any) -> bool:
    """Two texts of which parts that stand in clear differ."""
    if not isinstance(now, str) or not isinstance(then, str) or not now or not then:
        return False
    return now != then and not _may_be_one(_HIDDEN.split(now), _HIDDEN.split(then))


def _may_be_one(some: Sequence[str], others: Sequence[str]) -> bool:
    """Whether two texts can be one, each given as its parts in clear around what is hidden."""
    if len(some) == 1 == len(others):
        return False
    if len(some) > 1 and len(others) > 1:  # between the outermost nothing can be compared
        return _agree(some[0], others[0]) and _agree(some[-1][::-1], others[-1][::-1])
    (whole,), parts = (some, others) if len(some) == 1 else (others, some)
    end = len(whole) - len(parts[-1])
    if not whole.startswith(parts[0]) or not whole.endswith(parts[-1]):
        return False
    at = len(parts[0])
    for part in parts[1:-1]:
        at = whole.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return at <= end


def _agree(one: str, other: str) -> bool:
    """Whether one of two texts begins with the other."""
    return one.startswith(other) or other.startswith(one)
