"""Fetches commands from the portal by waiting requests, and has them carried out; in a thread of
its own, so that a hold waits for no report."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any, Final

from ata import clock
from ata.errors import AtaError
from ata.outpost.commands.command_execution import Executor
from ata.outpost.commands.command_intake import Intake
from ata.outpost.commands.command_journal import CommandJournal
from ata.outpost.commands.gateway_calls import Gateway
from ata.outpost.commands.post_execution_log_check import DecisionsInLog
from ata.outpost.device_key import DeviceKey
from ata.outpost.enrolment import Enrolment
from ata.outpost.state_folder import StateFolder
from ata.portal.http_connection import answering, open_client

COMMANDS: Final = "/v1/outposts/commands"
LONGEST_WAIT_S: Final = 25
_WAIT_WHILE_FAILING_S: Final = 5
_SHORTEST_PAUSE_S: Final = 2.0
_LOOK_S: Final = 1.0
_DECISION_S: Final = 2.0
_LONGEST_PAUSE_S: Final = 60.0
_MOST_REPORTED: Final = 100


class Commands:
    """The commands of one enrolled outpost."""

    def __init__(self, folder: StateFolder, key: DeviceKey, enrolment: Enrolment) -> None:
        self._key, self._portal = key, enrolment.portal
        self._journal = CommandJournal(folder, key, is_begun=enrolment.has_journal)
        data = Path(enrolment.data_folder)
        gateway = Gateway(data, enrolment.cli_path, enrolment.cli_sha256)
        self._intake = Intake(
            self._journal,
            Executor(self._journal, gateway),
            enrolment.pins,
            enrolment.outpost,
            enrolment.instance,
        )
        self._decisions = DecisionsInLog(self._journal, enrolment.pins)
        self._client = open_client(enrolment.portal)
        self._stop, self._failures = threading.Event(), 0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Fetch and carry out until `close`."""
        self._thread = threading.Thread(target=self._run, name="commands", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the connection; a command that is being carried out goes on after the next start."""
        self._stop.set()
        if self._thread is None:
            self._client.close()

    def step(self, wait: int = 0) -> bool:
        """Carry out what is open, then what the portal has for us; False where it has nothing.

        Args:
            wait: seconds for which the portal keeps the request open.

        Raises:
            AtaError: the portal did not answer, or answered something else.
        """
        self._intake.carry_out(self._arrived)
        is_new = self._intake.take(self._fetch(wait), self._arrived) > 0
        self._decisions.look(self._decision)
        return is_new

    @property
    def has_outcome(self) -> threading.Event:
        """Set whenever a command has an outcome that no report has yet."""
        return self._journal.has_outcome

    @property
    def journal_id(self) -> str:
        """The digest of the journal's first line; empty where it has none yet."""
        return self._journal.first

    @property
    def log_forked_at(self) -> str:
        """When the portal's log was found to have two histories; empty where it was not."""
        return self._journal.history.forked_at

    @property
    def not_in_log(self) -> list[str]:
        """Holds and blocks whose decision the log did not show for ten minutes, by id."""
        return sorted(self._journal.history.not_in_log)

    def outcomes(self) -> list[dict[str, Any]]:
        """What no report has yet, oldest first."""
        return self._journal.unreported(_MOST_REPORTED)

    def mark_reported(self, outcomes: list[dict[str, Any]]) -> None:
        """A report with these outcomes is on disk."""
        self._journal.mark_reported(outcomes)

    def report_again(self) -> None:
        """The portal lost reports: all outcomes that are known are reported again."""
        self._journal.report_again()

    def check(self) -> None:
        """Raise what ended the thread, which is a fault of this program.

        Raises:
            AtaError: `commands_stopped`.
        """
        if self._thread is not None and not self._thread.is_alive() and not self._stop.is_set():
            raise AtaError(
                "The outpost carries out no commands any more.",
                code="commands_stopped",
                fix="Start it again; what it had begun goes on.",
            )

    def _run(self) -> None:
        while not self._stop.is_set():
            began, pause = time.monotonic(), 0.0
            try:
                wait = _WAIT_WHILE_FAILING_S if self._journal.history.open else LONGEST_WAIT_S
                # A portal that answers at once and has nothing new is not asked again at once.
                if not self.step(wait) and time.monotonic() - began < _SHORTEST_PAUSE_S:
                    pause = _SHORTEST_PAUSE_S
                self._failures = 0
            except (AtaError, OSError):
                self._failures = min(self._failures + 1, 6)
                pause = min(_LONGEST_PAUSE_S, _SHORTEST_PAUSE_S * 2.0 ** (self._failures - 1))
            self._stop.wait(pause)

    def _arrived(self) -> list[Any]:
        """What the portal has now; nothing where it does not answer within a second, so that what
        was accepted already waits no longer for it."""
        try:
            return self._fetch(0, _LOOK_S)
        except AtaError:
            return []

    def _fetch(self, wait: int, patience_s: float = 10.0) -> list[Any]:
        status, answer = self._get(
            COMMANDS, wait + patience_s, after=self._journal.history.last, wait=wait
        )
        found = answer.get("commands") if status == 200 else None
        if not isinstance(found, list):
            raise AtaError(
                f"The portal answered {status} when asked for commands.",
                code="unexpected_answer",
                fix="`ata outpost status` says how reports fare.",
            )
        return found

    def _decision(self, id_: str) -> dict[str, Any] | None:
        """What the portal says of the decision of a command; None where it says nothing now."""
        try:
            status, answer = self._get(f"{COMMANDS}/{id_}/decision", _DECISION_S)
        except AtaError:
            return None
        is_answer = status == 200 or (status, answer.get("code")) == (404, "not_found")
        return answer if is_answer else None

    def _get(self, path: str, patience_s: float, **query: int) -> tuple[int, dict[str, Any]]:
        """Status and JSON object of an answer; an empty one for any other body.

        Raises:
            AtaError: the portal did not answer.
        """
        url = self._portal + path
        proof = self._key.proof(url, b"", int(clock.now()), "GET")
        query["log_size"] = self._journal.history.seen.size
        with answering("The portal", self._portal, "The outpost tries again."):
            answer = self._client.get(
                url, params=query, headers={"DPoP": proof}, timeout=patience_s
            )
        try:
            found = json.loads(answer.content)
        except (ValueError, RecursionError):
            found = None
        return answer.status_code, found if isinstance(found, dict) else {}
