"""When `ata mcp run` asks the broker again in the background, and what ends the server."""

from __future__ import annotations

import math
import time

from ata.errors import AtaError
from ata.mcp_run.credentials import ASK_AGAIN_S, CHANGED, Credentials

LONGEST_PAUSE_S = 30.0
"""At most so long after a question that failed the next is asked."""
SAID_NO = frozenset(
    {
        "client_not_allowed",
        "component_not_allowed",
        "connection_not_linked",
        "connection_revoked",
        "connection_suspended",
        "frozen",
        CHANGED,
        "mcp_blocked",
        "mcp_held",
        "reconnect_required",
        "undeclared",
        "undeclared_caller",
    }
)
"""Refusals that end the server at once: the credential it holds in memory is no longer its own."""


class Renewal:
    """What the broker answered last, and when to ask it next; times are of the monotonic clock."""

    def __init__(self) -> None:
        self.asking = False
        self.heard = False
        """Whether the agent or the server wrote anything since the last answer."""
        self.failed: AtaError | None = None
        """The last answer, where it was no credential."""
        self._asked = 0.0
        self._pause = ASK_AGAIN_S
        self._good_until = 0.0

    def note(self, answer: Credentials | AtaError) -> None:
        """Take an answer: after a failure the pause doubles, up to `LONGEST_PAUSE_S`."""
        self._asked, self.heard = time.monotonic(), False
        if isinstance(answer, Credentials):
            self.failed, self._pause = None, ASK_AGAIN_S
            self._good_until = self._asked + answer.expires_in
        else:
            self._pause = min(2 * self._pause, LONGEST_PAUSE_S) if self.failed else ASK_AGAIN_S
            self.failed = answer

    def due_at(self, *, waiting: bool) -> float:
        """When to act next; infinity for not at all. `waiting`: whether lines wait in a pipe."""
        expiry = self._good_until if self.failed else math.inf
        if self.asking:
            return expiry
        if self.failed:
            return min(self._asked + self._pause, expiry)
        return self._asked + ASK_AGAIN_S if self.heard or waiting else math.inf

    def expired(self) -> AtaError | None:
        """The failure since which the credential expired; None while it is good."""
        return self.failed if time.monotonic() >= self._good_until else None


def not_asked() -> AtaError:
    """The error of a question that ended without an answer of any kind."""
    return AtaError(
        "The broker could not be asked.", code="unexpected_answer", fix="Check the portal's log."
    )
