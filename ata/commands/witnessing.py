"""`ata witness`: cosign a log's checkpoints, so that it cannot show two histories."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ata.options import Json, open_screen


def witness(
    ctx: typer.Context,
    vkey: Annotated[
        list[str] | None,
        typer.Option("--vkey", help="A log to witness: its key, or a file that holds it."),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="Witness the logs of this C2SP tlog-policy.")
    ] = None,
    name: Annotated[
        str, typer.Option("--name", help="Name of the witness's key, used once to make it.")
    ] = "witness.local",
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where key and state live [~/.ata/witness].")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65_535, help="Where to listen; 0 picks one.")
    ] = 8200,
    json_output: Json = False,
) -> None:
    """Run a witness: it cosigns a checkpoint only if it extends the last one it saw."""
    from ata.trust import read_trust
    from ata.witness import Witness, serve

    screen = open_screen(ctx, json_output)
    logs = read_trust(policy, vkey or []).logs
    running = Witness(folder or Path.home() / ".ata" / "witness", name, logs)
    server = serve(running, host, port)
    url = f"http://{host}:{server.server_port}"
    screen.result(
        {"url": url, "vkey": running.vkey, "logs": [key.name for key in logs]},
        f"Witness {running.name} listens at {url} for {', '.join(key.name for key in logs)}.",
        "Verifiers add this line to their policy:",
        f"witness {running.name} {running.vkey}",
        "Run it where the log's owner has no access: a witness of one's own proves little.",
    )
    try:
        server.serve_forever()
    finally:
        server.server_close()
