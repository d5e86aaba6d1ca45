"""The answers that the driver got, kept outside of everything that is killed."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Journal:
    """Every acknowledged answer, and every violation that was seen at once.

    `heads` is the root seen for each tree size; `asked` the answer planned for each approval;
    `phones` what the tenant took from each phone.
    """

    events: set[str] = field(default_factory=set)
    decisions: dict[str, dict[str, Any]] = field(default_factory=dict)  # by target name
    asked: dict[str, str] = field(default_factory=dict)  # approval: approve | deny | leave | cancel
    phones: dict[str, list[str]] = field(default_factory=dict)
    exports: dict[str, dict[str, Any]] = field(default_factory=dict)
    imports: dict[str, dict[str, Any]] = field(default_factory=dict)  # by instance, when finished
    heads: dict[int, str] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    acks: Counter[str] = field(default_factory=Counter)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def ack(self, kind: str, events: Iterable[str] = ()) -> None:
        """Note an answer; a thread that waits for one of this kind wakes up."""
        with self._changed:
            self.events.update(events)
            self.acks[kind] += 1
            self._changed.notify_all()

    def wait_for(self, kind: str, seconds: float) -> bool:
        """Until the next answer of a kind ("" = any); False when none came."""
        with self._changed:
            before = self._count(kind)
            return self._changed.wait_for(lambda: self._count(kind) > before, seconds)

    def _count(self, kind: str) -> int:
        return self.acks[kind] if kind else self.acks.total()

    def head(self, size: int, root: str) -> None:
        """A checkpoint that was served; two roots of one size are a fork."""
        with self._changed:
            known = self.heads.setdefault(size, root)
            new = known != root
        if new:
            self.violated(f"two roots were served for size {size}: {known} and {root}")

    def violated(self, words: str) -> None:
        """Say it at once and keep it."""
        with self._changed:
            self.violations.append(words)
        print(f"VIOLATION {words}", flush=True)

    def save(self, path: Path) -> None:
        """As JSON, for the judge."""
        with self._changed:
            content = {
                "events": sorted(self.events),
                "decisions": self.decisions,
                "asked": self.asked,
                "phones": self.phones,
                "exports": self.exports,
                "imports": self.imports,
                "heads": self.heads,
                "saved": time.time(),
            }
            path.write_text(json.dumps(content))
