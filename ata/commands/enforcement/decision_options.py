"""The name and the options that decisions about a component share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ata.portal.name_completion import components


class Severity(StrEnum):
    """A caller may raise the severity that the findings give, never lower it."""

    INFO = "INFO"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name.", autocompletion=components)]
Raise = Annotated[
    Severity | None,
    typer.Option("--severity", case_sensitive=False, help="Treat it as at least this severe."),
]
Instance = Annotated[
    str, typer.Option("--instance", help="Only this DefenseClaw instance; all when left out.")
]
InstanceHere = Annotated[
    str,
    typer.Option(
        "--instance", help="The gateway here [the outpost's, or the only one registered]."
    ),
]
Cli = Annotated[Path | None, typer.Option("--cli", help="The program [`defenseclaw` on PATH].")]
New = Annotated[
    bool, typer.Option("--new", help="The name is right, although nothing knows it yet.")
]
