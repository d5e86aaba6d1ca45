"""Reading a DefenseClaw audit database of any generation, without ever disturbing its owner.

Opened `mode=ro` with `query_only`, journal mode untouched; columns are found by looking, never by
a version number (facts/defenseclaw §2). Rows are read in rowid order; the id of the last row read
is kept with its rowid, so that a purged or rebuilt database is noticed. Rows whose rowid SQLite
gives nobody in order (`Strays`) are known by their ids alone.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from audit.importing.mapping import severities
from audit.importing.source_row_identity import SourceRow
from audit.ledger.format.allowed_field_values import gravest
from enforcement.audit_database import open_read_only
from enforcement.audit_database.gateway_quarantine_and_content_digest import GatewayMeasures
from enforcement.audit_database.names_of_scanned_things import (
    agent_of,
    asset_of,
    short_name,
)
from enforcement.audit_database.open_read_only import SourceUnreadable as SourceUnreadable
from enforcement.audit_database.time_texts import moment
from enforcement.component_kinds import CALL, SCANNED
from enforcement.findings.unreadable_row_quarantine import Unreadable

_LONGEST_ID: Final = 100
_IN_ORDER: Final = 2**40
"""Beyond so many rows nobody counts: behind the highest rowid, 2^63-1, SQLite gives any that is
free, and where it does the order of rowids is not the order of rows."""
_STRAYS: Final = 10_000
_UNREADABLE: Final = 10_000
_UNREADABLE_BYTES: Final = 16 * 2**20
"""So many rows that cannot be read, and bytes of them, are taken up beside those that can."""
_COLUMNS: Final = "rowid, id, scanner, target, timestamp, finding_count, max_severity"
_TABLES: Final = (
    "scan_results",
    "scan_findings",
    "findings",
    "audit_events",
    "actions",
    "quarantine_records",
    "target_snapshots",
)
_SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
"""Ids of sessions; another text may be about somebody, and entries name sessions in clear."""
_LONGEST_SCAN_MS: Final = 600_000
_LAST: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SourceFinding:
    """One finding of a scan."""

    id: str
    alert_id: str
    rule: str
    title: str
    severity: str
    location: str


@dataclass(frozen=True, slots=True)
class SourceScan:
    """One scan. `complete` is False while its findings are still being written.

    Attributes:
        at: the time of its row: its start where the gateway scanned, its end where the CLI did.
        ended: when it ended, where the gateway scanned and its findings are still being written.
        target: what was scanned, as the gateway calls it.
        agent, session: of the agent's call that was checked; of a skill or plugin, the agent in
            whose folder it lies.
        digest: of the folder, if it is CRITICAL and the database has one.
        done: what the gateway did about something CRITICAL itself, in words.
        claimed: how many findings its row says it has, where not all of them arrive.
    """

    rowid: int
    id: str
    scanner: str
    kind: str
    name: str
    at: datetime
    severity: str
    findings: tuple[SourceFinding, ...]
    complete: bool
    target: str = ""
    ended: datetime | None = None
    agent: str = ""
    session: str = ""
    digest: str = ""
    done: str = ""
    claimed: int = 0

    @property
    def count(self) -> int:
        """How many findings it has."""
        return max(len(self.findings), self.claimed)

    @property
    def is_in_order(self) -> bool:
        """Whether its rowid is one of those that rows get in order."""
        return 0 < self.rowid < _IN_ORDER


@dataclass(frozen=True, slots=True)
class Position:
    """Up to which scan a database was read."""

    rowid: int = 0
    scan: str = ""


@dataclass(frozen=True, slots=True)
class Strays:
    """Rows of scan_results with a rowid below 1 or from _IN_ORDER on: rowid and id of each.

    `more`: there are others, which are not listed.
    """

    rows: tuple[tuple[int, str], ...] = ()
    more: bool = False

    @property
    def problem(self) -> str:
        """What they keep from being read, as it follows "not read"; empty where there are none."""
        if not self.rows:
            return ""
        text = (
            f"the order of its scans, since the number (rowid) of {'more than ' * self.more}"
            f"{len(self.rows):,} of them is none that rows get in order. These are known by their "
            "ids"
        )
        return f"{text}, and not all of them are read" if self.more else text


def severity_of(text: object) -> str:
    """One of our severities, as the importer reads them; WARN, ERROR and nothing included."""
    return severities.of(str(text or "")).code


def short_id(id: str) -> str:
    """An id of at most 100 characters: of a longer one its start and SHA-256."""
    if len(id) <= _LONGEST_ID:
        return id
    return f"{id[:35]}~{hashlib.sha256(id.encode()).hexdigest()}"


@contextmanager
def opened(path: Path, longest_s: float = open_read_only.READ_S) -> Iterator[Source]:
    """The database at `path`, for one look of at most so many seconds.

    Raises:
        SourceUnreadable: it is not there, not readable, or no DefenseClaw database.
    """
    with open_read_only.connected(path, longest_s) as connection:
        connection.text_factory = _text
        yield Source(connection)


def _text(raw: bytes) -> str:
    """A text as it can be kept: SQLite keeps any bytes in a text, and the author of a folder's
    name or of a finding chooses them. What is no character is written out, as `\\xff`."""
    return raw.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def _count(value: object) -> int:
    """A count that a column has; SQLite keeps any value in any column."""
    return value if isinstance(value, int) and value > 0 else 0


def _unreadable(row: sqlite3.Row) -> Unreadable | None:
    """The row as one to set aside, where it names no scan or nothing that was scanned."""
    for column in ("id", "scanner", "target"):
        if not isinstance(row[column], str):
            why = f"its {column} is no text"
        elif not row[column].strip("/ "):
            why = f"its {column} names nothing"
        else:
            continue
        reason = "unusable_id" if column == "id" else "not_recordable"
        return unreadable(row, reason, why)
    return None


def unreadable(row: Mapping[str, Any] | sqlite3.Row, reason: str, why: str) -> Unreadable:
    """A row of scan_results as one to set aside."""
    values = {column: row[column] for column in row.keys() if row[column] is not None}  # noqa: SIM118
    of_table = SourceRow("scan_results", int(values.pop("rowid")), values)
    return Unreadable(of_table.number, short_id(str(row["id"])), of_table, reason, why)


class Source:
    """Scans and findings of one opened database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._columns = {one: open_read_only.columns_of(connection, one) for one in _TABLES}
        self._measures = GatewayMeasures(connection, self._columns)
        if not self._columns["scan_results"]:
            raise SourceUnreadable("its audit database has no scan_results; is it DefenseClaw's?")

    def end(self) -> Position:
        """Behind the newest scan, strays apart."""
        row = self._db.execute(
            "SELECT rowid, id FROM scan_results WHERE rowid BETWEEN 1 AND ? "
            "ORDER BY rowid DESC LIMIT 1",
            (_IN_ORDER - 1,),
        ).fetchone()
        return Position(row["rowid"], short_id(str(row["id"]))) if row else Position()

    def still_has(self, position: Position) -> bool:
        """Whether the row at `position` is the one that was read; False after a purge."""
        if not position.rowid:
            return True
        if not 0 < position.rowid < _IN_ORDER:
            return False
        row = self._db.execute(
            "SELECT id FROM scan_results WHERE rowid = ?", (position.rowid,)
        ).fetchone()
        return row is not None and short_id(str(row["id"])) == position.scan

    def after(
        self, position: Position, now: datetime, limit: int = 200
    ) -> list[SourceScan | Unreadable]:
        """Scans behind `position` in the order they were stored, strays apart: at most `limit`.

        Rows that cannot be read come on top: they keep no scan from being read.
        """
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM scan_results "  # noqa: S608  # fixed names
            "WHERE rowid > ? AND rowid < ? ORDER BY rowid LIMIT ?",
            (position.rowid, _IN_ORDER, limit + _UNREADABLE),
        )
        return self._taken(rows, now, limit)

    def strays(self) -> Strays:
        """Every row whose rowid is not one of those that rows get in order."""
        found = self._db.execute(
            "SELECT rowid, id FROM (SELECT rowid, id FROM scan_results WHERE rowid < 1 "
            "UNION ALL SELECT rowid, id FROM scan_results WHERE rowid >= ?) LIMIT ?",
            (_IN_ORDER, _STRAYS + 1),
        ).fetchall()
        rows = tuple((row["rowid"], short_id(str(row["id"]))) for row in found[:_STRAYS])
        return Strays(rows, more=len(found) > _STRAYS)

    def at(
        self, rowids: Iterable[int], now: datetime, limit: int = 200
    ) -> list[SourceScan | Unreadable]:
        """The rows at these places, as `after` gives them."""
        sql = f"SELECT {_COLUMNS} FROM scan_results WHERE rowid = ?"  # noqa: S608  # fixed names
        rows = (row for rowid in rowids for row in self._db.execute(sql, (rowid,)))
        return self._taken(rows, now, limit)

    def _taken(
        self, rows: Iterable[sqlite3.Row], now: datetime, limit: int
    ) -> list[SourceScan | Unreadable]:
        taken: list[SourceScan | Unreadable] = []
        scans = size = 0
        for row in rows:
            one = self._scan(row, now)
            taken.append(one)
            if isinstance(one, Unreadable):
                size += sum(len(value) for value in row if isinstance(value, str | bytes))
            else:
                scans += 1
            if scans == limit or size > _UNREADABLE_BYTES:
                break
        return taken

    def latest_of_each(self, now: datetime, limit: int = 2000) -> list[SourceScan | Unreadable]:
        """The newest stored scan of each target, oldest first."""
        rows = self._db.execute(
            "SELECT max(rowid) AS rowid, id, scanner, target, timestamp, finding_count, "
            "max_severity FROM scan_results GROUP BY scanner, target ORDER BY 1 DESC LIMIT ?",
            (limit,),
        ).fetchall()
        return [self._scan(row, now) for row in reversed(rows)]

    def _scan(self, row: sqlite3.Row, now: datetime) -> SourceScan | Unreadable:
        if unreadable := _unreadable(row):
            return unreadable
        found = tuple(self._findings(str(row["id"])))
        id, target = str(row["id"]), str(row["target"])
        kind, name = asset_of(str(row["scanner"]), target)
        at = moment(row["timestamp"], now)
        expected = _count(row["finding_count"])
        worst = severity_of(row["max_severity"]) if expected or found else "INFO"
        severity = gravest(worst, *(f.severity for f in found))
        asks = severity == "CRITICAL" and kind in SCANNED
        return SourceScan(
            rowid=row["rowid"],
            id=short_id(str(row["id"])),
            scanner=str(row["scanner"])[:60],
            kind=kind,
            name=name,
            at=at,
            severity=severity,
            findings=found,
            complete=len(found) >= expected,
            target=short_name(target),
            ended=self._end(id, at) if len(found) < expected and at != now else None,
            agent=agent_of(kind, target),
            session=self._session(id) if kind == CALL else "",
            digest=self._measures.content_digest(id, kind, target, at) if asks else "",
            done=self._measures.done_by_gateway(kind, name, target, at) if asks else "",
        )

    def _end(self, scan: str, at: datetime) -> datetime:
        """When a scan ended that began at `at`; the time and the length are the gateway's claim."""
        took = min(_count(self._value("duration_ms", scan)), _LONGEST_SCAN_MS)
        return at + timedelta(milliseconds=min(took, (_LAST - at) // timedelta(milliseconds=1)))

    def _session(self, scan: str) -> str:
        found = str(self._value("session_id", scan) or "")
        return found if _SESSION.fullmatch(found) else ""

    def _value(self, column: str, scan: str) -> object:
        if column not in self._columns["scan_results"]:
            return None
        sql = f"SELECT {column} AS value FROM scan_results WHERE id = ?"  # noqa: S608  # fixed names
        row = self._db.execute(sql, (scan,)).fetchone()
        return row["value"] if row is not None else None

    def _findings(self, scan: str) -> Iterator[SourceFinding]:
        for table in ("scan_findings", "findings"):
            columns = self._columns[table]
            if not columns:
                continue
            rule = "rule_id" if "rule_id" in columns else "NULL"
            line = "line_number" if "line_number" in columns else "NULL"
            rows = self._db.execute(
                f"SELECT id, severity, title, location, {rule} AS rule, {line} AS line "  # noqa: S608  # fixed names
                f"FROM {table} WHERE scan_id = ? ORDER BY rowid",
                (scan,),
            ).fetchall()
            for row in rows:
                yield self._finding(row)

    def rows_of(self, operation: str) -> list[SourceRow]:
        """Rows of the audit log that may have a tag of this operation."""
        columns = self._columns["audit_events"]
        have = [("details", f"%[ATA {operation}.%")]
        if "request_id" in columns:  # '/' follows '.': an index serves it
            have = [(one, operation) for one in ("request_id", "run_id") if one in columns]
        found = []
        for column, text in have:
            which = f"> :text || '.' AND {column} < :text || '/'"
            if column == "details":
                which = "LIKE :text"
            sql = f"SELECT * FROM audit_events WHERE {column} {which} LIMIT 200"  # noqa: S608  # fixed names
            found += self._db.execute(sql, {"text": text}).fetchall()
        values = ({key: row[key] for key in row.keys() if row[key] is not None} for row in found)  # noqa: SIM118
        return [SourceRow("audit_events", 0, one) for one in values]

    def disposed(self, alert: str) -> bool:
        """Whether an alert was acknowledged or dismissed (v8)."""
        sql = "SELECT 1 FROM alert_acknowledgement_projection WHERE alert_id = ?"
        return self._db.execute(sql, (alert,)).fetchone() is not None

    def _finding(self, row: sqlite3.Row) -> SourceFinding:
        location = str(row["location"] or "")
        if row["line"] and ":" not in location:
            location = f"{location}:{row['line']}"
        return SourceFinding(
            id=short_id(str(row["id"])),
            alert_id=self._alert(str(row["id"])),
            rule=str(row["rule"] or "")[:200],
            title=str(row["title"] or "untitled finding")[:500],
            severity=severity_of(row["severity"]),
            location=location[:500],
        )

    def _alert(self, finding: str) -> str:
        """The alert raised for a finding, which only v8 links (`audit_events.finding_id`)."""
        if not {"finding_id", "bucket"} <= self._columns["audit_events"]:
            return ""
        row = self._db.execute(
            "SELECT id FROM audit_events WHERE finding_id = ? AND bucket = 'security.finding' "
            "ORDER BY rowid LIMIT 1",
            (finding,),
        ).fetchone()
        return str(row["id"])[:100] if row else ""
