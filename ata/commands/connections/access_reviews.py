"""`ata reviews list|show|open|decide|revoke|reassign|close|result`: access reviews."""

from __future__ import annotations

import uuid
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from ata.commands.connections import open_and_close_review, reassign_review
from ata.errors import AtaError, ExitCode, usage_error
from ata.options import Json, NoWait, Reason, open_screen
from ata.output.safe_text import safe
from ata.output.screen import paint
from ata.portal.paging import PAGE, After, Limit, collect, items_of, list_all, say_more

if TYPE_CHECKING:
    from ata.portal.api_client import Portal

app = typer.Typer(
    help="List access reviews, open, decide, reassign or close one, or fetch its signed result.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
app.command("open")(open_and_close_review.begin)
app.command("close")(open_and_close_review.close)
app.command("reassign")(reassign_review.reassign)
_PATH = "/v1/reviews"
Review = Annotated[str, typer.Argument(metavar="REVIEW", help="The review's id.")]
Account = Annotated[
    str, typer.Argument(metavar="NUMBER|ID", help="An account of it, as `show` names it.")
]


class Decision(StrEnum):
    """What can be decided on an account."""

    KEEP = "keep"
    REDUCE = "reduce"
    REVOKE = "revoke"


class Shown(StrEnum):
    """Accounts to show, by what was decided."""

    UNDECIDED = "undecided"
    KEEP = "keep"
    REDUCE = "reduce"
    REVOKE = "revoke"


@app.command("list")
def list_reviews(
    ctx: typer.Context, limit: Limit = PAGE, after: After = "", json_output: Json = False
) -> None:
    """List the reviews that you may see, newest first, with what waits for you."""
    list_all(
        ctx,
        _PATH,
        limit=limit,
        after=after,
        json_output=json_output,
        columns=("Id", "Title", "State", "Due", "Decided", "For you"),
        row=lambda one: (
            *(one.get(name) for name in ("id", "title", "state", "due")),
            _decided(one),
            one.get("waits_for_you"),
        ),
        empty="No access reviews.",
    )


@app.command()
def show(
    ctx: typer.Context,
    review: Review,
    decision: Annotated[
        Shown | None, typer.Option("--decision", help="Only accounts of which this was decided.")
    ] = None,
    limit: Limit = PAGE,
    after: After = "",
    json_output: Json = False,
) -> None:
    """Show a review and its accounts: what they could do when it opened, and what was decided."""
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    path = f"{_PATH}/{quote(review, safe='')}"
    narrowed = {"decision": [decision.value]} if decision else {}
    with Portal.open() as portal:
        head = portal.get(path).body
        body = collect(portal, f"{path}/accounts", limit=limit, after=after, params=narrowed)
    if not screen.json_output:
        screen.warn(
            f"{safe(head.get('title'))}: {safe(head.get('filter'))}. {safe(head.get('state'))}, "
            f"due {safe(head.get('due'))}, decided {_decided(head)}."
        )
    screen.rows(
        ("Number", "Owner", "Account", "Scopes too many", "Last use", "Decision", "What follows"),
        [_row(one) for one in items_of(body)],
        empty="No accounts.",
        value={**head, **body},
    )
    say_more(screen, body)


@app.command()
def decide(
    ctx: typer.Context,
    review: Review,
    account: Account,
    decision: Annotated[Decision, typer.Argument(metavar="keep|reduce|revoke")],
    reason: Reason = "",
    no_wait: NoWait = False,
    json_output: Json = False,
) -> None:
    """Decide on an account; a revocation follows at once, or once that is approved."""
    from ata.decisions.submission import NOTHING_TO_DO, follow
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    with Portal.open() as portal:
        path = _address(portal, review, account)
        body = {"decision": decision.value, "reason": reason}
        answer = portal.post(f"{path}/decide", body, idempotency_key=str(uuid.uuid4()))
        follow(portal, screen, answer, wait=not no_wait)
    if isinstance(refused := answer.body.get("refused"), dict):
        if refused.get("code") == NOTHING_TO_DO:
            if not screen.json_output:
                screen.warn(safe(refused.get("detail")))
            return
        if not screen.json_output:
            why, again = safe(refused.get("detail")), refused.get("code") == "decided_again"
            stands = "is on the record" if again else "stands"
            screen.warn(f"The decision {stands}, its revocation was refused: {why}")
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def revoke(
    ctx: typer.Context,
    review: Review,
    account: Account,
    no_wait: NoWait = False,
    json_output: Json = False,
) -> None:
    """Ask for a revocation that was decided, where it did not begin or did not hold."""
    from ata.decisions.submission import follow
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    with Portal.open() as portal:
        path = f"{_address(portal, review, account)}/revoke"
        answer = portal.post(path, {}, idempotency_key=str(uuid.uuid4()))
        follow(portal, screen, answer, wait=not no_wait)


@app.command()
def result(
    ctx: typer.Context,
    review: Review,
    output: Annotated[
        Path | None, typer.Option("--output", dir_okay=False, help="Where to write it.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    json_output: Json = False,
) -> None:
    """Fetch the signed result of a closed review; for admins and auditors."""
    from ata.portal.api_client import Portal
    from ata.trail.export_download import fetch

    screen = open_screen(ctx, json_output)
    path = output or Path(f"access-review-{review}.ndjson")
    if path.exists() and not force:
        raise usage_error(f"{path} exists already.", "Name another with --output, or add --force.")
    address = f"{_PATH}/{quote(review, safe='')}"
    with Portal.open() as portal:
        head = portal.get(address).body
        length, digest = fetch(portal, f"{address}/result", path)
    if digest != head.get("result_sha256"):
        raise AtaError(
            f"{path} is not the result that was signed: its SHA-256 is {digest}.",
            code="result_differs",
            fix="An erasure takes values out of a result, which the page of the review says; "
            "otherwise someone changed it.",
        )
    screen.result(
        {"path": str(path), "bytes": length, "sha256": digest, "event": head.get("closed_event")},
        f"{paint('✓', 'green')} {safe(path)}: {length:,} bytes, SHA-256 {digest}",
        f"  The event that names it: {safe(head.get('closed_event'))}",
    )


def _address(portal: Portal, review: str, account: str) -> str:
    """Where an account of a review is, by its id or its number in it."""
    path = f"{_PATH}/{quote(review, safe='')}/accounts"
    if account.isascii() and account.isdigit() and len(account) < 9:
        behind = {"after": [str(max(0, int(account) - 1))], "limit": ["1"]}
        for one in items_of(portal.get(path, params=behind).body):
            if str(one.get("number")) == str(int(account)):
                return f"{path}/{quote(str(one.get('id')), safe='')}"
        raise AtaError(
            f"The review has no account {account} that you may see.",
            code="not_found",
            fix=f"`ata reviews show {review}` lists those there are.",
        )
    return f"{path}/{quote(account, safe='')}"


def _decided(review: dict[str, object]) -> str:
    counts = review.get("counts")
    numbers = counts if isinstance(counts, dict) else {}
    total = numbers.get("accounts", 0)
    return f"{total - numbers.get('undecided', 0)} of {total}"


def _row(one: dict[str, object]) -> tuple[object, ...]:
    owner, excess = one.get("owner"), one.get("excess")
    who = owner if isinstance(owner, dict) else {}
    return (
        one.get("number"),
        who.get("name") or who.get("sub"),
        " ".join(str(word) for word in (one.get("title"), one.get("account")) if word),
        " ".join(map(str, excess)) if isinstance(excess, list) else "",
        one.get("last_used_at") or "not seen",
        one.get("decision"),
        one.get("remedy") or "",
    )
