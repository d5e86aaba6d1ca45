"""`ata witness`: cosign a log's checkpoints, so that it cannot show two histories."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ata.errors import AtaError, ExitCode, usage_error
from ata.options import Json, open_screen
from ata.screen import Screen, paint
from ata.text import safe

if TYPE_CHECKING:
    from ata.following import Following


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
    follow: Annotated[
        str | None,
        typer.Option("--follow", help="Fetch this log too (https://PORTAL/log) and compute it."),
    ] = None,
    every: Annotated[
        float, typer.Option("--every", min=0.1, help="Seconds between two looks at the log.")
    ] = 1.0,
    once: Annotated[
        bool, typer.Option("--once", help="Look at the log once, say what was found, and end.")
    ] = False,
    json_output: Json = False,
) -> None:
    """Run a witness: it cosigns a checkpoint only if it extends the last one it saw."""
    from ata.following import Following
    from ata.trust import read_trust
    from ata.witness import Witness, serve

    screen = open_screen(ctx, json_output)
    logs = read_trust(policy, vkey or []).logs
    kept = folder or Path.home() / ".ata" / "witness"
    followed = Following(follow, kept, logs) if follow else None
    running = Witness(kept, name, logs, followed)
    if once:
        if followed is None:
            raise usage_error("--once needs a log to look at.", "Add --follow https://PORTAL/log.")
        if not _Looking(screen, followed).look():
            raise typer.Exit(ExitCode.FAILED)
        return
    server = serve(running, host, port)
    url = f"http://{host}:{server.server_port}"
    screen.result(
        {"url": url, "vkey": running.vkey, "logs": [key.name for key in logs]},
        f"Witness {running.name} listens at {url} for {', '.join(key.name for key in logs)}.",
        "Verifiers add this line to their policy:",
        f"witness {running.name} {running.vkey}",
        "Run it where the log's owner has no access: a witness of one's own proves little.",
    )
    stop = threading.Event()
    looking = _Looking(screen, followed) if followed is not None else None
    if looking is not None:
        threading.Thread(target=looking.run, args=(stop, every), daemon=True).start()
    try:
        server.serve_forever()
    finally:
        stop.set()
        server.server_close()


class _Looking:
    """Looks at the followed log, and says once what is new: growth, an alarm, trouble."""

    def __init__(self, screen: Screen, followed: Following) -> None:
        self._screen, self._followed = screen, followed
        self._trouble = ""

    def run(self, stop: threading.Event, every: float) -> None:
        """Look until `stop`; after an alarm there is nothing more to see."""
        while not stop.is_set() and self.look(again=True):
            stop.wait(every)

    def look(self, *, again: bool = False) -> bool:
        """One look; whether it is to go on, or with `again` unset whether all held."""
        from ata.following import LogLies

        try:
            seen = self._followed.look()
        except LogLies as lie:
            self._screen.result(
                {"alarm": str(lie), "index": lie.index},
                paint(f"✗ ALARM: {safe(str(lie))} Nothing more of this log is cosigned.", "red"),
                "Keep the folder of this witness: it holds what the log showed before.",
            )
            return False
        except AtaError as error:
            if str(error) != self._trouble:
                self._screen.error(error)
            self._trouble = str(error)
            return again
        self._trouble = ""
        if seen.new or not again:
            self._screen.result(
                {"size": seen.size, "new": seen.new, "ok": True},
                f"✓ {seen.size} entries, {seen.new} of them new: each root is the one it signed.",
            )
        return True
