"""Reads, journals and sends, again and again: every two seconds, and as soon as a command has an
outcome; each step safe to be killed in."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from ata import clock
from ata.errors import AtaError, ExitCode
from ata.outpost import device_key, gateway_facts
from ata.outpost.audit_database import opened
from ata.outpost.commands.fetch_and_execute_loop import Commands
from ata.outpost.enrolment import enrolled
from ata.outpost.folder_scans import FolderScans
from ata.outpost.journal import MOST_BYTES, Journal
from ata.outpost.report_sender import Kind, Outcome, Sender
from ata.outpost.rows_and_ranges import Gathered
from ata.outpost.state_folder import STATUS, StateFolder

EVERY_S: Final = 2.0
SIGN_OF_LIFE_S: Final = 60.0
LONGEST_WAIT_S: Final = 60.0
SUSPENDED_WAIT_S: Final = 300.0
"""A suspended outpost asks so often whether it was resumed."""
_HEALTH_EVERY_S: Final = 20.0
MOST_NOT_IN_LOG: Final = 20
_REFUSED_AGAIN_S: Final = 3600.0
"""Facts that the portal refused are sent again so often."""


class Outpost:
    """One enrolled outpost at work; the caller holds its folder.

    Args:
        monotonic: seconds that never jump; waits are measured by it and not by the clock.
    """

    def __init__(
        self,
        folder: StateFolder,
        *,
        most_bytes: int = MOST_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        found = enrolled(folder)
        key = device_key.load(folder.key)
        if key is None or key.outpost != found.outpost:
            raise AtaError(
                "The device key of this outpost is gone or another one.",
                code="key_unreadable",
                fix="Have the outpost revoked, remove its folder and enrol a new one.",
            )
        self._folder, self._monotonic = folder, monotonic
        self._data = Path(found.data_folder)
        self._journal = Journal(folder, most_bytes)
        self._sender = Sender(key, self._journal, found.portal, found.instance)
        self._commands = Commands(folder, key, found) if found.takes_commands else None
        self.scans = FolderScans(folder, self._data, monotonic) if self._commands else None
        self._gathered = self._begin()
        self._facts: dict[str, Any] = {}
        self._trouble = ""
        self._no_entries_since = ""
        self._journalled_at: float | None = None
        self._health: dict[str, Any] = {}
        self._health_at: float | None = None
        self._tried_alone: dict[str, tuple[float, str]] = {}
        self._send_after, self._failures = 0.0, 0
        self._wake = self._commands.has_outcome if self._commands else threading.Event()
        self._stopped = False

    def close(self) -> None:
        """Close the connections to the portal."""
        self._sender.close()
        if self._commands is not None:
            self._commands.close()
        if self.scans is not None:
            self.scans.close()

    def stop(self) -> None:
        """Have `run` end after the step that it is in; from any thread or a signal's handler."""
        self._stopped = True
        self._wake.set()

    def run(self, said: Callable[[Outcome], None]) -> None:
        """Step every two seconds, and when a command has an outcome, until `stop`; `said` gets what
        is new of how reports fare.

        Raises:
            AtaError: the portal takes in nothing more of this outpost; exit code 3.
        """
        last = ("", "")
        if self._commands is not None:
            self._commands.start()
        if self.scans is not None:
            self.scans.start()
        while not self._stopped:
            outcome = self.step()
            if outcome is not None and (outcome.code, outcome.words) != last:
                last = (outcome.code, outcome.words)
                said(outcome)
            if outcome is not None and outcome.kind is Kind.ENDED:
                raise _ended(outcome)
            if self._commands is not None:
                self._commands.check()
            self._wake.wait(EVERY_S)
            self._wake.clear()

    def run_once(self) -> Outcome:
        """Carry out what the portal has now, then read and send until nothing is left.

        Raises:
            AtaError: as `run`.
        """
        if self._commands is not None:
            # Whatever keeps the portal from sending commands, its answer to a report says it.
            with suppress(AtaError):
                self._commands.step()
        while True:
            outcome = self.step() or Outcome(Kind.NOTHING)
            if outcome.kind is Kind.ENDED:
                raise _ended(outcome)
            if outcome.kind is not Kind.SENT or not (len(self._journal) or self._gathered.is_full):
                return outcome

    def step(self) -> Outcome | None:
        """Read what is new, journal it when it is due, and send what waits; None while sending has
        to wait. Outcomes of commands are sent first: they wait for no reading.
        """
        first = None
        if self._commands is not None and self._commands.outcomes():
            self.journal()
            first = self.send_all()
        self.read()
        self.journal()
        return self.send_all() or first

    def read(self) -> None:
        """Read new rows and how the gateway is now; what cannot be read now is tried again."""
        self._trouble = ""
        if self._gathered.is_full:
            return
        try:
            with opened(self._data / "audit.db") as database:
                self._gathered.read(database)
                self._facts["entries"] = gateway_facts.entries(database)
            if self._facts["entries"] is None:
                self._trouble = "The gateway has too many entries for a report; they are left out."
        except (sqlite3.Error, OSError) as error:
            self._trouble = f"The gateway's audit.db cannot be read: {error}."
        self._facts["quarantine"] = gateway_facts.quarantine(self._data)
        self._facts["config"] = gateway_facts.config(self._data)
        now = self._monotonic()
        if self._health_at is None or now - self._health_at >= _HEALTH_EVERY_S:
            self._health = self._ask_gateway()
            self._health_at = now
        self._facts["health"] = self._health | self._about_commands()
        if self.scans is not None and (scans := self.scans.state):
            self._facts["health"] |= {"scans": scans}

    def _ask_gateway(self) -> dict[str, Any]:
        """How the gateway is; of one that does not answer also since when this was seen."""
        found = gateway_facts.health(self._data)
        if found["up"]:
            return found
        return found | {"since": self._health.get("since") or clock.format_time(clock.now())}

    def _lack_of_entries(self, refused: Collection[str]) -> dict[str, str]:
        """Since when its entries cannot be reported; empty where they can. The portal has to know
        that the last ones it got may not be so now."""
        if not self._trouble and "entries" not in refused:
            self._no_entries_since = ""
            return {}
        self._no_entries_since = self._no_entries_since or clock.format_time(clock.now())
        return {"no_entries_since": self._no_entries_since}

    def _about_commands(self) -> dict[str, Any]:
        """Which journal of commands this is, so that the portal notices another one, since when the
        portal's log is known to have two histories, and which decisions it does not show."""
        if self._commands is None:
            return {}
        found = {
            "journal": self._commands.journal_id,
            "log_forked_at": self._commands.log_forked_at,
            "not_in_log": self._commands.not_in_log[:MOST_NOT_IN_LOG],
        }
        return {name: value for name, value in found.items() if value or name == "journal"}

    def journal(self) -> None:
        """Write a report's content when something pressing is new, else once a minute."""
        self._report_refused_again()
        position = self._journal.position
        refused, known = position.get("refused", {}), position.get("facts", {})
        facts = self._reportable(refused)
        digests = {name: gateway_facts.digest_of(value) for name, value in facts.items()}
        changed = {name: facts[name] for name in digests if digests[name] != known.get(name)}
        done = self._commands.outcomes() if self._commands is not None else []
        if not (changed or done or self._gathered.is_pressing or self._is_minute_over()):
            return
        gathered = self._gathered
        content = {
            "created": clock.format_time(clock.now()),
            "rows": gathered.rows,
            "ranges": gathered.ranges(),
            "spans": gathered.spans,
            "why": gathered.why,
            **changed,
        }
        if done:
            content["commands"] = done
        after = {"tables": gathered.after, "facts": {**known, **digests}, "refused": refused}
        self._journal.append(content, after)
        if self._commands is not None:
            self._commands.mark_reported(done)
        self._gathered = self._begin()
        self._journalled_at = self._monotonic()

    def _report_refused_again(self) -> None:
        """Journal what the portal refused once more, each fact in a separate report: at once where
        something else in its report may have been why, after a minute where it changed since, and
        else every hour."""
        for name, was_alone in self._journal.position.get("refused", {}).items():
            if self._facts.get(name) is None:
                continue
            digest = gateway_facts.digest_of(self._facts[name])
            tried_at, tried = self._tried_alone.get(name, (0.0, ""))
            wait = _REFUSED_AGAIN_S if digest == tried else SIGN_OF_LIFE_S
            if was_alone and tried and self._monotonic() - tried_at < wait:
                continue
            self._tried_alone[name] = (self._monotonic(), digest)
            position = self._journal.position
            known = {**position.get("facts", {}), name: digest}
            others = {one: alone for one, alone in position["refused"].items() if one != name}
            fact = {name: self._facts[name], "alone": True}
            content = {"created": clock.format_time(clock.now()), "rows": [], "ranges": []} | fact
            self._journal.append(content, {**position, "facts": known, "refused": others})

    def _reportable(self, refused: Collection[str]) -> dict[str, Any]:
        """What is read of the gateway's state, without what the portal refused: its health names
        that, so that what was reported before does not stay as if it were so."""
        facts = {n: value for n, value in self._facts.items() if value is not None}
        if "health" in facts:
            facts["health"] = facts["health"] | self._lack_of_entries(refused)
        for name in refused:
            facts.pop(name, None)
        if refused:
            facts["health"] = facts.get("health", {}) | {"not_reported": sorted(refused)}
        return facts

    def send_all(self) -> Outcome | None:
        """Send one report after the other until none waits, or one cannot be sent now."""
        outcome = self.send()
        while outcome is not None and outcome.kind is Kind.SENT and not self._stopped:
            if not len(self._journal):
                break
            outcome = self.send()
        return outcome

    def send(self) -> Outcome | None:
        """Send the oldest report, if it is time to; then write how it went for `status`."""
        now = self._monotonic()
        if now < self._send_after:
            return None
        outcome = self._sender.send()
        self._send_after = now + self._wait(outcome)
        if outcome.code == "report_gap":
            self._gathered = self._begin()
            if self._commands is not None:
                self._commands.report_again()
        self._write_status(outcome)
        return outcome

    def _begin(self) -> Gathered:
        """What is read next, from the position on disk."""
        position = self._journal.position
        tables = position.get("tables", {})
        after = {table: (int(one[0]), str(one[1])) for table, one in tables.items()}
        return Gathered(after, why=position.get("why", ""))

    def _is_minute_over(self) -> bool:
        """Whether a sign of life is due; none is needed behind reports that wait."""
        last = self._journalled_at
        if last is not None and self._monotonic() - last < SIGN_OF_LIFE_S:
            return False
        return not self._gathered.is_empty or not len(self._journal)

    def _wait(self, outcome: Outcome) -> float:
        if outcome.kind in {Kind.SENT, Kind.NOTHING}:
            self._failures = 0
            return 0.0
        self._failures = min(self._failures + 1, 10)
        if outcome.kind is Kind.SUSPENDED:
            return SUSPENDED_WAIT_S
        return max(outcome.wait, min(LONGEST_WAIT_S, EVERY_S * 2.0**self._failures))

    def _refused_in_words(self) -> str:
        refused = ", ".join(self._journal.position.get("refused", {}))
        words = f"The portal does not take in {refused}; it is sent again each hour."
        return words if refused else ""

    def _write_status(self, outcome: Outcome) -> None:
        before = self._folder.read(STATUS)
        now = clock.format_time(clock.now())
        sent = {"acknowledged_at": now} if outcome.kind is Kind.SENT else {}
        status = {
            "tried_at": now,
            "acknowledged_at": before.get("acknowledged_at", ""),
            "code": outcome.code,
            "words": outcome.words,
            "reading": " ".join(filter(None, (self._trouble, self._refused_in_words()))),
            "reports": self._journal.next_n,
            "waiting": len(self._journal),
            **sent,
        }
        if {**status, "tried_at": ""} != {**before, "tried_at": ""}:
            self._folder.write(STATUS, status)


def _ended(outcome: Outcome) -> AtaError:
    return AtaError(
        f"{outcome.words} Nothing more is sent.",
        code=outcome.code,
        fix="Ask an admin of the portal; a new outpost needs a new code and an empty folder.",
        exit_code=ExitCode.DENIED,
    )
