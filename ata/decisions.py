"""Submit a decision and see it through: committed at once, or after its approval."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import typer

from ata.clock import now
from ata.errors import ExitCode
from ata.portal import Answer, Portal
from ata.screen import Screen, paint
from ata.text import in_words, safe
from ata.waiting import Approval, effect_lines, effects_of, report, wait_for


def decide(screen: Screen, body: Mapping[str, object], *, wait: bool) -> None:
    """POST `/v1/decisions` once (its own Idempotency-Key) and follow it.

    Raises:
        AtaError: the portal's code, or those of `waiting.wait_for`.
        typer.Exit: with the exit code of the outcome when it is not "done".
    """
    with Portal.open() as portal:
        answer = portal.post("/v1/decisions", body, idempotency_key=str(uuid.uuid4()))
        follow(portal, screen, answer, wait=wait)


def follow(portal: Portal, screen: Screen, answer: Answer, *, wait: bool) -> None:
    """See an accepted act through: report it when committed, else wait for its approval.

    Raises:
        AtaError: those of `waiting.wait_for`.
        typer.Exit: with the exit code of the outcome when it is not "done".
    """
    approval_id = answer.body.get("approval_id")
    if answer.status != 202 or not approval_id:
        _report_committed(screen, answer.body)
        return
    if not wait:
        _report_asked(portal, screen, answer.body)
        return
    path = str(answer.body.get("poll_url") or f"/v1/approvals/{approval_id}")
    approval = wait_for(portal, path, screen, first=answer.body)
    report(screen, approval)
    if approval.exit_code:
        raise typer.Exit(approval.exit_code)


def _report_committed(screen: Screen, body: Mapping[str, object]) -> None:
    failed = any(effect.get("state") == "failed" for effect in effects_of(body))
    mark = paint("✗", "red") if failed else paint("✓", "green")
    said = safe(body.get("sentence")) or ("Not done everywhere." if failed else "Done.")
    lines = [f"{mark} {said}", *(f"  {line}" for line in effect_lines(body))]
    if body.get("event_id"):
        lines.append(f"  Event {safe(body['event_id'])}")
    screen.result({"status": "done", **body}, *lines)
    if failed:
        raise typer.Exit(ExitCode.FAILED)


def _report_asked(portal: Portal, screen: Screen, body: Mapping[str, object]) -> None:
    approval = Approval.parse(body)
    page = safe(portal.page(f"/approvals/{approval.id}/"))
    left = in_words(approval.expires_at - now())
    screen.result(
        {"status": "pending", **body},
        safe(approval.sentence) or "This has to be approved.",
        f"Code: {paint(safe(approval.code), 'bold')}",
        f"Open for {left}: {page}",
        f"Wait for it with `ata approvals wait {safe(approval.id)}`.",
    )
