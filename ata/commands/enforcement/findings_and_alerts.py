"""`ata findings [list|show|dismiss|acknowledge]`, and `ata alert dismiss|acknowledge ID`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ata.commands.enforcement.decision_options import Severity
from ata.options import Json, NoWait, Reason, open_screen, reason_or_ask
from ata.output.safe_text import ago, safe
from ata.portal.name_completion import open_findings
from ata.portal.paging import PAGE, After, Limit, list_all

FINDINGS = "List what scanners found, gravest first; show, dismiss or acknowledge one."
ALERT = "Dismiss or acknowledge a finding: the same as `ata findings`."
FindingId = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="Id of the finding, or of its alert in DefenseClaw.",
        autocompletion=open_findings,
    ),
]
OfInstance = Annotated[
    str, typer.Option("--instance", help="The gateway's, where several use the same id.")
]


class Status(StrEnum):
    """What was said about a finding."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    DISMISSED = "dismissed"
    REPLACED = "replaced"
    ALL = "all"


class Kind(StrEnum):
    """What a finding is about."""

    SKILL = "skill"
    MCP = "mcp"
    PLUGIN = "plugin"
    TOOL = "tool"
    CODE = "code"
    CALL = "call"


def commands_for(name: str) -> typer.Typer:
    """The group `findings`, or `alert`, which only decides."""
    lists = name == "findings"
    group = typer.Typer(
        help=FINDINGS if lists else ALERT,
        no_args_is_help=not lists,
        invoke_without_command=lists,
        rich_markup_mode=None,
        add_completion=False,
    )
    if lists:
        group.callback()(_list_unless_more)
        group.command("list")(list_findings)
        group.command("show")(show)
    group.command("dismiss")(dismiss)
    group.command("acknowledge")(acknowledge)
    return group


def _list_unless_more(ctx: typer.Context, json_output: Json = False) -> None:
    """List what scanners found, gravest first; show, dismiss or acknowledge one."""
    open_screen(ctx, json_output)
    if not ctx.invoked_subcommand:
        list_findings(ctx, json_output=json_output)


def list_findings(
    ctx: typer.Context,
    status: Annotated[Status, typer.Option("--status", help="all shows every one.")] = Status.OPEN,
    severity: Annotated[
        Severity | None, typer.Option("--severity", case_sensitive=False, help="Only these.")
    ] = None,
    kind: Annotated[Kind | None, typer.Option("--kind", help="About what.")] = None,
    name: Annotated[str, typer.Option("--name", help="About the component of this name.")] = "",
    instance: Annotated[str, typer.Option("--instance", help="Only of this gateway.")] = "",
    limit: Limit = PAGE,
    after: After = "",
    json_output: Json = False,
) -> None:
    """List open findings, the gravest and of these the newest first."""
    given = {
        "status": "" if status == Status.ALL else status.value,
        "severity": severity.value if severity else "",
        "kind": kind.value if kind else "",
        "name": name,
        "instance": instance,
    }
    list_all(
        ctx,
        "/v1/findings",
        limit=limit,
        after=after,
        params={key: [value] for key, value in given.items() if value},
        json_output=json_output,
        columns=("Id", "Severity", "About", "Finding", "Gateway", "Found", "Status"),
        row=lambda one: _row(one, status),
        empty="No finding like that." if _is_narrowed(given) else "No open finding.",
    )


def _is_narrowed(given: dict[str, str]) -> bool:
    return given["status"] != Status.OPEN or any(v for k, v in given.items() if k != "status")


def show(
    ctx: typer.Context, finding: FindingId, instance: OfInstance = "", json_output: Json = False
) -> None:
    """Show one finding: what it is about, where, and what was said about it."""
    from urllib.parse import quote

    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    params = {"instance": [instance]} if instance else {}
    with Portal.open() as portal:
        body = portal.get(f"/v1/findings/{quote(finding, safe='')}", params=params).body
    screen.result(body, *_lines(body))


def dismiss(
    ctx: typer.Context,
    finding: FindingId,
    reason: Reason = "",
    instance: OfInstance = "",
    no_wait: NoWait = False,
    json_output: Json = False,
) -> None:
    """Close a finding as needing no action; HIGH and CRITICAL ones have to be approved."""
    from ata.decisions.submission import decide

    screen = open_screen(ctx, json_output)
    reason = reason_or_ask(screen, reason)
    decide(screen, _decision("alert.dismiss", finding, reason, instance), wait=not no_wait)


def acknowledge(
    ctx: typer.Context,
    finding: FindingId,
    reason: Reason = "",
    instance: OfInstance = "",
    no_wait: NoWait = False,
    json_output: Json = False,
) -> None:
    """Say that you have seen a finding; it stays open."""
    from ata.decisions.submission import decide

    screen = open_screen(ctx, json_output)
    decide(screen, _decision("alert.acknowledge", finding, reason, instance), wait=not no_wait)


def _decision(verb: str, finding: str, reason: str, instance: str) -> dict[str, object]:
    target = {"kind": "alert", "name": finding} | ({"instance": instance} if instance else {})
    return {"verb": verb, "target": target, "reason": reason}


def _row(one: dict[str, object], status: Status) -> tuple[object, ...]:
    about = _about(one)
    return (
        one.get("id"),
        one.get("severity"),
        f"{about.get('kind')} {about.get('name')}",
        one.get("title"),
        about.get("instance"),
        one.get("found_at"),
        one.get("status") if status == Status.ALL else "",
    )


def _lines(one: dict[str, object]) -> list[str]:
    about = _about(one)
    said = f"{safe(one.get('status'))}"
    if one.get("status_by"):
        said += f" by {safe(one['status_by'])}, {_when(one.get('status_at'))}"
    pairs = (
        ("About", f"{safe(about.get('kind'))} {safe(about.get('name'))}"),
        ("Gateway", safe(about.get("instance"))),
        ("Found", f"{_when(one.get('found_at'))} by {safe(one.get('scanner'))}"),
        ("Rule", safe(one.get("rule"))),
        ("Where", safe(one.get("location"))),
        ("Status", said),
        ("Reason", safe(one.get("reason"))),
        ("Page", safe(one.get("url"))),
    )
    return [
        f"{safe(one.get('severity'))}: {safe(one.get('title'))}",
        *(f"  {label:9}{text}" for label, text in pairs if text),
    ]


def _about(one: dict[str, object]) -> dict[str, object]:
    about = one.get("target")
    return about if isinstance(about, dict) else {}


def _when(stamp: object) -> str:
    from ata.clock import now, parse_time

    moment = parse_time(str(stamp or ""))
    return safe(stamp) if moment is None else f"{safe(stamp)[:19]}Z ({ago(now() - moment)})"
