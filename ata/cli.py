"""The command line put together; nothing heavy is imported before a command runs."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from ata.commands import (
    alerts,
    approvals,
    audit,
    components,
    connections,
    mcp_servers,
    sign_in,
    verification,
    witnessing,
)
from ata.errors import AtaError, ExitCode
from ata.options import Json, open_screen


class _Root(TyperGroup):
    """Says every error the same way, whichever command it comes from."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except AtaError as error:
            open_screen(ctx, False).error(error)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(ExitCode.INTERRUPTED) from error


app = typer.Typer(
    cls=_Root,
    name="ata",
    help="Decide on skills, MCP servers and connections, and read what proves it.",
    epilog="Exit codes: 0 done, 1 error or failed, 2 usage, 3 denied, 4 expired, 5 cancelled. "
    "ATA_PORTAL names the portal, ATA_SESSION the session file.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def root(ctx: typer.Context, json_output: Json = False) -> None:
    """Decide on skills, MCP servers and connections, and read what proves it."""
    open_screen(ctx, json_output)


def _assemble() -> None:
    app.command()(sign_in.login)
    app.command()(sign_in.logout)
    app.command()(sign_in.status)
    for kind in components.KINDS:
        group = components.commands_for(kind)
        if kind == "mcp":
            mcp_servers.add_to(group)
        app.add_typer(group, name=kind)
    app.add_typer(alerts.app, name="alert")
    app.add_typer(approvals.app, name="approvals")
    app.add_typer(connections.app, name="connections")
    app.add_typer(audit.app, name="audit")
    app.command()(verification.verify)
    app.command()(witnessing.witness)


_assemble()
