"""Scans in the rows that an outpost reported, where the portal reads no database of the gateway.

A report has scans and findings from HIGH. The rows of one scan may come in several reports, so a
scan that is known gets the findings that it lacks.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import DataError, IntegrityError, transaction

from audit.importing.source_row_identity import SourceRow
from audit.ledger.format.allowed_field_values import gravest
from enforcement.audit_database import scan_rows
from enforcement.audit_database.names_of_scanned_things import asset_of, short_name
from enforcement.audit_database.scan_rows import SourceFinding, SourceScan
from enforcement.audit_database.time_texts import moment
from enforcement.component_kinds import SCANNED
from enforcement.findings import intake, unreadable_row_quarantine
from enforcement.gateways import instances
from enforcement.models import Outpost, Watch

_SCANS: Final = "scan_results"
_FINDINGS: Final = ("scan_findings", "findings")
_FOLDERS: Final = {
    ".openclaw": "openclaw",
    ".claude": "claudecode",
    ".codex": "codex",
    ".cursor": "cursor",
    ".gemini": "geminicli",
}
"""In a person's folder, what holds an agent's skills and plugins."""
_FOLDER: Final = re.compile(r".*/(\.[a-z]+)/(?:skills|plugins|extensions)/[^/]+", re.DOTALL)
_MOST_FINDINGS: Final = 10_000
_LONGEST_SCAN: Final = timedelta(minutes=10)
"""A row of a gateway's scan has the time of its start."""


def take(outpost: Outpost, rows: Iterable[SourceRow], now: datetime) -> None:
    """Take in what scanners of components found, in the caller's transaction. What was found before
    the outpost enrolled asks nobody."""
    found = list(_scans(rows, now))
    if not found or _is_read_by_portal(outpost.instance):
        return
    known_until = outpost.enrolled_at - _LONGEST_SCAN
    aside = []
    for scan in found:
        try:
            with transaction.atomic():
                _store(outpost.instance, scan, now, history=scan.at <= known_until)
        except (ValueError, TypeError, DataError, IntegrityError) as error:
            why = f"it cannot be stored ({type(error).__name__})"
            values = {name: getattr(scan, name) for name in ("rowid", "id", "scanner", "name")}
            aside.append(scan_rows.unreadable(values, "not_recordable", why))
    unreadable_row_quarantine.set_aside(outpost.instance, aside, now)


def _store(instance: str, scan: SourceScan, now: datetime, *, history: bool) -> None:
    if intake.take(instance, scan, now, history=history) is None:
        intake.add(instance, scan, now, history=history)


def _is_read_by_portal(name: str) -> bool:
    """Whether the portal reads the gateway's database itself: that also has what is below HIGH."""
    listed = instances.fleet().named(name)
    if listed is None or listed.audit_db is None:
        return False
    return Watch.objects.filter(name=name, source="", read_at__isnull=False).exists()


def _scans(rows: Iterable[SourceRow], now: datetime) -> Iterator[SourceScan]:
    """The scans that the rows name, in the order of the rows."""
    of_scan: dict[str, list[SourceRow]] = defaultdict(list)
    for row in rows:
        column = {_SCANS: "id", **dict.fromkeys(_FINDINGS, "scan_id")}.get(row.table, "")
        if scan := _text(row.values.get(column)):
            of_scan[scan].append(row)
    for scan, some in of_scan.items():
        if (found := _scan(scan, some, now)) is not None:
            yield found


def _scan(scan: str, rows: list[SourceRow], now: datetime) -> SourceScan | None:
    """None where the rows do not say what was scanned, or it is no component."""
    own = next((row for row in rows if row.table == _SCANS), None)
    about: Mapping[str, Any] = own.values if own is not None else rows[0].joined
    scanner, target = _text(about.get("scanner")), _text(about.get("target"))
    if not scanner.strip() or not target.strip("/ "):
        return None
    kind, name = asset_of(scanner, target)
    if kind not in SCANNED:
        return None
    findings = tuple(_finding(row) for row in rows if row.table in _FINDINGS)
    worst = [scan_rows.severity_of(own.values.get("max_severity"))] if own is not None else []
    count = own.values.get("finding_count") if own is not None else 0
    claimed = count if isinstance(count, int) and 0 < count < _MOST_FINDINGS else 0
    digest = next((one for row in rows if (one := row.joined.get("digest"))), "")
    return SourceScan(
        rowid=own.number if own is not None else 0,
        id=scan_rows.short_id(scan),
        scanner=scanner[:60],
        kind=kind,
        name=name,
        at=moment(about.get("timestamp"), now),
        severity=gravest("INFO", *worst, *(one.severity for one in findings)),
        findings=findings,
        complete=len(findings) >= claimed,
        target=short_name(target),
        agent=_agent_of_folder(target),
        digest=f"snapshot:{digest}"[:90] if digest else "",
        claimed=claimed,
    )


def _agent_of_folder(target: str) -> str:
    """In whose folder a skill or plugin lies: `cursor` of `/srv/mia/.cursor/skills/pdf`; empty
    where no agent is named."""
    found = _FOLDER.fullmatch(target.replace("\\", "/").rstrip("/"))
    return _FOLDERS.get(found[1], "") if found else ""


def _finding(row: SourceRow) -> SourceFinding:
    return SourceFinding(
        id=scan_rows.short_id(_text(row.values.get("id"))),
        alert_id="",
        rule=_text(row.values.get("rule_id"))[:200],
        title=(_text(row.values.get("title")) or "untitled finding")[:500],
        severity=scan_rows.severity_of(row.values.get("severity")),
        location="",
    )


def _text(value: object) -> str:
    """A text as it can be kept: what is no character is written out, as `\\xff`."""
    if not isinstance(value, str):
        return ""
    raw = value.encode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "backslashreplace").replace("\0", "\\x00")
