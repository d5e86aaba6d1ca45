"""What a verification found."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that does not hold. `index` is the leaf, None where it is about no single leaf."""

    code: str
    message: str
    index: int | None = None
    event: str = ""

    def __str__(self) -> str:
        where = "" if self.index is None else f"index {self.index}: "
        return f"{where}{self.message}"


def nearest(problems: Sequence[Problem]) -> Problem:
    """The problem at the lowest leaf; what names only the begin of a range yields."""
    placed = [p for p in problems if p.index is not None]
    exact = [p for p in placed if p.code not in ("root", "counts")]
    if placed:
        return min(exact or placed, key=lambda p: -1 if p.index is None else p.index)
    return problems[0]


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a verification: `ok` only if everything holds.

    `notes` are no findings: what cannot be decided either way, and why.
    """

    start: int
    size: int
    checked: int
    checkpoints: int
    pending: int
    root: bytes
    problems: tuple[Problem, ...]
    problem_count: int
    notes: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        """True when nothing was found."""
        return self.problem_count == 0

    @property
    def first_bad(self) -> Problem | None:
        """The problem at the lowest leaf; what names only the begin of a range yields."""
        return nearest(self.problems) if self.problems else None

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, the output of `verify_ledger --json`."""
        first = self.first_bad
        return {
            "ok": self.ok,
            "from": self.start,
            "size": self.size,
            "checked": self.checked,
            "recognised": 0,  # members stay: former versions opened only what had changed
            "checkpoints": self.checkpoints,
            "pending": self.pending,
            "root": b64encode(self.root).decode(),
            "first_bad_index": first.index if first else None,
            "first_bad": str(first) if first else "",
            "problem_count": self.problem_count,
            "problems": [_as_json(one) for one in self.problems],
            "notes": [_as_json(one) for one in self.notes],
        }


def _as_json(one: Problem) -> dict[str, Any]:
    return {"code": one.code, "index": one.index, "event": one.event, "message": one.message}


@dataclass(slots=True)
class Findings:
    """Problems as they are found; the first MAX_PROBLEMS are kept, all are counted."""

    kept: list[Problem] = field(default_factory=list)
    count: int = 0
    notes: list[Problem] = field(default_factory=list)

    def note(self, code: str, message: str, index: int | None = None, event: object = "") -> None:
        """Say something that is to be known and is no problem."""
        if len(self.notes) < MAX_PROBLEMS:
            self.notes.append(Problem(code, message, index, str(event)))

    def add(self, code: str, message: str, index: int | None = None, event: object = "") -> None:
        """Note one problem."""
        if not isinstance(index, int):
            index = None  # read from a column that somebody bent
        self.count += 1
        if len(self.kept) < MAX_PROBLEMS:
            self.kept.append(Problem(code, message, index, str(event)))
