"""One gateway's memory: its audit database, and every way the gateway changes it."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.history.facts import Fact, Scan
from demo.store.database import Inserter, connect, create
from demo.store.instant import go_driver_text, now_ns
from demo.store.record import BINARY_VERSION, CONFIG_DIGEST, LogEntry, Seal
from demo.store.rows import ModernShape

_ALERTS_SQL = """
    SELECT id, timestamp, action, target, actor, details, structured_json, severity,
           run_id, trace_id, request_id, connector, payload_json
    FROM audit_events AS event
    WHERE bucket IN ('security.finding', 'network.egress', 'platform.health')
      AND UPPER(COALESCE(severity, '')) IN ('CRITICAL', 'HIGH', 'MEDIUM', 'LOW', 'ERROR')
      AND NOT EXISTS (SELECT 1 FROM alert_acknowledgement_projection AS seen
                      WHERE seen.alert_id = event.id)
    ORDER BY timestamp DESC LIMIT ?"""


@dataclass(frozen=True, slots=True)
class Standing:
    """One asset's enforcement state as ``/enforce/blocked`` and ``/enforce/allowed`` list it."""

    id: str
    target_type: str
    target_name: str
    reason: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class Cause:
    """What caused a row: the identifiers that a call brought along."""

    request_id: str = ""
    session_id: str = ""
    trace_id: str = ""
    run_id: str = ""


class Instance:
    """The state of one gateway, kept in ``folder/audit.db``; safe to use from many threads.

    An existing v8-shaped database is used as it is, so a sampled history can stand behind a
    gateway. Raises sqlite3.DatabaseError if the file is no v8 database.
    """

    def __init__(self, name: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.database_path = folder / "audit.db"
        self.run_id = f"run-{uuid.uuid4()}"
        self.started_at = now_ns()
        self._seal = Seal.load_or_create(folder, secrets.token_bytes(32))
        self._shape = ModernShape(self._seal)
        self._lock = threading.RLock()
        self._connection = self._open()
        self._inserter = Inserter(self._connection, 8)

    def _open(self) -> sqlite3.Connection:
        if not self.database_path.exists():
            return create(self.database_path, 8, self.started_at)
        connection = connect(self.database_path)
        try:
            connection.execute("SELECT payload_hmac FROM audit_events LIMIT 1")
        except sqlite3.DatabaseError as error:
            connection.close()
            message = f"{self.database_path} is no v8 database ({error}); name another --data"
            raise sqlite3.DatabaseError(message) from error
        return connection

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the one connection for a unit of work; roll it back on any error."""
        with self._lock, self._connection:
            yield self._connection

    def record(self, *facts: Fact) -> None:
        """Write ``facts`` in one transaction."""
        with self.transaction():
            for fact in facts:
                for table, row in self._shape.rows(fact):
                    self._inserter.add(table, (row,))

    def entry(self, action: str, target: str, details: str, cause: Cause) -> LogEntry:
        """Return a row the interface itself writes; its actor is always ``defenseclaw``."""
        return LogEntry(
            id=str(uuid.uuid4()),
            at=now_ns(),
            action=action,
            target=target,
            details=details,
            session_id=cause.session_id,
            run_id=cause.run_id or self.run_id,
            request_id=cause.request_id,
            trace_id=cause.trace_id,
        )

    def set_field(
        self, target: tuple[str, str], field: str, value: str, reason: str, log: LogEntry
    ) -> None:
        """Set one dimension (install, file, runtime) of an asset's state, and log it."""
        with self.transaction():
            state, _ = self._state(target)
            self._save(target, {**state, field: value}, reason)
            self.record(log)

    def clear_fields(self, target: tuple[str, str], *fields: str, log: LogEntry) -> None:
        """Clear dimensions of an asset's state; nothing left deletes the row. Logged too."""
        with self.transaction():
            state, reason = self._state(target)
            self._save(target, {k: v for k, v in state.items() if k not in fields}, reason)
            self.record(log)

    def allow(self, target: tuple[str, str], reason: str, log: LogEntry) -> None:
        """Allow an asset: also ends its quarantine and runtime disable, and logs it."""
        with self.transaction():
            self._save(target, {"install": "allow"}, reason)
            self.record(log)

    def listed(self, install: str) -> list[Standing]:
        """Return the assets whose install state is ``block`` or ``allow``, newest first."""
        sql = (
            "SELECT id, target_type, target_name, COALESCE(reason, '') AS reason, updated_at "
            "FROM actions WHERE json_extract(actions_json, '$.install') = ? "
            "ORDER BY updated_at DESC"
        )
        with self.transaction() as connection:
            return [Standing(*row) for row in connection.execute(sql, (install,))]

    def alerts(self, limit: int) -> list[dict[str, object]]:
        """Return the newest alerts nobody acknowledged, in the shape of ``audit.Event``."""
        with self.transaction() as connection:
            rows = connection.execute(_ALERTS_SQL, (limit,)).fetchall()
        return [_event_json(row) for row in rows]

    def dispositions(self) -> dict[str, int]:
        """Return how many alerts were acknowledged and how many dismissed."""
        sql = "SELECT disposition, count(*) FROM alert_acknowledgement_projection GROUP BY 1"
        with self.transaction() as connection:
            return {word: count for word, count in connection.execute(sql)}

    def recent(self, limit: int) -> list[sqlite3.Row]:
        """Return the newest audit rows in the order they were written."""
        sql = "SELECT * FROM audit_events ORDER BY rowid DESC LIMIT ?"
        with self.transaction() as connection:
            return connection.execute(sql, (limit,)).fetchall()

    def fingerprint(self, command: str) -> str:
        """Return the keyed fingerprint of an alert command."""
        return self._seal.fingerprint(command)

    def provenance(self) -> dict[str, object]:
        """Return what every reply names as the source of its data."""
        return {
            "schema_version": 7,
            "content_hash": CONFIG_DIGEST,
            "generation": 1,
            "binary_version": BINARY_VERSION,
        }

    def _state(self, target: tuple[str, str]) -> tuple[dict[str, str], str]:
        row = self._connection.execute(
            "SELECT actions_json, COALESCE(reason, '') FROM actions "
            "WHERE target_type = ? AND target_name = ? AND connector = ''",
            target,
        ).fetchone()
        return (json.loads(row[0]), row[1]) if row else ({}, "")

    def _save(self, target: tuple[str, str], state: dict[str, str], reason: str) -> None:
        if not state:
            self._connection.execute(
                "DELETE FROM actions WHERE target_type = ? AND target_name = ? AND connector = ''",
                target,
            )
            return
        self._connection.execute(
            "INSERT INTO actions (id, target_type, target_name, actions_json, reason, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (target_type, target_name, connector) "
            "DO UPDATE SET actions_json = excluded.actions_json, reason = excluded.reason, "
            "updated_at = excluded.updated_at",
            (
                str(uuid.uuid4()),
                *target,
                json.dumps(state, separators=(",", ":"), sort_keys=True),
                reason,
                go_driver_text(now_ns()),
            ),
        )


def findings_by_severity(scan: Scan) -> dict[str, int]:
    """Return how many findings of each severity ``scan`` has."""
    counts: dict[str, int] = {}
    for finding in scan.findings:
        counts[finding.severity] = counts.get(finding.severity, 0) + 1
    return counts


def _event_json(row: sqlite3.Row) -> dict[str, object]:
    event = {key: row[key] for key in row.keys() if row[key] is not None}  # noqa: SIM118
    structured = event.pop("structured_json", None)
    payload = event.pop("payload_json", None)
    event["structured"] = json.loads(structured or payload or "{}")
    return event
