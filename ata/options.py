"""Options that many commands share, and what a command starts with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from ata.errors import usage_error
from ata.output.screen import Screen

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per result.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the audit trail.")]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Do not wait for the approval, nor for the gateways.")
]


def reason_or_ask(screen: Screen, reason: str) -> str:
    """The reason of a decision that has to carry one, as on its page; a terminal asks for it.

    Raises:
        AtaError: `usage`, where there is none and nobody to ask.
    """
    said = reason.strip()
    if not said and screen.asks:
        said = typer.prompt("Reason, kept in the audit trail", default="", show_default=False)
        said = said.strip()
    if not said:
        raise usage_error("This decision needs a reason.", "Say why with --reason.")
    return said


@dataclass(slots=True)
class Invocation:
    """What the whole command line agreed on; kept on the root context."""

    json_output: bool = False
    fields: tuple[str, ...] = ()


def open_screen(ctx: typer.Context, json_output: bool) -> Screen:
    """The screen of a command; `--json` counts before and after the command's name."""
    invocation = ctx.find_root().ensure_object(Invocation)
    invocation.json_output = invocation.json_output or json_output
    return Screen(json_output=invocation.json_output, fields=invocation.fields)


def _take_fields(ctx: typer.Context, value: str | None) -> None:
    """Remember `--fields a,b`, which asks for JSON too.

    Raises:
        AtaError: `usage`, where it names none.
    """
    if value is None:
        return
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    if not names:
        raise usage_error("--fields names no field.", "Write such as --fields id,status.")
    invocation = ctx.find_root().ensure_object(Invocation)
    invocation.json_output, invocation.fields = True, names


Fields = Annotated[
    str | None,
    typer.Option(
        "--fields",
        metavar="A,B",
        expose_value=False,
        callback=_take_fields,
        help="Only these members of each JSON object; asks for JSON.",
    ),
]
