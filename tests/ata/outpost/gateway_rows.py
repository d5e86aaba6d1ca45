"""A stand-in gateway's database with acts, verdicts and prompts, and what is in it by plain SQL."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from local.gateway.audit.database import AuditDatabase
from local.gateway.generations import GENERATIONS

PROMPT = "canary-77aa-prompt-of-mia"
TABLES = ("audit_events", "scan_results", "findings", "scan_findings", "judge_responses")


class Rows:
    """Writes rows as the stand-in gateway does."""

    def __init__(self, data: Path, generation: str = "head") -> None:
        self.path = data / "audit.db"
        self.database = AuditDatabase(self.path, GENERATIONS[generation])
        self._n = 0

    def add(self, table: str = "audit_events", **values: Any) -> str:
        self._n += 1
        row = {"id": f"{self._n:08}-aaaa", "timestamp": f"2026-11-29T10:00:{self._n % 60:02}Z"}
        with self.database.write() as connection:
            self.database.insert(connection, table, row | values)
        return row["id"]

    def act(self, name: str = "pdf-exfil", **other: Any) -> str:
        said = {"actor": "defenseclaw", "severity": "INFO", "details": "type=skill reason=unsafe"}
        return self.add(action="api-enforce-block", target=name, **(said | other))

    def prompt(self, **other: Any) -> str:
        said = {"action": "llm_prompt", "actor": "gateway.hook.model", "severity": "INFO"}
        hidden = {name: f"{PROMPT}-{name}" for name in ("target", "details", "structured_json")}
        payload = json.dumps({"gen_ai.input.messages": PROMPT})
        return self.add(**(said | hidden | {"payload_json": payload} | other))

    def day(self) -> None:
        """Acts, prompts, a verdict and a finding that quote the prompt."""
        self.act()
        self.prompt()
        self.prompt(action="connector-hook", severity="HIGH", payload_json=f'{{"x":"{PROMPT}"}}')
        scan = self.add(
            "scan_results",
            scanner="hook-rules",
            target="claudecode:PreToolUse",
            duration_ms=1,
            finding_count=1,
            max_severity="CRITICAL",
            raw_json=PROMPT,
        )
        finding = {"scan_id": scan, "scanner": "skill-scanner", "severity": "HIGH"}
        quoted = {name: PROMPT for name in ("description", "location", "evidence_summary")}
        said = finding | {"title": "Reads keys", "target": "/x/skills/pdf"} | quoted
        tables = self.database.generation.entries_per_agent
        self.add("scan_findings" if tables else "findings", **said)
        self.prompt(details=b"\xff\x00".decode("latin-1"))
        self.act("second")


def numbers(path: Path) -> dict[str, set[int]]:
    """The rowids of each table."""
    with closing(sqlite3.connect(path)) as db:
        present = {n for (n,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")}
        return {
            table: {n for (n,) in db.execute(f"SELECT rowid FROM {table}")}
            for table in TABLES
            if table in present
        }


def root_of(path: Path, table: str, chosen: list[int]) -> str:
    """The Merkle root of rows, computed from docs/outpost.md and not with our code."""
    leaves = []
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        for number in chosen:
            found = db.execute(f"SELECT * FROM {table} WHERE rowid=?", (number,)).fetchone()
            row = {
                name: {"$real": repr(found[name])}
                if isinstance(found[name], float)
                else {"$text": found[name].encode().hex()}
                if "\0" in str(found[name])
                else found[name]
                for name in found.keys()  # noqa: SIM118 - a Row's iterator gives values
                if found[name] is not None and name != "retention_timestamp_unix_nano"
            }
            text = json.dumps(
                {"table": table, "rowid": number, "row": row},
                sort_keys=True,
                separators=(",", ":"),
                ensure_ascii=False,
            )
            leaves.append(hashlib.sha256(b"\0" + hashlib.sha256(text.encode()).digest()).digest())
    return _tree(leaves).hex()


def _tree(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    at = 1
    while at * 2 < len(leaves):
        at *= 2
    return hashlib.sha256(b"\1" + _tree(leaves[:at]) + _tree(leaves[at:])).digest()
