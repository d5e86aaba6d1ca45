"""Scopes beyond a server's manifest: asking for them, and waiting for the people who are asked."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout

from ata.decisions.approval_wait import report, wait_for
from ata.errors import AtaError, ExitCode, usage_error
from ata.mcp_run.credentials import Broker
from ata.output.safe_text import safe
from ata.output.screen import Screen
from ata.portal.api_client import Portal

_PENDING = "scope_escalation_pending"
_ENDED = {
    ExitCode.DENIED: ("denied", "No one is asked for it again for a day."),
    ExitCode.EXPIRED: ("not answered in time", "Run it again to have them asked again."),
    ExitCode.CANCELLED: ("withdrawn", "Run it again to have them asked again."),
}


def beyond(given: Sequence[str]) -> dict[str, list[str]]:
    """Scopes by connection, of `CONNECTION:SCOPE` each; the first colon parts them.

    Raises:
        AtaError: `usage`, for one that is not of that form.
    """
    found: dict[str, list[str]] = {}
    for one in given:
        connection, colon, scope = one.partition(":")
        if not (connection and colon and scope) or not scope.isascii() or " " in scope:
            raise usage_error(
                f"--scope {safe(one)}: write CONNECTION:SCOPE, such as github:delete_repo."
            )
        found.setdefault(connection, []).append(scope)
    return found


def wait(broker: Broker, portal: Portal, screen: Screen) -> None:
    """Until the broker gives tokens, wait for each request that it answers with.

    Everything goes to standard error: standard output belongs to the agent.

    Raises:
        AtaError: those of `waiting.wait_for`; `scope_not_allowed` with the outcome's exit code.
    """
    waited: set[str] = set()
    while (approval_id := _asked(broker)) and approval_id not in waited:
        waited.add(approval_id)
        with redirect_stdout(sys.stderr):
            approval = wait_for(portal, f"/v1/approvals/{approval_id}", screen)
            report(screen, approval)
        if approval.exit_code:
            words, fix = _ENDED.get(approval.exit_code, ("not decided", "See `ata approvals`."))
            raise AtaError(
                f"The scopes beyond the manifest were {words}.",
                code="scope_not_allowed",
                fix=fix,
                exit_code=approval.exit_code,
            )


def _asked(broker: Broker) -> str:
    """The request that stands between the server and its tokens; empty when none does."""
    try:
        broker.credentials()
    except AtaError as error:
        approval_id = str(error.details.get("approval_id") or "")
        if error.code == _PENDING:
            return approval_id
    return ""  # whatever else it is, is said where the server is started
