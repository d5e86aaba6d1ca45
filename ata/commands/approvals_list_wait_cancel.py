"""`ata approvals [list]`, `ata approvals wait ID` and `cancel ID`."""

from __future__ import annotations

from typing import Annotated

import typer

from ata.clock import now, parse_time
from ata.decisions import approval_outcome_advice
from ata.options import Json, open_screen
from ata.output.safe_text import safe, time_left
from ata.output.screen import paint
from ata.portal.name_completion import pending_approvals
from ata.portal.paging import After, Limit, list_all

app = typer.Typer(
    help="List approvals, newest first; wait for one or withdraw it.",
    invoke_without_command=True,
    rich_markup_mode=None,
    add_completion=False,
)

ApprovalId = Annotated[
    str,
    typer.Argument(metavar="ID", help="The approval's id.", autocompletion=pending_approvals),
]


@app.callback()
def listing(ctx: typer.Context, json_output: Json = False) -> None:
    """List approvals, newest first; wait for one or withdraw it."""
    open_screen(ctx, json_output)
    if not ctx.invoked_subcommand:
        list_approvals(ctx, json_output=json_output)


@app.command("list")
def list_approvals(
    ctx: typer.Context,
    pending: Annotated[
        bool, typer.Option("--pending", help="Only those that someone has to answer.")
    ] = False,
    limit: Limit = 20,
    after: After = "",
    json_output: Json = False,
) -> None:
    """List the approvals you may see, newest first."""
    list_all(
        ctx,
        "/v1/approvals",
        limit=limit,
        after=after,
        params={"status": ["pending"]} if pending else None,
        json_output=json_output,
        columns=("Id", "State", "Code", "Left", "Approver", "Made", "Request"),
        row=_row,
        empty="No approval is pending." if pending else "No approvals.",
    )


@app.command()
def wait(
    ctx: typer.Context,
    approval_id: ApprovalId,
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
    approval_id: ApprovalId,
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
    open_now = approval.get("status") != "closed"
    return (
        approval.get("id"),
        approval.get("status") if open_now else approval_outcome_advice.outcome_words(approval),
        approval.get("binding_message") if open_now else "",
        time_left(expires_at - now()) if open_now and expires_at else "",
        approval.get("asked") if open_now else "",
        approval.get("created_at"),
        approval.get("sentence") or approval.get("verb"),
    )
