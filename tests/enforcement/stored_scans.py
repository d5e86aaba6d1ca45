"""Rows that a gateway writes about a scan, a call, a quarantine, put into a test's database."""

from __future__ import annotations

import json
import sqlite3
import uuid
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.enforcement.gateways import Edge

Row = dict[str, object]


@dataclass(frozen=True)
class Found:
    """A finding as a row of scan_findings has it."""

    rule: str = "DATA-EXFIL"
    severity: str = "CRITICAL"
    title: str = "Sends files away"


def insert(edge: Edge, table: str, **values: object) -> None:
    """One row into one table of a gateway's database."""
    with closing(sqlite3.connect(edge.database, timeout=10)) as connection, connection:
        columns, marks = ", ".join(values), ", ".join("?" * len(values))
        connection.execute(
            f"INSERT INTO {table} ({columns}) VALUES ({marks})",
            tuple(values.values()),
        )


def store_scan(
    edge: Edge,
    scanner: str,
    target: str,
    *found: Found,
    started_ago: timedelta = timedelta(0),
    took: timedelta = timedelta(0),
    **more: object,
) -> str:
    """A scan with its findings, dated at its start as the gateway does; returns its id."""
    id, at = str(uuid.uuid4()), datetime.now(UTC) - started_ago
    worst = found[0].severity if found else "INFO"
    row: Row = {
        "id": id,
        "scanner": scanner,
        "target": target,
        "timestamp": at.isoformat(),
        "duration_ms": int(took.total_seconds() * 1000),
        "finding_count": len(found),
        "max_severity": worst,
        "verdict": "clean",  # an opinion that nobody reads
    }
    insert(edge, "scan_results", **(row | more))
    store_findings(edge, id, scanner, target, *found)
    return id


def store_findings(edge: Edge, scan: str, scanner: str, target: str, *found: Found) -> None:
    """The findings of a scan."""
    for one in found:
        insert(
            edge,
            "scan_findings",
            id=str(uuid.uuid4()),
            scan_id=scan,
            scanner=scanner,
            target=target,
            rule_id=one.rule,
            severity=one.severity,
            title=one.title,
            timestamp=datetime.now(UTC).isoformat(),
        )


def store_call(edge: Edge, session: str, *found: Found, agent: str = "claudecode") -> str:
    """A call of an agent that the hook checked."""
    return store_scan(edge, "hook-rules", f"{agent}:PreToolUse", *found, session_id=session)


def store_own_measures(edge: Edge, kind: str, name: str, **fields: str) -> None:
    """What the gateway did itself, as its `actions` table has it."""
    insert(
        edge,
        "actions",
        id=str(uuid.uuid4()),
        target_type=kind,
        target_name=name,
        actions_json=json.dumps({"install": "block"} | fields),
        reason="auto-block: watch detected CRITICAL findings",
        updated_at=datetime.now(UTC).isoformat(),
    )


def store_quarantine(edge: Edge, kind: str, path: str, digest: str) -> None:
    """The record of a folder that the gateway moved away, in the table that HEAD has."""
    insert(
        edge,
        "quarantine_records",
        id=str(uuid.uuid4()),
        target_type=kind,
        target_name=path.rpartition("/")[2],
        original_path=path,
        quarantine_path=f"/quarantine/{uuid.uuid4()}",
        content_hash=digest,
        reason="watcher enforcement",
        state="active",
        ownership_json="{}",
        created_at=datetime.now(UTC).isoformat(),
        updated_at=datetime.now(UTC).isoformat(),
    )


def store_snapshot(edge: Edge, scan: str, kind: str, path: str, digest: str) -> None:
    """The digest that the watcher keeps of what a scan looked at, instead of the one before."""
    with closing(sqlite3.connect(edge.database, timeout=10)) as connection, connection:
        connection.execute("DELETE FROM target_snapshots WHERE target_path = ?", (path,))
    insert(
        edge,
        "target_snapshots",
        id=str(uuid.uuid4()),
        target_type=kind,
        target_path=path,
        content_hash=digest,
        scan_id=scan,
        captured_at=datetime.now(UTC).isoformat(),
    )
