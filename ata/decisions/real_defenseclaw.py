"""The real command line of DefenseClaw: which commands a decision covers, and how one is run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ata.errors import AtaError, ExitCode, usage_error
from ata.output.safe_text import safe

_KINDS: Final = ("skill", "mcp", "plugin", "tool")
_LISTED: Final = ("block", "allow", "unblock")
_HELP_S: Final = 60
_QUIET: Final = ("--yes", "--no-restart")
_SET_UP: Final = ("--non-interactive", "--no-restart", "--no-verify")
_CLAIM: Final = (
    "Run `defenseclaw` yourself, without `ata dc --`. The portal lists it as a change without a "
    "decision once the gateway reports it; then claim it: `ata bypass claim ID`."
)


@dataclass(frozen=True, slots=True)
class Form:
    """What a command is decided as; `options` are what it is run with, besides the tag.

    A gateway that is restarted with a run id writes that into all its later rows, so a setting is
    changed without a restart.
    """

    verb: str
    params: Mapping[str, object] = field(default_factory=dict)
    options: tuple[str, ...] = ()

    @property
    def takes_name(self) -> bool:
        """Whether it is about a component; else it is about the gateway here."""
        return not self.options


_FORMS: Final[Mapping[tuple[str, ...], Form]] = {
    **{(kind, act): Form(f"{kind}.{act}") for kind in _KINDS for act in _LISTED},
    **{
        (kind, act): Form(f"{kind}.{verb}", {"act": act})
        for kind in ("skill", "plugin")
        for verb, acts in (
            ("quarantine", ("disable", "quarantine")),
            ("restore", ("enable", "restore")),
        )
        for act in acts
    },
    ("guardrail", "enable"): Form("gateway.configure", {"terminal": "guardrail on"}, _QUIET),
    ("guardrail", "disable"): Form("gateway.configure", {"terminal": "guardrail off"}, _QUIET),
    **{
        ("setup", "guardrail", "--mode", mode): Form(
            "gateway.configure", {"terminal": f"mode {mode}"}, _SET_UP
        )
        for mode in ("action", "observe")
    },
}
"""Every command that a decision covers, word for word: DefenseClaw takes no abbreviations."""


@dataclass(frozen=True, slots=True)
class Command:
    """`skill block NAME [--reason TEXT]`, or a setting of the gateway without a name."""

    words: tuple[str, ...]
    form: Form
    name: str = ""
    reason: str = ""

    def target(self, gateway: str) -> dict[str, str]:
        """What its decision is about."""
        kind, name = (self.words[0], self.name) if self.name else ("gateway", gateway)
        return {"kind": kind, "name": name, "instance": gateway}

    def __str__(self) -> str:
        return " ".join(self.words)


def parse(words: Sequence[str]) -> Command:
    """The command that these arguments of `defenseclaw` are.

    Raises:
        AtaError: `usage`, `not_covered`: no decision is about what it does.
    """
    size = next((n for n in (4, 2) if tuple(words[:n]) in _FORMS), 0)
    if not size:
        said = " ".join(words[:2]) or "nothing"
        raise AtaError(
            f"No decision of the portal covers `defenseclaw {said}`; it was not run.",
            code="not_covered",
            fix=f"Decisions cover {_covered()}. {_CLAIM}",
            exit_code=ExitCode.USAGE,
        )
    first, rest = tuple(words[:size]), list(words[size:])
    form = _FORMS[first]
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
    if form.takes_name and (len(names) != 1 or not names[0]):
        raise usage_error(f"`{' '.join(first)}` takes one name.")
    if not form.takes_name and names:
        raise usage_error(f"`{' '.join(first)}` takes no name.")
    name = names[0] if names else ""
    check_name(first, name)
    return Command(first, form, name, reason.strip())


def check_name(words: Sequence[str], name: str) -> None:
    """Whether the command `words` takes this for a name: not for an option or a folder.

    Raises:
        AtaError: `usage`.
    """
    said = f"`{' '.join(words)}`"
    if words[0] in {"skill", "plugin"} and any(one in name for one in "/\\"):
        raise usage_error(
            f"{said} takes a name, and no path.",
            "DefenseClaw would take the last part of it for the name.",
        )
    if name in {".", ".."} or name.startswith(("-", "~")):
        raise usage_error(
            f"{said} takes a name, and {safe(name)} is none to it; nothing was decided.",
            "DefenseClaw would take it for an option or a folder.",
        )


def _covered() -> str:
    """`skill block, skill allow, …, setup guardrail --mode observe`."""
    return ", ".join(" ".join(words) for words in _FORMS)


def find(given: Path | None) -> Path:
    """The absolute path of the program, as given or as found on PATH.

    Raises:
        AtaError: `no_defenseclaw`.
    """
    found = shutil.which(str(given) if given else "defenseclaw")
    if found is None:
        raise AtaError(
            "There is no program `defenseclaw` here that could be run; nothing was decided.",
            code="no_defenseclaw",
            fix="Run this on the gateway's host as its user, or name the program with --cli.",
        )
    return Path(found).absolute()


def takes_reason(program: Path, command: Command) -> bool:
    """Whether this generation's command takes a reason.

    That of 0.2.0 changes no setting so that its row has our tag, and always restarts.

    Raises:
        AtaError: `not_offered`: it has no such command.
    """
    argv = [str(program), *command.words[:2], "--help"]
    try:
        said = subprocess.run(  # noqa: S603 - absolute path, words of our own, no shell
            argv, capture_output=True, text=True, timeout=_HELP_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AtaError(f"{program} could not be run.", code="no_defenseclaw") from error
    lacks = [one for one in command.form.options if one not in said.stdout]
    if said.returncode != 0 or lacks:
        with_ = f" with {lacks[0]}" if lacks and said.returncode == 0 else ""
        raise AtaError(
            f"This `defenseclaw` has no `{command}`{with_}; nothing was decided.",
            code="not_offered",
            fix=f"Decide it without the terminal: `ata {command} NAME`."
            if command.words[1] in _LISTED
            else _CLAIM,
        )
    return "--reason" in said.stdout


def run(program: Path, command: Command, tag: str, *, with_reason: bool, quiet: bool) -> int:
    """Run it with the tag of its decision in the reason and as run id; returns its exit code.

    Args:
        quiet: its output goes to standard error, since standard output is for JSON.
    """
    named = (command.name,) if command.form.takes_name else command.form.options
    argv = [str(program), *command.words, *named]
    if with_reason:
        argv += ["--reason", f"[ATA {tag}] {command.reason}"]
    environment = os.environ | {"DEFENSECLAW_RUN_ID": tag}
    done = subprocess.run(  # noqa: S603 - absolute path, the person's own words, no shell
        argv, env=environment, check=False, stdout=2 if quiet else None
    )
    return done.returncode
