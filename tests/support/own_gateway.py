"""A gateway of somebody's own: an HTTP server that records each request that changes something."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_ANSWERS = {
    ("GET", "/status"): {"health": {}, "provenance": {"binary_version": "0.8.4"}},
    ("GET", "/enforce/blocked"): [],
    ("GET", "/enforce/allowed"): [],
    ("POST", "/enforce/block"): {"status": "blocked"},
    ("DELETE", "/enforce/block"): {"status": "unblocked"},
    ("POST", "/enforce/allow"): {"status": "allowed"},
    ("POST", "/audit/event"): {"status": "ok"},
}


@dataclass
class OwnGateway:
    """Its address, and what it was asked to change."""

    url: str
    changes: list[str] = field(default_factory=list)

    def block(self, folder: Path, name: str = "mine") -> str:
        """Its block for an instances file."""
        (folder / "own.token").write_text("own-token")
        return (
            f'[[instance]]\nname = "{name}"\nbase_url = "{self.url}"\n'
            f'gateway_token_file = "{folder / "own.token"}"\n'
        )


@contextmanager
def own_gateway() -> Iterator[OwnGateway]:
    """Listen on a free port for the length of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.gateway = OwnGateway(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.gateway  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.command != "GET":
            line = f"{self.command} {self.path} {body.decode()}"
            self.server.gateway.changes.append(line)  # type: ignore[attr-defined]
        found = _ANSWERS.get((self.command, self.path))
        said = json.dumps({} if found is None else found).encode()
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""
