"""Run one or more DEMO DefenseClaw gateways in one process, on loopback only.

    python -m demo.gateway --data DIR --token-file FILE --port 18970 [--name edge-1]
    python -m demo.gateway --data DIR --token-file FILE --instance edge-1:18970 \
        --instance edge-2:18971

Each gateway keeps ``DIR/NAME/audit.db`` and ``DIR/NAME/redaction-correlation.key``. A token
file that does not exist is made, as a real gateway does at its first start; an empty one means
that no token is configured, and everything but ``GET /health`` answers 503.
"""

from __future__ import annotations

import argparse
import re
import secrets
import signal
import sqlite3
import sys
import threading
from pathlib import Path
from typing import Final

from demo.defenseclaw.instance import Instance
from demo.defenseclaw.server import GatewayServer
from demo.defenseclaw.webhook import Notifier
from demo.defenseclaw.wire import Gateway

_INSTANCE: Final = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]{0,39}):(?P<port>\d{1,5})")


def token_from(path: Path) -> str:
    """Return the token in ``path``; a missing file is made with a new one (mode 0600)."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32) + "\n")
    return path.read_text().strip()


def _instances(options: argparse.Namespace) -> dict[str, int]:
    """Return name and port of each gateway asked for; raises ValueError on a wrong one."""
    wanted: dict[str, int] = {}
    for text in options.instance or [f"{options.name}:{options.port}"]:
        match = _INSTANCE.fullmatch(text)
        if match is None or int(match["port"]) > 65_535:
            raise ValueError(f"--instance {text}: write NAME:PORT, for example edge-1:18970")
        if match["name"] in wanted:
            raise ValueError(f"--instance {match['name']} is named twice")
        wanted[match["name"]] = int(match["port"])
    return wanted


def _notifier(options: argparse.Namespace) -> Notifier | None:
    if not options.webhook_url:
        return None
    if not options.webhook_url.startswith(("http://", "https://")):
        raise ValueError("--webhook-url must begin with http:// or https://")
    secret = options.webhook_secret_file
    return Notifier(
        options.webhook_url,
        secret.read_text().strip().encode() if secret else b"",
        options.webhook_min_severity,
    )


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m demo.gateway",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--token-file", type=Path, required=True, metavar="FILE")
    parser.add_argument("--name", default="edge-1")
    parser.add_argument("--port", type=int, default=18970)
    parser.add_argument("--instance", action="append", metavar="NAME:PORT")
    parser.add_argument("--webhook-url")
    parser.add_argument("--webhook-secret-file", type=Path, metavar="FILE")
    parser.add_argument(
        "--webhook-min-severity", default="HIGH", choices=("CRITICAL", "HIGH", "MEDIUM", "LOW")
    )
    parser.add_argument("--quiet", action="store_true", help="do not log requests")
    return parser.parse_args(argv)


def _start(options: argparse.Namespace) -> list[GatewayServer]:
    token = token_from(options.token_file)
    notifier = _notifier(options)
    servers: list[GatewayServer] = []
    try:
        for name, port in _instances(options).items():
            instance = Instance(name, options.data / name)
            servers.append(_listen(Gateway(instance, notifier), port, token, options.quiet))
    except BaseException:
        _close(servers)
        raise
    return servers


def _listen(gateway: Gateway, port: int, token: str, quiet: bool) -> GatewayServer:
    try:
        return GatewayServer(gateway, port, token, quiet=quiet)
    except OSError as error:
        gateway.instance.close()
        raise OSError(f"port {port}: {error.strerror}; choose another with --instance") from error


def _close(servers: list[GatewayServer]) -> None:
    for server in servers:
        server.server_close()
        server.gateway.instance.close()


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; returns 2 if it cannot start."""
    options = _options(argv)
    try:
        servers = _start(options)
    except (OSError, ValueError, sqlite3.DatabaseError) as error:
        print(f"demo.gateway: {error}", file=sys.stderr)
        return 2
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"DEMO gateway {server.gateway.instance.name} at {server.url}/", flush=True)
    stop.wait()
    for server in servers:
        server.shutdown()
    _close(servers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
