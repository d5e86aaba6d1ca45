"""`ata skill|plugin quarantine|restore NAME`: decided, then carried out here by `defenseclaw`.

A gateway moves no files when the portal asks it to; its own command line does, on its host (ADR
43). So this is `ata dc -- skill quarantine NAME`, with the options of the other decisions.
"""

from __future__ import annotations

from typing import Annotated, Final

import typer

from ata.commands.enforcement.decision_options import Cli, InstanceHere, Name, New, Raise
from ata.errors import AtaError
from ata.options import Json, Reason, open_screen

KINDS: Final = frozenset({"skill", "plugin"})
_ACTS: Final = {
    "quarantine": "Move its files into quarantine; run this on the gateway's host.",
    "restore": "Bring its files back from quarantine; run this on the gateway's host.",
}

NoWait = Annotated[
    bool,
    typer.Option(
        "--no-wait",
        help="Do not wait for the gateway to report it; an approval is waited for all the same.",
    ),
]


def add_to(group: typer.Typer, kind: str) -> None:
    """Add `quarantine` and `restore` to the commands of one kind."""
    for act, help_text in _ACTS.items():
        _add(group, kind, act, help_text)


def _add(group: typer.Typer, kind: str, act: str, help_text: str) -> None:
    @group.command(act, help=help_text)
    def command(
        ctx: typer.Context,
        name: Name,
        reason: Reason = "",
        severity: Raise = None,
        instance: InstanceHere = "",
        new: New = False,
        no_wait: NoWait = False,
        cli: Cli = None,
        json_output: Json = False,
    ) -> None:
        from dataclasses import replace

        from ata.commands.enforcement.run_real_defenseclaw import At, carry_out
        from ata.decisions import real_defenseclaw

        screen = open_screen(ctx, json_output)
        asked = replace(real_defenseclaw.parse((kind, act, name)), reason=reason.strip())
        raised = severity.value if severity else ""
        try:
            carry_out(screen, asked, At(instance, cli), new=new, severity=raised, wait=not no_wait)
        except AtaError as error:
            if error.code == "no_defenseclaw" and act == "quarantine":
                error.fix += f" From any machine, `ata {kind} hold NAME` has gateways block it."
            raise
