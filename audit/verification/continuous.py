"""Continuous verification: what was just signed at once, everything older round by round.

A round walks the whole log in small steps, in one turn a second that begins no step after a tenth
of it, and ends with what only the whole can tell. What is found is looked at a second time: an
alarm is for what stays wrong. The words of the full-text index are left to `verify_ledger`, which
takes longer for them alone.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import close_old_connections

from audit import (
    clock,
)
from audit.clock import rfc3339
from audit.db import (
    insert_only,
    process_locks,
)
from audit.db.durable_files import write_durably
from audit.erasure import (
    idle_database_connections,
)
from audit.evidence import (
    storage,
)
from audit.keys import (
    log_identity,
)
from audit.ledger import tiles
from audit.ledger.merkle import ProofError
from audit.models import Checkpoint, Event
from audit.recording.actors import SYSTEM
from audit.recording.record import record
from audit.sequencing import (
    signed_state,
    stored_tree_queries,
)
from audit.verification.checks import (
    checks_from_other_apps,
    first_rows_by_decision_tag,
    key_and_adoption_files,
    orphans,
    rollup_counts,
)
from audit.verification.checks.entries import LeafChecker
from audit.verification.checks.tree_and_signed_checkpoints import TreeChecker
from audit.verification.report import Findings, Problem, nearest
from audit.verification.unreadable_rows import can_read

SHARE = 0.1  # of the time between two turns, in which a turn begins steps
REST = timedelta(minutes=1)  # between two rounds
_REPORT_EVERY = timedelta(seconds=5)
_STEP = 256  # entries at a time
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far continuous verification is.

    Attributes:
        done: when the last whole round ended; None before the first.
        done_size: entries that it covered.
        done_s: seconds that it took.
        done_found: how many things it found wrong, the first time or again.
        began: when the present round began; None where an earlier version reported it.
        at, size: entries that the present round has behind it, and all that it covers.
        recent: entries that were checked when they were signed; the log up to there is covered.
        alarm: what was found, and found again; empty while everything holds.
    """

    done: datetime | None = None
    done_size: int = 0
    done_s: int = 0
    done_found: int = 0
    at: int = 0
    size: int = 0
    recent: int = 0
    alarm: str = ""
    began: datetime | None = None

    @property
    def coverage(self) -> int:
        """Percent of the present round."""
        return 100 * self.at // self.size if self.size else 100

    @classmethod
    def read(cls) -> Progress:
        """What the worker last reported; empty where it reported nothing."""
        try:
            values = json.loads((log_identity.folder() / "rounds").read_text())
            done, began = _moment(values["done"]), _moment(values.get("began", ""))
            return cls(**{**values, "done": done, "began": began})
        except (OSError, ValueError, TypeError, KeyError):
            return cls()

    def write(self) -> None:
        """Tell pages and metrics."""
        values = {name: getattr(self, name) for name in self.__slots__}
        for name in ("done", "began"):
            values[name] = rfc3339(values[name]) if values[name] else ""
        write_durably(log_identity.folder() / "rounds", json.dumps(values).encode())


def _moment(said: str) -> datetime | None:
    return datetime.fromisoformat(said) if said else None


class Round:
    """One walk along the log as it is signed at the beginning."""

    def __init__(self, size: int, papers: orphans.Share, number: int) -> None:
        storage.forget_read()
        self.began, self.began_at = time.monotonic(), clock.now()
        self.size, self.at = size, 0
        self.findings = Findings()
        self._leaves = LeafChecker(self.findings)
        last = Checkpoint.objects.order_by("-id").values_list("id", flat=True).first() or 0
        self._papers = papers
        self._trees = TreeChecker(
            self.findings, start=0, size=size, last_checkpoint=last, share=number
        )

    def step(self) -> None:
        """Check the next entries."""
        first, end = self.at, min(self.at + _STEP, self.size)

        def check() -> None:
            self._trees.extend(first, self._leaves.check(first, end, examine_from=0))

        if not can_read(self.findings, _entries(first, end), check, first):
            self._trees.stop()
        self.at = end

    def finish(self) -> None:
        """Check what only the whole can tell."""
        waiting = Event.objects.filter(leaf__isnull=True).values_list("id", flat=True)
        also: tuple[tuple[str, Callable[[], object]], ...] = (
            ("events without a leaf", lambda: self._leaves.check_pending(list(waiting[:_STEP]))),
            ("the tree", self._trees.finish),
            ("keys and adoptions", lambda: key_and_adoption_files.check(self.findings)),
            ("the counts", lambda: rollup_counts.check(self.findings)),
            ("rows outside the log", lambda: orphans.rows(self.findings)),
            ("decision tags", lambda: first_rows_by_decision_tag.check_missing(self.findings)),
            ("files next to the log", lambda: self._papers.check(self.findings)),
            ("decisions", lambda: checks_from_other_apps.check(self.findings, pending=True)),
            ("evidence and finished work", lambda: self._leaves.finish(whole=True)),
        )
        for what, check in also:
            can_read(self.findings, what, check)
        for problem in insert_only.problems():
            self.findings.add("trigger", problem)


