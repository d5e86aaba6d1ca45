"""`ata mcp run` and `ata mcp proxy`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ata.commands.enforcement import mcp_client_config
from ata.errors import AtaError
from ata.options import Json, open_screen

Name = Annotated[str, typer.Argument(metavar="NAME", help="The server's name in its manifest.")]
Agent = Annotated[
    str,
    typer.Option("--agent", envvar="ATA_AGENT", help="Who calls; recorded as asserted."),
]
Account = Annotated[
    list[str] | None,
    typer.Option(
        "--account",
        metavar="[CONNECTION=]ACCOUNT",
        help="Which of several accounts: label, id, or the provider's user id. May repeat.",
    ),
]

Scope = Annotated[
    list[str] | None,
    typer.Option(
        "--scope",
        metavar="CONNECTION:SCOPE",
        help="Also ask for this scope; beyond the manifest, people are asked.",
    ),
]
Wait = Annotated[
    bool,
    typer.Option("--wait", help="When people are asked about scopes, wait for their answer."),
]


def _warn(words: str) -> None:
    """To standard error in every mode: standard output belongs to the agent."""
    from ata.output.safe_text import safe

    print(safe(words), file=sys.stderr)  # noqa: T201 - stdout is the server's


def add_to(group: typer.Typer) -> None:
    """Add `run`, `proxy` and `config` to the group of decisions on MCP servers."""
    group.command("run")(run)
    group.command("proxy")(proxy)
    group.command("config")(mcp_client_config.config)


def run(
    ctx: typer.Context,
    name: Name,
    command: Annotated[
        list[str], typer.Argument(metavar="-- CMD...", help="The server's command.")
    ],
    agent: Agent = "ata",
    scope: Scope = None,
    wait: Wait = False,
    account: Account = None,
    json_output: Json = False,
) -> None:
    """Run a stdio server with its credentials; the agent's side of the pipe carries none."""
    from ata.mcp_run import scope_escalation_wait
    from ata.mcp_run.credentials import Broker
    from ata.mcp_run.stdio_supervisor import Supervisor
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    try:
        with Portal.open() as portal:
            broker = Broker(
                portal, name, agent, scope_escalation_wait.beyond(scope or []), account or (), _warn
            )
            if wait:
                scope_escalation_wait.wait(broker, portal, screen)
            code = Supervisor(broker, command, screen).run()
    except AtaError as error:
        # Standard output belongs to the agent, so this goes to standard error in every mode.
        screen.error(error, stream=sys.stderr)
        raise typer.Exit(error.exit_code) from error
    raise typer.Exit(code)


def proxy(
    ctx: typer.Context,
    name: Name,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65_535, help="Where to listen; 0 picks one.")
    ] = 0,
    agent: Agent = "ata",
    scope: Scope = None,
    wait: Wait = False,
    account: Account = None,
    json_output: Json = False,
) -> None:
    """Give an agent a local address for an HTTP server; credentials are added on the way."""
    from ata.mcp_run import scope_escalation_wait
    from ata.mcp_run.credentials import Broker
    from ata.mcp_run.http_proxy import Proxy
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    with Portal.open() as portal:
        broker = Broker(
            portal, name, agent, scope_escalation_wait.beyond(scope or []), account or (), _warn
        )
        if wait:
            scope_escalation_wait.wait(broker, portal, screen)
        served = Proxy(broker, port)
        screen.result(
            {"name": name, "url": served.url},
            f"{name} is at {served.url}",
            "Give this address to the agent; it holds no credential. Ctrl-C ends it.",
        )
        served.serve()
