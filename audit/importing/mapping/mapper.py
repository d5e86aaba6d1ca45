"""A row of any table as a draft of an event."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from audit.importing import decision_tag_hmac, defenseclaw_seals, foreign_json
from audit.importing.defenseclaw_seals import Key
from audit.importing.mapping import (
    activity_egress_acknowledgements,
    audit_events,
    row_actors,
    scans_and_findings,
    times,
)
from audit.importing.mapping.decision_tag_matches import TAG as BY_TAG
from audit.importing.mapping.decision_tag_matches import Matches
from audit.importing.mapping.mapped_facts import Facts, codes, opaque
from audit.importing.secret_masking import Masker
from audit.importing.source_row_identity import SourceRow, event_id
from audit.recording.actors import Actor, Subject, Target
from audit.recording.record import Draft

_ACTION_CHARS: Final = re.compile(r"[^A-Za-z0-9_:.-]+")
_TIME_COLUMN: Final = {"alert_acknowledgement_operations": "created_at"}
# Names of our own in DefenseClaw's family: a gateway must not be able to speak as the importer.
_OURS: Final = frozenset(
    {"push_gap", "row_changed", "rows", "tag_misused", "alert_acknowledged", "alert_dismissed"}
)


class Malformed(Exception):
    """A row that cannot become an event; `reason` is a code of `importing.quarantine.writer`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Mapper:
    """Makes drafts of one instance's rows; `key` opens its seals, `now` is the import's time."""

    def __init__(self, instance: str, key: Key | None, matches: Matches, now: datetime) -> None:
        self._instance = instance
        self._key = key
        self._matches = matches
        self._now = now

    def draft(self, row: SourceRow, digest: bytes) -> Draft:
        """The event that a row becomes; `digest` is that of its exact content.

        Raises:
            Malformed: it has no usable time or no action.
        """
        facts = self._facts(row)
        match, claim = self._matches.of(row, facts), facts.claim
        facts.reason = decision_tag_hmac.without(facts.reason)
        words = (claim.sub, claim.name, facts.name, facts.user, facts.reason, facts.agent)
        mask = Masker(row.values, words, facts.private, facts.changes)
        raw = mask(foreign_json.loggable(row.values))
        data: dict[str, Any] = {"table": row.table, "actor_provenance": claim.provenance}
        data |= codes({"row_id": row.id}, "row_id") | _severity_notes(row, facts) | facts.data
        data |= match.data if match else {}
        if mask.count:
            data["masked_values"] = mask.count
        private = {k: mask(foreign_json.loggable(v)) for k, v in facts.private.items()}
        private["raw"] = {"columns": raw, "digest": digest.hex()}
        return Draft(
            id=event_id(self._instance, row.table, row.id),
            actor=_actor(claim, facts, mask),
            action=f"defenseclaw.{_action(facts.action)}",
            outcome=facts.outcome,
            severity=facts.severity.code,
            source="defenseclaw",
            instance=self._instance,
            target=self._target(facts, mask),
            on_behalf_of=_user(facts.user, mask),
            agent=mask(facts.agent),
            operation=match.operation if match and match.by == BY_TAG else "",
            reason=mask(foreign_json.plain_text(facts.reason)),
            changes=mask(foreign_json.loggable(facts.changes)),
            data=data,
            private=private,
            time=facts.time,
        )

    def seal_notes(self, row: SourceRow) -> dict[str, Any]:
        """What the event of a row would have of its seal; nothing where it cannot have one."""
        if row.table != "audit_events":
            return {}
        record = foreign_json.load_object(row.text(defenseclaw_seals.RECORD))
        return audit_events.seal_notes(row, record, self._key)

    def _facts(self, row: SourceRow) -> Facts:
        if row.table in {"findings", "scan_findings"}:
            return scans_and_findings.finding_facts(row, *self._finding_time(row))
        time = _time(row.values.get(_TIME_COLUMN.get(row.table, "timestamp")))
        match row.table:
            case "audit_events":
                facts = audit_events.facts(row, time, self._key)
            case "activity_events":
                facts = activity_egress_acknowledgements.activity_facts(row, time)
            case "scan_results":
                facts = scans_and_findings.scan_facts(row, time)
            case "network_egress_events":
                facts = activity_egress_acknowledgements.egress_facts(row, time)
            case _:
                facts = activity_egress_acknowledgements.disposition_facts(row, time)
        if not facts.action.strip():
            raise Malformed("missing_action", "the row names no action")
        return facts

    def _finding_time(self, row: SourceRow) -> tuple[datetime, str]:
        if "timestamp" in row.values:
            return _time(row.values["timestamp"]), "row"
        if "timestamp" in row.joined:
            try:
                return times.parse(row.joined["timestamp"]), "scan"
            except times.BadTime:
                pass  # the scan itself is set aside with that reason
        return self._now, "import"

    def _target(self, facts: Facts, mask: Masker) -> Target | None:
        if not facts.name and not facts.kind:
            return None
        name = mask(foreign_json.plain_text(facts.name))
        return Target(opaque(facts.kind), name, self._instance)


def _time(value: Any) -> datetime:
    try:
        return times.parse(value)
    except times.BadTime as error:
        raise Malformed("missing_time" if value is None else "bad_time", str(error)) from None


def _action(theirs: str) -> str:
    word = _ACTION_CHARS.sub("_", theirs.strip())[:100]
    parts = [part for part in word.split(".") if part]
    word = ".".join(parts) or "unnamed"
    return f"reported_{word}" if word in _OURS else word


def _actor(claim: row_actors.Claim, facts: Facts, mask: Masker) -> Actor:
    shared = Actor(
        iss="", sub="", via="import", session=mask(facts.session), request=mask(facts.request)
    )
    sub, name = (mask(foreign_json.plain_text(text)) for text in (claim.sub, claim.name))
    return replace(shared, sub=sub, name=name)


def _user(named: str, mask: Masker) -> Subject | None:
    claim = row_actors.asserted(named.strip()) if named.strip() else None
    if claim is None or not (claim.sub or claim.name):
        return None
    sub, name = (mask(foreign_json.plain_text(text)) for text in (claim.sub, claim.name))
    return Subject(iss="", sub=sub, name=name)


def _severity_notes(row: SourceRow, facts: Facts) -> dict[str, Any]:
    basis = facts.severity.basis
    if basis in {"reported", "absent"}:
        return {}
    column = "max_severity" if row.table == "scan_results" else "severity"
    return {"severity_basis": basis, "severity_reported": opaque(row.text(column))[:40]}
