"""What can go wrong, said once: a sentence, a stable code, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum


class ExitCode(IntEnum):
    """Process exit codes; scripts branch on them."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    DENIED = 3
    EXPIRED = 4
    CANCELLED = 5
    INTERRUPTED = 130


class AtaError(Exception):
    """An error that the operator can act on.

    Attributes:
        message: one sentence that says what happened.
        code: stable identifier, the portal's own where the portal answered.
        fix: what to do next, empty when nothing can be done.
        exit_code: how the process ends when nobody handles the error.
        details: further members of the portal's answer that callers may need.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        fix: str = "",
        exit_code: ExitCode = ExitCode.FAILED,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.fix = fix
        self.exit_code = exit_code
        self.details = dict(details or {})

    def as_dict(self) -> dict[str, object]:
        """The JSON form printed with `--json`."""
        return {"error": {"code": self.code, "message": self.message, "fix": self.fix}}

    @property
    def passes(self) -> bool:
        """Whether the portal said that it may be better in a moment: too often, or trouble."""
        status = self.details.get("status")
        return isinstance(status, int) and (status == 429 or status >= 500)


class Unreachable(AtaError):
    """Nobody answered; the request may be tried again."""


def usage_error(message: str, fix: str = "") -> AtaError:
    """An error in how the command was called; ends with exit code 2."""
    return AtaError(message, code="usage", fix=fix, exit_code=ExitCode.USAGE)


def not_signed_in(fix: str = "Run `ata login`.") -> AtaError:
    """The error for every command that needs a session and finds none."""
    return AtaError("You are not signed in.", code="not_signed_in", fix=fix)
