"""What three real gateways did on 28 November 2026: one row of `observed/` for each act."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

OBSERVED: Final = Path(__file__).with_name("observed")
FILES: Final = {
    "0.2.0": "a-0.2.0.jsonl",
    "0.8.4": "b-0.8.4.jsonl",
    "head": "c-head.jsonl",
}
"""File of each generation."""


@dataclass(frozen=True, order=True, slots=True)
class Entry:
    """A row of the table `actions`. `path` and `reason` are None where they were not recorded."""

    agent: str
    name: str
    install: str
    file: str
    runtime: str
    path: str | None = None
    reason: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is set in it: what a restore at HEAD leaves."""
        return not (self.install or self.file or self.runtime)

    def as_text(self) -> str:
        """The entry in one line, as the report shows it."""
        flags = [f"{k}={v}" for k, v in self._flags() if v]
        where = [self.path] if self.path else []
        words = [self.agent or "all agents", self.name, *(flags or ["empty"]), *where]
        if self.reason:
            # How many findings a scanner has in a content is its own affair.
            words.append(f"({re.sub(r'[0-9]+ findings', 'n findings', self.reason)})")
        return " ".join(words)

    def _flags(self) -> list[tuple[str, str]]:
        return [("install", self.install), ("file", self.file), ("runtime", self.runtime)]


@dataclass(frozen=True, slots=True)
class Observation:
    """One act and what was seen before and after it."""

    generation: str
    number: int
    """Line in the file, from 1."""
    row: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Name of the observation in reports."""
        return f"{self.generation}/{self.number}"

    def text(self, key: str) -> str:
        """A recorded text, or "" where there is none."""
        value = self.row.get(key)
        return value if isinstance(value, str) else ""

    @property
    def kind(self) -> str:
        """skill, plugin, mcp, tool or gateway."""
        return self.text("kind")

    @property
    def name(self) -> str:
        """The name that was sent."""
        return self.text("name_sent")

    @property
    def act(self) -> str:
        """What was done, in the words of the one who did it."""
        return self.text("act")

    @property
    def via(self) -> str:
        """rest, cli, watcher; or the command line with its `--connector`."""
        return self.text("via")

    @property
    def probe(self) -> str:
        """What was asked afterwards."""
        return self.text("probe")

    @property
    def status(self) -> int | None:
        """HTTP status (0: closed without an answer) or exit code, where recorded."""
        value = self.row.get("status")
        return value if isinstance(value, int) else None

    def entries(self, key: str) -> tuple[Entry, ...] | None:
        """Recorded entries, or None."""
        rows = self.row.get(key)
        if rows is None:
            return None
        return tuple(sorted((self._entry(row) for row in rows), key=Entry.as_text))

    def _entry(self, row: Mapping[str, str]) -> Entry:
        name = row["name"]
        path = row.get("source_path")
        if path is None and "watcher_primary" in self.row:
            path = ""  # the collector of these rows left empty paths out
        return Entry(
            agent=row.get("connector", ""),
            name=name.removeprefix(f"{self.kind}:") if self.generation == "head" else name,
            install=row.get("install", ""),
            file=row.get("file", ""),
            runtime=row.get("runtime", ""),
            path=path,
            reason=row.get("reason"),
        )


def read(generation: str) -> list[Observation]:
    """Return the observations of a generation, in the order of their file."""
    lines = (OBSERVED / FILES[generation]).read_text().splitlines()
    rows = (json.loads(line) for line in lines)
    return [Observation(generation, number, row) for number, row in enumerate(rows, 1)]
