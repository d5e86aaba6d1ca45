"""The real command line of DefenseClaw: which commands a decision covers, and how one is run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ata.errors import AtaError, ExitCode, usage_error

KINDS: Final = ("skill", "mcp", "plugin", "tool")
ACTS: Final = ("block", "allow", "unblock")
_HELP_S: Final = 60
_CLAIM: Final = (
    "Run `defenseclaw` yourself, without `ata dc --`. The portal lists it as a change without a "
    "decision once the gateway reports it; then claim it: `ata bypass claim ID`."
)


@dataclass(frozen=True, slots=True)
class Command:
    """`skill block NAME [--reason TEXT]`."""

    kind: str
    act: str
    name: str
    reason: str = ""

    @property
    def verb(self) -> str:
        """The decision that covers it."""
        return f"{self.kind}.{self.act}"


def parse(words: Sequence[str]) -> Command:
    """The command that these arguments of `defenseclaw` are.

    Raises:
        AtaError: `usage`, `not_covered`: no decision is about what it does.
    """
    if len(words) < 2 or words[0] not in KINDS or words[1] not in ACTS:
        said = " ".join(words[:2]) or "nothing"
        raise AtaError(
            f"No decision of the portal covers `defenseclaw {said}`; it was not run.",
            code="not_covered",
            fix=f"Decisions cover {', '.join(ACTS)} of {', '.join(KINDS)}. {_CLAIM}",
            exit_code=ExitCode.USAGE,
        )
    kind, act, *rest = words
    names, reason = [], ""
    while rest:
        word = rest.pop(0)
        if word == "--reason" and rest:
            reason = rest.pop(0)
        elif word.startswith("--reason="):
            reason = word.removeprefix("--reason=")
        elif word.startswith("-"):
            raise AtaError(
                f"`ata dc` runs no command with {word}: that is not what was decided.",
                code="not_covered",
                fix=f"A decision is about all agents of a gateway: leave it out. {_CLAIM}",
                exit_code=ExitCode.USAGE,
            )
        else:
            names.append(word)
    if len(names) != 1 or not names[0]:
        raise usage_error(f"`{kind} {act}` takes one name.")
    return Command(kind, act, names[0], reason.strip())


def find(given: Path | None) -> Path:
    """The absolute path of the program, as given or as found on PATH.

    Raises:
        AtaError: `no_defenseclaw`.
    """
    found = shutil.which(str(given) if given else "defenseclaw")
    if found is None:
        raise AtaError(
            "There is no program `defenseclaw` here that could be run.",
            code="no_defenseclaw",
            fix="Run this on the gateway's host as its user, or name the program with --cli.",
        )
    return Path(found).absolute()


def takes_reason(program: Path, command: Command) -> bool:
    """Whether this generation's command takes a reason.

    Raises:
        AtaError: `not_offered`: it has no such command.
    """
    argv = [str(program), command.kind, command.act, "--help"]
    try:
        said = subprocess.run(  # noqa: S603 - absolute path, words of our own, no shell
            argv, capture_output=True, text=True, timeout=_HELP_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AtaError(f"{program} could not be run.", code="no_defenseclaw") from error
    if said.returncode != 0:
        raise AtaError(
            f"This `defenseclaw` has no `{command.kind} {command.act}`; nothing was decided.",
            code="not_offered",
            fix=f"Decide it without the terminal: `ata {command.kind} {command.act} NAME`.",
        )
    return "--reason" in said.stdout


def run(program: Path, command: Command, tag: str, *, with_reason: bool, quiet: bool) -> int:
    """Run it with the tag of its decision in the reason and as run id; returns its exit code.

    Args:
        quiet: its output goes to standard error, since standard output is for JSON.
    """
    argv = [str(program), command.kind, command.act, command.name]
    if with_reason:
        argv += ["--reason", f"[ATA {tag}] {command.reason}"]
    environment = os.environ | {"DEFENSECLAW_RUN_ID": tag}
    done = subprocess.run(  # noqa: S603 - absolute path, the person's own words, no shell
        argv, env=environment, check=False, stdout=2 if quiet else None
    )
    return done.returncode
