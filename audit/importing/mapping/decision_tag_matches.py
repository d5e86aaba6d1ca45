"""Which decision of ours a DefenseClaw row repeats, and whether it does so honestly.

One tag belongs to one row with exactly the content it was made for. On a second row, or on other
content, it was copied: that raises `defenseclaw.tag_misused`, which names both. A further try of
ours has a new tag, so it never looks like a copy.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from audit.importing.decision_tag_hmac import Content, Tag, find
from audit.importing.mapping import audit_events
from audit.importing.mapping.mapped_facts import Facts
from audit.importing.portal_operation_lookup import Operation, Operations
from audit.importing.secret_masking import mask
from audit.importing.source_row_identity import SourceRow, event_id, misuse_id
from audit.models import EventRow, RepeatedTag
from audit.recording.actors import Actor, Target
from audit.recording.record import Draft

TAG: Final = "tag"
ID: Final = "id"
SECOND_ROW: Final = "second_row"
OTHER_CONTENT: Final = "other_content"

_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_TYPED: Final = re.compile(r"(?:\A|\s)type=([a-z]+)(?:\s|\Z)")
_REFUSED_CALL: Final = "api-auth-failure"  # names the call that was refused: nothing was done
_ENFORCE: Final = {"api-enforce-block", "api-enforce-unblock", "api-enforce-allow"}
_NAMED: Final = {
    *(f"{kind}-{act}" for kind in ("skill", "plugin", "tool") for act in (
        "block", "allow", "unblock", "disable", "enable", "quarantine", "restore"
    )),
    "mcp-unblock", "block-mcp", "allow-mcp",
    "alert.acknowledgement.requested", "alert.dismissal.requested",
    "guardrail-enable", "guardrail-disable",
    "setup-guardrail mode=action", "setup-guardrail mode=observe",
}  # fmt: skip
_SETTING: Final = re.compile(r"guardrail-(?:enable|disable)|setup-guardrail")
"""Rows about a whole gateway, which they do not name."""
_MODE: Final = re.compile(r"\Amode=(?:action|observe)(?=\s|\Z)")
_UNMASKED: Final = re.compile(r"(?:\A|\s)disable_redaction=true(?=\s|\Z)", re.IGNORECASE)
"""The same command can also turn off that secrets are masked, which no decision covers. The row of
0.8.4 has only what is so after it: where masking was off before, it is of no decision either."""
_SEVERAL: Final = re.compile(r"(?:skill|plugin)-(?:quarantine|restore)")
"""One call leaves a row for each agent whose copy it moves, with the same tag."""
_OF_ONE_CALL: Final = timedelta(seconds=30)
_NOT_READ: Final = datetime.min.replace(tzinfo=UTC)
"""The time of a row where only its content is compared."""


@dataclass(frozen=True, slots=True)
class Match:
    """How a row refers to an operation: by a tag that verifies, or only by its id."""

    operation: str
    by: str

    @property
    def data(self) -> dict[str, str]:
        """What the event of the row says about it."""
        return {"repeats": self.by, "repeats_operation": self.operation}


@dataclass(slots=True)
class Matches:
    """The matches of one import; `registered` are the names of the gateways of this portal."""

    instance: str
    operations: Operations
    registered: frozenset[str]
    _first: dict[str, tuple[UUID, str]] = field(default_factory=dict)
    _times: dict[UUID, datetime | None] = field(default_factory=dict)
    _new: list[RepeatedTag] = field(default_factory=list)
    _alarms: list[tuple[SourceRow, Facts, Tag, UUID, str]] = field(default_factory=list)

    def look_up(self, rows: Sequence[SourceRow]) -> None:
        """Read which operations these rows name, before each is asked about."""
        named: set[str] = set()
        for row in rows:
            if row.table == "audit_events":
                named.update(tag.operation for tag in _tags(row))
                named.update(_ids(row))
        self.operations.look_up(named)

    def of(self, row: SourceRow, facts: Facts) -> Match | None:
        """The operation that a row repeats; a tag that was copied is kept for `alarms`."""
        if row.table != "audit_events" or facts.action == _REFUSED_CALL:
            return None
        tags = _tags(row)
        good = [tag for tag in tags if self._judge(tag, row, facts, alone=len(tags) == 1)]
        if good:
            return Match(good[0].operation, TAG)
        return self._by_id([*(tag.operation for tag in tags), *_ids(row)])

    def _by_id(self, ids: list[str]) -> Match | None:
        for operation in ids:
            if self.operations.find(operation) is not None:
                return Match(operation, ID)
        return None

    def _judge(self, tag: Tag, row: SourceRow, facts: Facts, *, alone: bool) -> bool:
        """Whether the row is the first one with this tag and has the content it was made for."""
        known = self.operations.find(tag.operation)
        if known is None:
            return False
        fits = alone and _fits(tag, row, facts, self.instance)
        if not fits and not self._is_ours(tag, known):
            return False  # in the form of a tag, but nobody here made it
        first = self._remembered(tag)
        if fits and first is None:
            event = event_id(self.instance, row.table, row.id)
            self._remember(tag, event, row.id)
            self._times[event] = facts.time
            return True
        if first is not None and first[1] == row.id:
            return fits  # this very row, imported under another name as well
        if fits and first is not None and self._is_of_one_call(first[0], facts):
            return True
        if first is not None or not self._is_elsewhere(tag, row, facts, known):
            why = SECOND_ROW if fits else OTHER_CONTENT
            self._alarms.append((row, facts, tag, first[0] if first else known.event, why))
        return False

    def _is_of_one_call(self, first: UUID, facts: Facts) -> bool:
        """Whether another row of one call of the command line is that of another agent's copy."""
        if not _SEVERAL.fullmatch(facts.action):
            return False
        if first not in self._times:
            times = EventRow.objects.filter(event=first).values_list("time", flat=True)
            self._times[first] = times.first()
        at = self._times[first]
        return at is not None and abs(facts.time - at) <= _OF_ONE_CALL

    def _is_ours(self, tag: Tag, known: Operation) -> bool:
        contents = known.contents(_ENFORCE | _NAMED, self.instance)
        return any(tag.verifies(content) for content in contents)

    def _is_elsewhere(self, tag: Tag, row: SourceRow, facts: Facts, known: Operation) -> bool:
        """Whether it is an honest row of a gateway that is imported under a name of no gateway."""
        if self.instance in self.registered:
            return False
        return any(_fits(tag, row, facts, name) for name in known.instances)

    def _remembered(self, tag: Tag) -> tuple[UUID, str] | None:
        text = str(tag)
        if text not in self._first:
            found = RepeatedTag.objects.filter(tag=text).first()
            if found is None:
                return None
            self._first[text] = (found.event, found.row_id)
        return self._first[text]

    def _remember(self, tag: Tag, event: UUID, row_id: str) -> None:
        self._first[str(tag)] = (event, row_id)
        self._new.append(RepeatedTag(tag=str(tag), event=event, row_id=row_id))

    def forget(self, events: Collection[UUID]) -> None:
        """Let go of the tags of rows that were not taken, so that no other one is their copy."""
        self._first = {tag: one for tag, one in self._first.items() if one[0] not in events}
        self._new = [one for one in self._new if one.event not in events]

    def taken(self) -> list[RepeatedTag]:
        """What has to be remembered of the rows so far, once."""
        new, self._new = self._new, []
        return new

    def alarms(self, actor: Actor) -> Iterator[Draft]:
        """One event for each tag that was copied, once."""
        found, self._alarms = self._alarms, []
        for row, facts, tag, other, why in found:
            event = event_id(self.instance, row.table, row.id)
            data: dict[str, Any] = {
                "table": row.table,
                "misuse": why,
                "row_event": str(event),
                "first_event": str(other),
                "repeats_operation": tag.operation,
                "tag": str(tag),
                "reported_action": facts.action[:100],
            }
            yield Draft(
                id=misuse_id(event, str(tag)),
                actor=actor,
                action="defenseclaw.tag_misused",
                severity="HIGH",
                source="defenseclaw",
                instance=self.instance,
                target=Target(f"{row.table}_row", mask(row.label), self.instance),
                data=data,
                time=facts.time,
            )


