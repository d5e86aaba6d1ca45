"""Seeded instants: who is killed, and what is waited for before."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from torture import windows
from torture.cluster import Cluster
from torture.journal import Journal
from torture.stack import PROGRAMS, Stack, kill

# `keep.sh` gives up at the fifth death within a minute; that is not what is tested here.
_DEATHS, _WITHIN_S = 4, 62.0
_WEIGHTS = {"portal": 5, "worker": 7, "tenant": 3, "gateway": 2, "import": 4}
_WHOLE = {"house": 1, "starter": 1}
_DATABASE = {"backend": 6, "backend-crash": 1, "database": 1}
_ACKS = ("decision", "phone", "phone", "report", "export", "checkpoint", "")
_BACK_S = 45.0


@dataclass
class Kills:
    """Kills one victim an instant and says so; what does not come back is a violation."""

    stack: Stack
    journal: Journal
    seed: int
    cluster: Cluster | None = None
    counts: Counter[str] = field(default_factory=Counter)
    _deaths: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self._choose = random.Random(f"{self.seed}/kills")

    def instant(self) -> str:
        """Wait for the seeded moment, kill, and return who and when in words."""
        choose = self._choose
        victim = self._victim()
        if choose.random() < 0.6:
            # Something has to be in flight: else it is the start that is killed again and again.
            self._recovered()
        found = self._alive(victim)
        moment = self._wait(choose)
        self._kill(victim, found, choose)
        self.counts[victim] += 1
        return f"{victim} ({moment})"

    def _victim(self) -> str:
        now = time.monotonic()
        weights = dict(_WEIGHTS) | _WHOLE | (_DATABASE if self.cluster else {})
        for name in PROGRAMS:
            recent = [at for at in self._deaths[name] if now - at < _WITHIN_S]
            self._deaths[name] = recent
            if len(recent) >= _DEATHS:
                del weights[name]
        return self._choose.choices(list(weights), list(weights.values()))[0]

    def _recovered(self) -> None:
        if not self.stack.wait_ready(_BACK_S * 2):
            if self.stack.runs:
                self.journal.violated("the stack is not ready again")
            else:
                self.journal.violated("'make up' gave up")
                self.restart()
        self.journal.wait_for("", 10)

    def _alive(self, victim: str) -> list[int]:
        if victim not in PROGRAMS:
            return []
        until = time.monotonic() + _BACK_S
        while not (found := self.stack.of(victim)):
            if time.monotonic() > until:
                self.journal.violated(f"{victim} did not come back")
                break
            time.sleep(0.05)
        return found

    def _wait(self, choose: random.Random) -> str:
        """The seeded moment: a time, an answer that was just read, or a file just written."""
        how = choose.random()
        if how < 0.4:
            seconds = choose.uniform(0.05, 2.0)
            time.sleep(seconds)
            return f"after {seconds:.2f} s"
        if how < 0.7:
            kind = choose.choice(_ACKS)
            self.journal.wait_for(kind, 4)
            said = f"at an answer: {kind or 'any'}"
        else:
            kind = choose.choice(("ledger", "ledger", "evidence", "exports", "database"))
            places = windows.places(self.stack.var_dir, kind)
            windows.wait_for_write(places, 4)
            said = f"at a write: {kind}"
        after = choose.choice((0, choose.uniform(0, 0.003), choose.uniform(0, 0.05), 0.5))
        time.sleep(after)
        return said

    def _kill(self, victim: str, found: list[int], choose: random.Random) -> None:
        match victim:
            case "house":
                if self.cluster and choose.random() < 0.5:
                    self.cluster.power_cut()
                self.stack.kill_everything()
                if self.cluster:
                    self.cluster.start()
                self.restart()
            case "starter":
                self.stack.kill_starter()
                self.restart()
            case "backend" if self.cluster:
                self.cluster.terminate_backend(choose)
            case "backend-crash" if self.cluster:
                self.cluster.kill_backend(choose)
            case "database" if self.cluster:
                self.cluster.kill_all()
            case _:
                # The whole program, only its first process, or only one that it had started.
                whole, first, last = (choose.random() < p for p in (0.6, 0.6, 1.0))
                found = self.stack.of(victim) or found
                chosen = found if whole else found[:1] if first else found[-1:] if last else []
                for pid in chosen:
                    kill(pid)
                self._deaths[victim].append(time.monotonic())

    def restart(self) -> None:
        """`make up` again; not ready in time is a violation."""
        self._deaths.clear()
        try:
            seconds = self.stack.start()
        except TimeoutError as late:
            self.journal.violated(f"make up did not recover: {late}")
            self.stack.kill_everything()
            self.stack.start()
        else:
            print(f"    make up recovered in {seconds:.1f} s", flush=True)
