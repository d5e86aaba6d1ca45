"""Submit a decision and see it through: committed at once, or after its approval."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping

import typer

from ata.clock import now
from ata.decisions import gateway_wait, unknown_name_prompt
from ata.decisions.approval_wait import Approval, report, wait_to_the_end
from ata.errors import AtaError
from ata.output.safe_text import in_words, safe
from ata.output.screen import Screen, paint
from ata.portal.api_client import Answer, Portal

NOTHING_TO_DO = "nothing_to_do"


def decide(screen: Screen, body: Mapping[str, object], *, wait: bool) -> None:
    """POST `/v1/decisions` once (its own Idempotency-Key) and follow it.

    Raises:
        AtaError: the portal's code, or those of `waiting.wait_to_the_end`.
        typer.Exit: with the exit code of the outcome when it is not "done".
    """
    with Portal.open() as portal:
        follow(portal, screen, submit(portal, screen, body)[0], wait=wait)


def submit(
    portal: Portal,
    screen: Screen,
    body: Mapping[str, object],
    *,
    check: Callable[[Mapping[str, object]], object] = lambda _body: None,
) -> tuple[Answer, Mapping[str, object]]:
    """The portal's answer, and the decision it is about: on a terminal, a name that the portal
    does not know is asked for again.

    Args:
        check: called with the decision about the name that was chosen, before it is submitted.

    Raises:
        AtaError: the portal's code, or what `check` raises.
    """
    try:
        return portal.post("/v1/decisions", body, idempotency_key=str(uuid.uuid4())), body
    except AtaError as error:
        if error.code != "unknown_target" or not screen.asks:
            raise
        again = unknown_name_prompt.choose(screen, error, body)
    check(again)
    return portal.post("/v1/decisions", again, idempotency_key=str(uuid.uuid4())), again


def follow(portal: Portal, screen: Screen, answer: Answer, *, wait: bool) -> None:
    """See an accepted act through: report it when committed, else wait for its approval.

    Raises:
        AtaError: those of `waiting.wait_to_the_end`.
        typer.Exit: with the exit code of the outcome when it is not "done".
    """
    approval_id = answer.body.get("approval_id")
    if answer.body.get("code") == NOTHING_TO_DO:
        report_needless(screen, answer.body)
        return
    if answer.status != 202 or not approval_id:
        body: Mapping[str, object] = answer.body
        if wait and body.get("operation"):
            path = f"/v1/decisions/{body['operation']}"
            body = gateway_wait.wait_for_gateways(portal, path, screen, body)
        _report_committed(screen, body, waited=wait)
        return
    if not wait:
        _report_asked(portal, screen, answer.body)
        return
    path = str(answer.body.get("poll_url") or f"/v1/approvals/{approval_id}")
    approval = wait_to_the_end(portal, path, screen, first=answer.body)
    report(screen, approval)
    if approval.exit_code:
        raise typer.Exit(approval.exit_code)


def report_needless(screen: Screen, body: Mapping[str, object]) -> None:
    """Say that it is so already."""
    said = f"{paint('✓', 'green')} Nothing to do: {safe(body.get('detail'))}"
    screen.result({"status": NOTHING_TO_DO, **body}, said)


def _report_committed(screen: Screen, body: Mapping[str, object], *, waited: bool) -> None:
    failed = gateway_wait.exit_code(body, waited=waited)
    waits = bool(gateway_wait.open_at(body))
    status = "committed" if waits else "failed" if failed else "done"
    mark = paint("✗", "red") if failed else paint("✓", "green")
    what = safe(body.get("sentence")) or "Decision"
    lines = [
        f"{mark} {what}: {gateway_wait.summary(body) or 'committed'}.",
        *(f"  {line}" for line in gateway_wait.effect_lines(body)),
    ]
    if body.get("event_id"):
        lines.append(f"  Event {safe(body['event_id'])}")
    screen.result({"status": status, **body}, *lines)
    if failed:
        raise typer.Exit(failed)


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