def tag_of_act(row: SourceRow, instance: str) -> Tag | None:
    """The tag of a row as a gateway has it, where the row shows that what the tag was made for was
    done there, as an import compares it."""
    facts, tags = audit_events.facts(row, _NOT_READ, None), _tags(row)
    if len(tags) != 1 or facts.action == _REFUSED_CALL:
        return None
    return tags[0] if _fits(tags[0], row, facts, instance) else None


def _fits(tag: Tag, row: SourceRow, facts: Facts, at: str) -> bool:
    """Whether what a row of the gateway `at` reports as done is what the tag was made for."""
    if facts.outcome != "success":
        return False
    if _SETTING.fullmatch(facts.action):
        details = row.text("details")
        mode = None if _UNMASKED.search(details) else _MODE.match(details)
        action = f"{facts.action} {mode[0]}" if mode else facts.action
        return tag.verifies(Content(action, "gateway", at, at))
    return any(
        tag.verifies(Content(facts.action, kind, name, at)) for kind, name in _targets(row, facts)
    )


def _tags(row: SourceRow) -> list[Tag]:
    """Tags in the places where we send one."""
    return find(f"{row.text('request_id')} {row.text('run_id')} {row.text('details')}")


def _targets(row: SourceRow, facts: Facts) -> set[tuple[str, str]]:
    """The target as the row has it and as we read it: a name may look like something else."""
    typed = _TYPED.search(row.text("details"))
    found = {(facts.kind, facts.name)}
    return found | {(typed[1], row.text("target"))} if typed else found


def _ids(row: SourceRow) -> list[str]:
    """Ids in the places where we send one."""
    found = [row.text("request_id"), *_UUID.findall(row.text("details"))]
    return [text for text in found if _UUID.fullmatch(text)]
