"""The calls that an outpost makes at its gateway: a fixed list of verbs of the command line, by
absolute path and digest, and three local routes."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ata.outpost import gateway_facts
from ata.outpost.commands.signed_command import Command, CommandRefused
from ata.outpost.commands.target_entries import tagged

CLI_VERBS: Final = ("disable", "enable", "quarantine", "restore")
REST_VERBS: Final[Mapping[str, tuple[str, str]]] = {
    "block": ("POST", "/enforce/block"),
    "unblock": ("DELETE", "/enforce/block"),
    "allow": ("POST", "/enforce/allow"),
}
_LONGEST_CLI_S: Final = 120.0
_LONGEST_REST_S: Final = 15.0
_BUSY_TRIES: Final = 40
_BETWEEN_BUSY_S: Final = 0.1
"""0.2.0 waits for no lock of its database, and so often it is asked again what changed nothing."""
_MOST_REASON: Final = 500
_BUSY: Final = 500
_RUN_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Call:
    """One call: a verb of the command line or of the local API, for one agent or for all ("")."""

    verb: str
    agent: str = ""

    @property
    def name(self) -> str:
        """How the journal names it."""
        return f"{self.verb} {self.agent}".rstrip()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended, which proves nothing; `reached` is False where nobody answered."""

    exit: int | None
    reached: bool = True


@dataclass(frozen=True, slots=True)
class Gateway:
    """The gateway next to an outpost: its data folder, and its command line as enrolled."""

    data: Path
    cli_path: str
    cli_sha256: str

    def check_cli(self) -> None:
        """Refuse a command line that is another program than at enrolment.

        Raises:
            CommandRefused: `cli_changed`.
        """
        if not self.cli_path or not Path(self.cli_path).is_absolute():
            detail = "There was no command line of DefenseClaw on PATH at enrolment."
            raise CommandRefused("cli_changed", detail)
        try:
            with Path(self.cli_path).open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError:
            found = ""
        if found != self.cli_sha256:
            detail = "The command line of DefenseClaw is another program than at enrolment."
            raise CommandRefused("cli_changed", detail)

    def is_up(self) -> bool:
        """Whether the gateway answers on this host."""
        return bool(gateway_facts.health(self.data)["up"])

    def make(self, call: Call, command: Command) -> Ended:
        """Make one call.

        Raises:
            CommandRefused: `cli_changed`.
        """
        if call.verb in CLI_VERBS:
            self.check_cli()
            return self._run(call, command)
        return self._send(call, command)

    def _run(self, call: Call, command: Command) -> Ended:
        # The reason of a way back goes nowhere: `enable` and `restore` take none.
        said = call.verb in ("disable", "quarantine")
        tag = command.tag_of(f"{command.kind}-{call.verb}")
        options = [f"--reason={reason(command, tag)}"] if said else []
        options += [f"--connector={call.agent}"] if call.agent else []
        words = [self.cli_path, command.kind, call.verb, *options, "--", command.name]
        try:
            process = subprocess.Popen(  # noqa: S603 - fixed verbs and a checked path, no shell
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=gateway_facts.home(self.data),
                env=self._environment(tag),
                start_new_session=True,
            )
        except OSError:
            return Ended(None, reached=False)
        try:
            return Ended(process.wait(_LONGEST_CLI_S))
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return Ended(process.wait())

    def _send(self, call: Call, command: Command) -> Ended:
        import httpx

        method, path = REST_VERBS[call.verb]
        body: dict[str, Any] = {"target_type": command.kind, "target_name": command.name}
        tag = command.tag_of(f"api-enforce-{call.verb}")
        if method == "POST":
            body["reason"] = reason(command, tag)
        headers = {
            "X-DefenseClaw-Client": "ata-outpost",
            "X-DefenseClaw-Request-Id": tag,
        }
        if token := gateway_facts.token(self.data):
            headers["Authorization"] = f"Bearer {token}"
        url = f"{gateway_facts.address(self.data)}{path}"
        try:
            with httpx.Client(headers=headers, timeout=_LONGEST_REST_S, trust_env=False) as client:
                for _ in range(_BUSY_TRIES):
                    answer = client.request(method, url, json=body)
                    if answer.status_code != _BUSY or b"SQLITE_BUSY" not in answer.content:
                        break
                    time.sleep(_BETWEEN_BUSY_S)
        except httpx.ConnectError:
            return Ended(None, reached=False)
        except (httpx.HTTPError, httpx.InvalidURL):
            return Ended(None)
        return Ended(answer.status_code)

    def _environment(self, tag: str) -> dict[str, str]:
        """Nothing of our own environment but what the command line needs."""
        environment = {
            "HOME": str(gateway_facts.home(self.data)),
            "PATH": f"{Path(self.cli_path).parent}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "DEFENSECLAW_RUN_ID": run_id(tag),
        }
        if self.data.name != ".defenseclaw":
            environment["DEFENSECLAW_HOME"] = str(self.data)
        return environment


def reason(command: Command, tag: str) -> str:
    """What the gateway keeps as the reason: the tag in front, since 0.2.0 cuts its log off."""
    line = " ".join(command.reason.split())
    text = "".join(one for one in line if one.isprintable())[:_MOST_REASON]
    return text if tagged(tag) in text else f"{tagged(tag)} {text}".strip()


def run_id(tag: str) -> str:
    """The tag as HEAD takes it; with a capital letter it would write the entry and no audit row."""
    if _RUN_ID.fullmatch(tag):
        return tag
    return "ata." + re.sub(r"[^a-z0-9._-]", "-", tag.lower())
