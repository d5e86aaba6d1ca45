"""`ata witness`: cosign a log's checkpoints, so that it cannot show two histories."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ata.errors import AtaError, ExitCode, usage_error
from ata.options import Json, open_screen
from ata.output.safe_text import safe
from ata.output.screen import Screen, paint

if TYPE_CHECKING:
    from ata.log.follower import Following, Seen
    from audit.ledger.trust_policy import Policy


def witness(
    ctx: typer.Context,
    vkey: Annotated[
        list[str] | None,
        typer.Option("--vkey", help="A log to witness: its key, or a file that holds it."),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="Witness the logs of this C2SP tlog-policy.")
    ] = None,
    key_history: Annotated[
        Path | None,
        typer.Option(
            "--key-history", help="Go on from your log key to newer ones and names (/log/keys)."
        ),
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
    entries: Annotated[
        bool,
        typer.Option("--entries", help="Read the entries too, as an auditor who ran `ata login`."),
    ] = False,
    every: Annotated[
        float, typer.Option("--every", min=0.1, help="Seconds between two looks at the log.")
    ] = 1.0,
    once: Annotated[
        bool, typer.Option("--once", help="Look at the log once, say what was found, and end.")
    ] = False,
    json_output: Json = False,
) -> None:
    """Run a witness: it cosigns a checkpoint only if it extends the last one it saw."""
    from ata.log.cosigning_server import Witness, serve
    from ata.verify.trust_roots import read_trust

    screen = open_screen(ctx, json_output)
    trust = read_trust(policy, vkey or [], key_history)
    logs = trust.logs
    kept = folder or Path.home() / ".ata" / "witness"
    if entries and not follow:
        raise usage_error("--entries needs a log to read.", "Add --follow https://PORTAL/log.")
    followed = _following(follow, kept, trust, entries=entries) if follow else None
    running = Witness(kept, name, logs, followed, trust.moves)
    if once:
        if followed is None:
            raise usage_error("--once needs a log to look at.", "Add --follow https://PORTAL/log.")
        if not _Looking(screen, followed).look_through():
            raise typer.Exit(ExitCode.FAILED)
        return
    for move in trust.moves:
        screen.result({"goes_on": move.new_origin, "words": move.words}, safe(move.words))
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


def _following(url: str, folder: Path, trust: Policy, *, entries: bool) -> Following:
    from ata.log.entry_bundle_check import MOST_BYTES
    from ata.log.follower import Following
    from ata.portal.api_client import Portal
    from ata.session.session_file import SessionStore

    if not entries:
        return Following(url, folder, trust.logs, moves=trust.moves)
    below = url.rstrip("/")
    if not below.endswith("/log"):
        raise usage_error(f"{url} is no portal's log.", "Name it as https://PORTAL/log.")
    # The token goes to the portal of the session and nowhere else: see `Portal`.
    portal = Portal(below.removesuffix("/log"), SessionStore.default())

    def entries_at(path: str) -> bytes:
        return portal.fetch(f"/log/{path}", MOST_BYTES)

    return Following(url, folder, trust.logs, entries_at, trust.moves)


class _Looking:
    """Looks at the followed log, and says once what is new: growth, an alarm, trouble."""

    def __init__(self, screen: Screen, followed: Following) -> None:
        self._screen, self._followed = screen, followed
        self._trouble, self._read, self._behind = "", 0, False

    def run(self, stop: threading.Event, every: float) -> None:
        """Look until `stop`; after an alarm there is nothing more to see."""
        while not stop.is_set() and self.look(again=True):
            stop.wait(0 if self._behind else every)

    def look_through(self) -> bool:
        """Look until every entry was read; whether all held."""
        while held := self.look():
            if not self._behind:
                break
        return held

    def look(self, *, again: bool = False) -> bool:
        """One look; whether it is to go on, or with `again` unset whether it held."""
        from ata.log.follower import LogLies

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
            self._trouble, self._behind = str(error), False
            return again
        self._trouble, self._behind = "", seen.behind
        if seen.new or seen.read not in (None, self._read) or not again:
            self._tell(seen)
        self._read = seen.read or 0
        return True

    def _tell(self, seen: Seen) -> None:
        value = {"size": seen.size, "new": seen.new, "ok": True}
        words = f"✓ {seen.size} entries, {seen.new} of them new: each root is the one it signed."
        if seen.read is None:
            self._screen.result(value, words)
            return
        value["read"] = seen.read
        said = f"  {seen.read} of them were read: each has the hash that was signed, and the form."
        self._screen.result(value, words, said)
