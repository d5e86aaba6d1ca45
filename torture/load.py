"""The load: decisions with their answers, reports, exports and imports, at the same time."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portal.env import BASE_DIR, env
from scripts.sample_data.people import Person
from torture.http_users import TROUBLE, Handset, call, raw
from torture.journal import Journal

OPEN = 50  # approvals that wait at the same time
_IMPORTS = 24  # names under which files are imported
NEVER_S = 120.0  # after so long without an answer a call is said to hang
_ANSWERS = ("approve", "deny", "leave", "cancel")
_WEIGHTS = (11, 4, 3, 2)


@dataclass
class Load:
    """Threads that go on through every outage until `stop`."""

    people: dict[str, Person]
    journal: Journal
    seed: int
    sources: list[Path]
    child_env: dict[str, str]
    stop: threading.Event = field(default_factory=threading.Event)
    paused: threading.Event = field(default_factory=threading.Event)
    failed: Counter[str] = field(default_factory=Counter)  # answers that were no success
    _threads: list[threading.Thread] = field(default_factory=list)
    _todo: list[tuple[str, str, float]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: int = 0

    def start(self) -> None:
        """One thread a kind of work, three that decide and three that answer."""
        work: list[Callable[[random.Random, int], None]] = [
            *[self._decide] * 3,
            *[self._answer] * 3,
            self._report,
            self._export,
            self._import,
            self._collect,
            self._count_open,
        ]
        for number, one in enumerate(work):
            thread = threading.Thread(target=self._repeat, args=(one, number), daemon=True)
            thread.start()
            self._threads.append(thread)

    def end(self) -> None:
        """Let every thread finish what it does."""
        self.stop.set()
        for thread in self._threads:
            thread.join(NEVER_S + 30)

    def _repeat(self, work: Callable[[random.Random, int], None], number: int) -> None:
        choose = random.Random(f"{self.seed}/{number}")
        turn = 0
        while not self.stop.is_set():
            if self.paused.is_set() and work.__name__ not in {"_answer", "_collect", "_count_open"}:
                self.stop.wait(0.2)
                continue
            turn += 1
            try:
                work(choose, number * 1_000_000 + turn)
            except TROUBLE as trouble:
                self.failed[type(trouble).__name__] += 1
                self.stop.wait(0.2)
            except Exception as error:
                self.journal.violated(f"{work.__name__}: {type(error).__name__}: {error}")
                self.stop.wait(1)

    def _decide(self, choose: random.Random, turn: int) -> None:
        if self._open >= OPEN:
            self.stop.wait(0.5)
            return
        kind = choose.choice(("skill", "mcp", "plugin"))
        name = f"t{self.seed}-{turn}"
        body = {
            "verb": f"{kind}.{choose.choice(('block', 'block', 'allow', 'hold'))}",
            "target": {"kind": kind, "name": name},
            "reason": "killed while it was decided",
            "severity": choose.choice(("CRITICAL", "HIGH", "HIGH", "LOW")),
            "params": {"new": True},  # nobody has seen it before
        }
        person = self.people[choose.choice(("operator", "operator2"))]
        answer = choose.choices(_ANSWERS, _WEIGHTS)[0]
        status, found = self._until_answered(person, body, f"key-{name}")
        if status == 201:
            self.journal.decisions[name] = {**body, "event": found["event_id"]}
            self.journal.ack("decision", [found["event_id"]])
        elif status == 202:
            approval = found["approval_id"]
            self.journal.decisions[name] = {**body, "approval": approval}
            self.journal.asked[approval] = answer
            self.journal.ack("decision")
            with self._lock:
                self._open += 1
                if answer != "leave":
                    when = time.monotonic() + choose.uniform(0.2, 6.0)
                    self._todo.append((approval, answer, when))
        else:
            self.journal.violated(f"decision about {name} was answered {status} {found}")

    def _until_answered(self, person: Person, body: object, key: str) -> tuple[int, Any]:
        """The same request with the same key until it is answered: it must be done once."""
        until = time.monotonic() + NEVER_S
        last: object = None
        while time.monotonic() < until:
            try:
                status, found = call(person, "POST", "decisions", body, {"Idempotency-Key": key})
            except TROUBLE as trouble:
                last = trouble
            else:
                if status not in {401, 409, 429, 500, 502, 503}:
                    return status, found
                last = (status, found)
                self.failed[f"{status} {found.get('code')}"] += 1
            time.sleep(0.4)
        return 0, f"never answered; last {last}"

    def _answer(self, choose: random.Random, turn: int) -> None:
        with self._lock:
            due = next((t for t in self._todo if t[2] <= time.monotonic()), None)
            if due is not None:
                self._todo.remove(due)
        if due is None:
            self.stop.wait(0.1)
            return
        approval, answer, _ = due
        try:
            again = not self._answered(approval, answer)
        except TROUBLE:
            again = True
        if again:
            with self._lock:
                self._todo.append((approval, answer, time.monotonic() + choose.uniform(0.3, 1.5)))

    def _answered(self, approval: str, answer: str) -> bool:
        """Answer once; True when there is nothing more to do for this approval."""
        asker = self.people["operator"]
        status, found = call(asker, "GET", f"approvals/{approval}")
        if status == 404:
            self.journal.violated(f"approval {approval} was acknowledged and is not there")
            return True
        if status != 200:
            return False
        if found["status"] == "closed":
            return True
        if answer == "cancel":
            for person in (self.people["operator"], self.people["operator2"]):
                if call(person, "POST", f"approvals/{approval}/cancel")[0] == 200:
                    return True
            return False
        if Handset().tap(found["asked_sub"], found["binding_message"], answer):
            self.journal.phones.setdefault(approval, []).append(answer)
            self.journal.ack("phone")
        return False  # look again: a crash may have sent the question anew

    def _report(self, choose: random.Random, turn: int) -> None:
        count = choose.choice((1, 1, 20, 200))
        items = [{"action": "torture.reported", "data": {"n": turn, "i": i}} for i in range(count)]
        status, found = call(self.people["operator"], "POST", "audit/events", items)
        if status == 200:
            results = found["results"]
            refused = [r for r in results if r["status"] != "recorded"]
            if refused:
                self.journal.violated(f"a report was refused: {refused[0]}")
            self.journal.ack("report", [r["id"] for r in results if r["status"] == "recorded"])
        else:
            self.failed[f"report {status}"] += 1
        self.stop.wait(choose.uniform(0.1, 0.6))

    def _export(self, choose: random.Random, turn: int) -> None:
        auditor = self.people["auditor"]
        narrow = choose.choice(({}, *[{"source": "portal"}] * 3))
        body: dict[str, object] = {"format": choose.choice(("csv", "ndjson")), "filter": narrow}
        status, found = call(auditor, "POST", "audit/exports", body)
        if status != 202:
            self.failed[f"export {status}"] += 1
            self.stop.wait(0.5)
            return
        made = found["id"]
        self.journal.exports[made] = {}
        self.journal.ack("export")
        time.sleep(choose.uniform(0, 1.0))
        status, content = raw(auditor, f"audit/exports/{made}/download")
        if status == 200:  # to its end: half of it would have raised
            self.journal.exports[made] = {
                "sha256": hashlib.sha256(content).hexdigest(),
                "lines": content.count(b"\n"),
            }
            self.journal.ack("download")
        self.stop.wait(choose.uniform(0.5, 2.0))

    def _import(self, choose: random.Random, turn: int) -> None:
        source = self.sources[turn % _IMPORTS % len(self.sources)]
        # Then each file comes again under its name: hundreds of instants shall not make a ledger
        # that only takes longer to read.
        instance = f"imported-{turn % _IMPORTS}"
        for _ in range(60):
            command = ["manage.py", "import_defenseclaw", str(source), "--instance", instance]
            done = subprocess.run(
                [sys.executable, *command, "--json"],
                cwd=BASE_DIR,
                env=self.child_env,
                capture_output=True,
                text=True,
                timeout=NEVER_S,
                check=False,
            )
            if done.returncode == 0:
                figures = json.loads(done.stdout.splitlines()[-1])
                self.journal.imports[instance] = figures | {"source": str(source)}
                self.journal.ack("import")
                break
            said = done.stderr.strip().splitlines()[-1:] or [""]
            self.failed[f"import exit {done.returncode} {said[0][:90]}"] += 1
            if self.stop.wait(0.2):
                return
        self.stop.wait(choose.uniform(1.0, 6.0))

    def _collect(self, choose: random.Random, turn: int) -> None:
        url = f"http://127.0.0.1:{env.PORTAL_PORT}/log/checkpoint"
        with urllib.request.urlopen(url, timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        self.journal.head(int(lines[1]), lines[2])
        self.journal.ack("checkpoint")
        self.stop.wait(0.3)

    def _count_open(self, choose: random.Random, turn: int) -> None:
        status, found = call(self.people["operator"], "GET", "approvals?status=pending&limit=200")
        if status == 200:
            with self._lock:
                self._open = len(found["items"])
        self.stop.wait(1.0)


def child_environment() -> dict[str, str]:
    """The environment of a command next to the stack."""
    return {**os.environ, "PYTHONUNBUFFERED": "1"}
