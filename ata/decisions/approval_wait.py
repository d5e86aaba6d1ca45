"""Wait for an approval: say what is asked, count down, tell the outcome."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from ata.clock import now, parse_time
from ata.decisions import approval_outcome_advice, approver_and_reason_lines, gateway_wait
from ata.decisions.approver_and_reason_lines import severity_and_reason
from ata.errors import AtaError, ExitCode, Unreachable
from ata.output.safe_text import in_words, safe, time_left
from ata.output.screen import Screen, paint
from ata.portal.api_client import Portal

POLL_INTERVAL_S = 1.0
GRACE_S = 60.0
"""How long past its expiry an approval may take to close before we stop waiting."""
_PLAIN_LINE_EVERY_S = 60.0

_EXIT_CODES = {
    "denied": ExitCode.DENIED,
    "expired": ExitCode.EXPIRED,
    "failed": ExitCode.FAILED,
    "cancelled": ExitCode.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Approval:
    """One approval as the portal reports it; `body` is its exact JSON object."""

    id: str
    status: str
    outcome: str
    code: str
    sentence: str
    expires_at: float
    body: Mapping[str, object]

    @classmethod
    def parse(cls, body: Mapping[str, object]) -> Approval:
        """From `GET /v1/approvals/{id}` or the 202 answer of a decision."""

        def text(name: str) -> str:
            return str(body.get(name) or "")

        return cls(
            id=text("id") or text("approval_id"),
            status=text("status"),
            outcome=text("outcome"),
            code=text("binding_message"),
            sentence=text("sentence"),
            expires_at=parse_time(text("expires_at")) or 0.0,
            body=body,
        )

    @property
    def exit_code(self) -> ExitCode:
        """How the command ends once the approval is closed."""
        if self.outcome == "approved":
            return gateway_wait.exit_code(self.body)
        return _EXIT_CODES.get(self.outcome, ExitCode.FAILED)


def wait_for(
    portal: Portal,
    path: str,
    screen: Screen,
    *,
    first: Mapping[str, object] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Approval:
    """Poll `path` until the approval is closed.

    A portal that stops answering is asked again until the approval must have expired.

    Args:
        portal: whom to ask.
        path: the approval's address, or the `poll_url` of a decision.
        screen: where the code, the sentence and the countdown go.
        first: what is already known, shown before the first poll.
        sleep: waits the given seconds.

    Raises:
        AtaError: the portal's code; `still_open` when it does not close in time;
            `interrupted` (exit code 130) on Ctrl-C, with how to go on waiting.
    """
    approval = Approval.parse({**(first or {}), **portal.get(path).body})
    try:
        with _display(screen, approval, portal) as show:
            while approval.status != "closed":
                _check_open(approval)
                show(approval)
                sleep(POLL_INTERVAL_S)
                approval = _poll(portal, path, approval)
    except KeyboardInterrupt as error:
        raise _interrupted(portal, approval) from error
    return approval


def wait_to_the_end(
    portal: Portal, path: str, screen: Screen, *, first: Mapping[str, object] | None = None
) -> Approval:
    """Wait for an approval and, once approved, for the gateways to confirm.

    Raises:
        AtaError: those of `wait_for` and `effects.wait_for_gateways`.
    """
    approval = wait_for(portal, path, screen, first=first)
    if approval.outcome != "approved":
        return approval
    return Approval.parse(gateway_wait.wait_for_gateways(portal, path, screen, approval.body))


def report(screen: Screen, approval: Approval) -> None:
    """Say how a closed approval ended and what proves it."""
    mark = paint("✓", "green") if approval.exit_code == ExitCode.DONE else paint("✗", "red")
    lines = [f"{mark} {_outcome_sentence(approval)}"]
    if approval.body.get("detail"):
        lines.append(f"  {safe(approval.body['detail'])}")
    if means := approval_outcome_advice.what_it_means(approval.body):
        lines.append(f"  {means}")
    lines += [f"  {line}" for line in gateway_wait.effect_lines(approval.body)]
    if approval.body.get("event_id"):
        lines.append(f"  Event {safe(approval.body['event_id'])}")
    screen.result(approval.body, *lines)


def _poll(portal: Portal, path: str, last: Approval) -> Approval:
    try:
        return Approval.parse({**last.body, **portal.get(path).body})
    except Unreachable:
        return last
    except AtaError as error:
        if error.passes:
            return last
        raise


def _check_open(approval: Approval) -> None:
    if approval.expires_at and now() > approval.expires_at + GRACE_S:
        raise AtaError(
            f"The approval {approval.id} is past its time and the portal has not closed it.",
            code="still_open",
            fix=f"Check that the worker runs, then `ata approvals wait {approval.id}`.",
        )


def _interrupted(portal: Portal, approval: Approval) -> AtaError:
    page = portal.page(f"/approvals/{approval.id}/")
    return AtaError(
        f"Stopped waiting; the request goes on at {page}",
        code="interrupted",
        fix=f"Go on waiting with `ata approvals wait {approval.id}`.",
        exit_code=ExitCode.INTERRUPTED,
    )


def _outcome_sentence(approval: Approval) -> str:
    answer = approval_outcome_advice.outcome_words(approval.body)
    if approval.outcome == "approved" and (confirmed := gateway_wait.summary(approval.body)):
        answer = f"{answer}, {confirmed}"
    subject = safe(approval.sentence).rstrip(".")
    return f"{subject}: {answer}." if subject else f"{answer.capitalize()}."


@contextmanager
def _display(
    screen: Screen, approval: Approval, portal: Portal
) -> Iterator[Callable[[Approval], None]]:
    if approval.status == "closed":
        yield lambda _: None
    elif screen.live:
        with _live_panel(portal) as show:
            yield show
    else:
        yield _PlainCountdown(screen, portal).show


class _PlainCountdown:
    """For a pipe: the code and the sentence once, then a line a minute or when the status moves."""

    def __init__(self, screen: Screen, portal: Portal) -> None:
        self._screen = screen
        self._portal = portal
        self._said_at = float("-inf")
        self._said_status = ""
        self._said_detail: object = None
        self._said_code = ""

    def show(self, approval: Approval) -> None:
        if not self._said_status:
            self._say_request(approval)
        elif approval.code and approval.code != self._said_code:
            who = approver_and_reason_lines.waits_for(approval.body) or "Asked again"
            self._screen.progress(f"{who}. Code: {safe(approval.code)}", _progress(approval))
        elif approval.body.get("detail") and approval.body["detail"] != self._said_detail:
            self._screen.progress(_sentence_of(approval.body["detail"]), _progress(approval))
        elif approval.status != self._said_status:
            self._screen.progress(f"Status: {safe(approval.status)}", _progress(approval))
        elif now() - self._said_at >= _PLAIN_LINE_EVERY_S:
            left = in_words(approval.expires_at - now())
            self._screen.progress(f"Still waiting, {left} left.", _progress(approval))
        else:
            return
        self._said_at, self._said_status = now(), approval.status
        self._said_detail, self._said_code = approval.body.get("detail"), approval.code

    def _say_request(self, approval: Approval) -> None:
        left = in_words(approval.expires_at - now()) if approval.expires_at else "some time"
        page = safe(self._portal.page(f"/approvals/{approval.id}/"))
        lines = [
            safe(approval.sentence) or "This has to be approved.",
            *([said] if (said := severity_and_reason(approval.body)) else []),
            f"Code: {safe(approval.code)} (approve only where the same code is shown)",
            *([f"{who}."] if (who := approver_and_reason_lines.waits_for(approval.body)) else []),
            f"Open for {left}: {page}",
        ]
        self._screen.progress("\n".join(lines), _progress(approval))


def _sentence_of(detail: object) -> str:
    """What holds a request up, as a sentence; empty where nothing does."""
    said = safe(detail)
    return f"{said[:1].upper()}{said[1:]}." if said else ""


def _progress(approval: Approval) -> dict[str, object]:
    return {
        "approval_id": approval.id,
        "status": approval.status,
        "binding_message": approval.code,
        "expires_at": approval.body.get("expires_at"),
    }


@contextmanager
def _live_panel(portal: Portal) -> Iterator[Callable[[Approval], None]]:
    from rich.console import Console, Group
    from rich.live import Live
    from rich.panel import Panel
    from rich.text import Text

    with Live(console=Console(), auto_refresh=False, transient=True) as live:

        def show(approval: Approval) -> None:
            code = Text("  ".join(safe(approval.code)), style="bold reverse", justify="center")
            left = time_left(approval.expires_at - now()) if approval.expires_at else "…"
            body = Group(
                Text(safe(approval.sentence) or "This has to be approved."),
                Text(severity_and_reason(approval.body), "dim"),
                Text(),
                code,
                Text(),
                Text(f"{left} left. Approve only where the same code is shown.", "dim"),
                Text(approver_and_reason_lines.waits_for(approval.body), "dim"),
                Text(_sentence_of(approval.body.get("detail") or ""), "yellow"),
            )
            address = Text(safe(portal.page(f"/approvals/{approval.id}/")))
            live.update(Panel(body, title="Waiting for approval", subtitle=address), refresh=True)

        yield show
