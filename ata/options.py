"""Options that many commands share, and what a command starts with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from ata.screen import Screen

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per result.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the audit trail.")]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Do not wait when the act has to be approved.")
]


@dataclass(slots=True)
class Invocation:
    """What the whole command line agreed on; kept on the root context."""

    json_output: bool = False


def open_screen(ctx: typer.Context, json_output: bool) -> Screen:
    """The screen of a command; `--json` counts before and after the command's name."""
    invocation = ctx.find_root().ensure_object(Invocation)
    invocation.json_output = invocation.json_output or json_output
    return Screen(json_output=invocation.json_output)