def _entries(first: int, end: int) -> str:
    return f"the entries {first} to {end - 1}"


class Newest:
    """Checks entries as soon as they are signed."""

    def __init__(self, upto: int) -> None:
        self.upto = upto
        self.findings = Findings()
        self._leaves = LeafChecker(self.findings)

    def follow(self, signed: Checkpoint, until: float) -> None:
        """Check what was signed since the last call, until the clock says `until`."""
        behind = self.upto
        while self.upto < signed.size and time.monotonic() < until:
            first, end = self.upto, min(self.upto + _STEP, signed.size)
            check = partial(self._leaves.check, first, end, examine_from=first)
            can_read(self.findings, _entries(first, end), check, first)
            self.upto = end
        if behind < self.upto == signed.size:
            can_read(self.findings, "the tree", lambda: self._meet(signed), signed.size - 1)

    def _meet(self, signed: Checkpoint) -> None:
        last = signed.size - 1
        try:
            root = tiles.root(stored_tree_queries.read_tile, signed.size)
        except ProofError as error:
            self.findings.add("tile", str(error), last)
            return
        if root != bytes(signed.root):
            message = f"the root of {signed.size} entries is not the one that was just signed"
            self.findings.add("root", message, last)


class Rounds:
    """Verifies in turns. One process of all does so at a time."""

    def __init__(self) -> None:
        self._reported = Progress.read()
        self._reported_at = clock.now() - _REPORT_EVERY
        self._round: Round | None = None
        self._newest: Newest | None = None
        self._doubts: set[tuple[str, int | None]] = set()
        self._papers = orphans.Share()
        self._number = 0

    def turn(self, *, budget_s: float = SHARE) -> None:
        """Begin steps for `budget_s`: what is new first, then the round."""
        with process_locks.alone("rounds") as held:
            signed = signed_state.newest_checkpoint()
            if not held or signed is None:
                self._round = self._newest = None
                return
            until = time.monotonic() + budget_s
            self._follow(signed, until)
            if self._round is None and self._due():
                self._round = Round(signed.size, self._papers, self._number)
            if self._round is not None:
                self._walk(self._round, until)
            self._tell()

    def _due(self) -> bool:
        done = self._reported.done
        if self._doubts and not self._reported.alarm:
            return True
        return done is None or not timedelta() <= clock.now() - done < REST  # it may be dated ahead

    def _follow(self, signed: Checkpoint, until: float) -> None:
        if self._newest is None or self._newest.upto > signed.size:
            known = self._reported.recent if self._reported.done else signed.size
            self._newest = Newest(min(known, signed.size))
        self._newest.follow(signed, until)
        if self._newest.findings.count:
            self._judge(self._newest.findings.kept)
            self._newest, self._round = Newest(self._newest.upto), None

    def _walk(self, round: Round, until: float) -> None:
        while time.monotonic() < until and round.at < round.size:
            round.step()
        if round.at < round.size:
            return
        round.finish()
        self._round = None
        self._newest = self._newest and Newest(self._newest.upto)  # nothing it cached grows old
        self._judge(round.findings.kept)
        took = int(time.monotonic() - round.began)
        found = round.findings.count
        said: dict[str, Any] = {"done": clock.now(), "done_size": round.size, "done_s": took}
        said["done_found"] = found
        if not found:
            said["alarm"] = ""
        self._tell(**said)

    def _judge(self, problems: list[Problem]) -> None:
        """Raise the alarm for what was found twice; doubt what was found once."""
        if not problems:
            self._number += 1  # a share in which something was found is met again
        found = {(problem.code, problem.index): problem for problem in problems}
        again = [problem for key, problem in found.items() if key in self._doubts]
        self._doubts = set(found)
        if not again:
            return
        first = nearest(again)
        if self._reported.alarm == str(first):
            return
        _log.critical("the ledger does not hold: %s", first)
        data = {"code": first.code, "index": first.index}
        record(SYSTEM, "ledger.alarm", data=data, reason=str(first))
        self._tell(alarm=str(first))

    def _tell(self, **said: Any) -> None:
        """Tell how far it is, every few seconds, and what is said at once."""
        now = clock.now()
        if not said and now - self._reported_at < _REPORT_EVERY:
            return
        self._reported_at = now
        if self._newest is not None:
            said["recent"] = self._newest.upto
        if self._round is not None:
            said |= {"at": self._round.at, "size": self._round.size}
            said["began"] = self._round.began_at
        elif "done_size" in said:
            said |= {"at": said["done_size"], "size": said["done_size"]}
        self._reported = replace(self._reported, **said)
        self._reported.write()


def loop(stop: threading.Event, *, pause_s: float = 1.0) -> None:
    """Verify in one turn after the other until `stop` is set."""
    rounds = Rounds()
    while not stop.is_set():
        idle_database_connections.rest()
        rounds.turn(budget_s=SHARE * pause_s)
        stop.wait(pause_s)
    close_old_connections()


def alarm() -> str:
    """What does not hold, as continuous verification found it twice; empty while all does."""
    return Progress.read().alarm
