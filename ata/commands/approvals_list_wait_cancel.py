"""`ata approvals` and `ata approvals wait ID`."""

from __future__ import annotations

from typing import Annotated

import typer

from ata.clock import now, parse_time
from ata.decisions import approval_outcome_advice
from ata.options import Json, open_screen
from ata.output.safe_text import safe, time_left
from ata.output.screen import paint

app = typer.Typer(
    help="List approvals, newest first; wait for one or withdraw it.",
    invoke_without_command=True,
    rich_markup_mode=None,
)


@app.callback()
def listing(ctx: typer.Context, json_output: Json = False) -> None:
    """List the approvals you may see, newest first."""
    screen = open_screen(ctx, json_output)
    if ctx.invoked_subcommand:
        return
    from ata.portal.api_client import Portal

    with Portal.open() as portal:
        body = portal.get("/v1/approvals").body
    items = body.get("items")
    approvals = [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []
    screen.rows(
        ("Id", "Status", "Outcome", "Code", "Left", "Request"),
        [_row(one) for one in approvals],
        empty="No approvals.",
        value=body,
    )


@app.command()
def wait(
    ctx: typer.Context,
    approval_id: Annotated[str, typer.Argument(metavar="ID", help="The approval's id.")],
    json_output: Json = False,
) -> None:
    """Wait until an approval is closed and the gateways confirmed; the exit code says how."""
    from urllib.parse import quote

    from ata.decisions.approval_wait import report, wait_to_the_end
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    with Portal.open() as portal:
        approval = wait_to_the_end(portal, f"/v1/approvals/{quote(approval_id, safe='')}", screen)
    report(screen, approval)
    if approval.exit_code:
        raise typer.Exit(approval.exit_code)


@app.command()
def cancel(
    ctx: typer.Context,
    approval_id: Annotated[str, typer.Argument(metavar="ID", help="The approval's id.")],
    json_output: Json = False,
) -> None:
    """Withdraw your own request; approving its push commits nothing any more."""
    from urllib.parse import quote

    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    with Portal.open() as portal:
        body = portal.post(f"/v1/approvals/{quote(approval_id, safe='')}/cancel", {}).body
    sentence = safe(body.get("sentence")).rstrip(".") or "The request"
    screen.result(
        body,
        f"{paint('✓', 'green')} {sentence}: {approval_outcome_advice.outcome_words(body)}.",
        f"  {approval_outcome_advice.what_it_means(body)}",
    )


def _row(approval: dict[str, object]) -> tuple[object, ...]:
    expires_at = parse_time(str(approval.get("expires_at") or ""))
    open_now = approval.get("status") != "closed" and expires_at is not None
    return (
        approval.get("id"),
        approval.get("status"),
        approval_outcome_advice.outcome_words(approval) if approval.get("outcome") else "",
        approval.get("binding_message"),
        time_left(expires_at - now()) if open_now and expires_at else "",
        approval.get("sentence") or approval.get("verb"),
    )
