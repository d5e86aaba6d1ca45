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
    lists: dict[str, list[object]] = field(default_factory=lambda: {"blocked": [], "allowed": []})

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
        found = self._list_or_answer(body)
        said = json.dumps({} if found is None else found).encode()
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def _list_or_answer(self, body: bytes) -> object:
        """What it answers; it keeps what it is told to block and allow, one thing on each list."""
        lists = self.server.gateway.lists  # type: ignore[attr-defined]
        if self.path.startswith("/enforce/"):
            if self.command == "GET":
                return lists[self.path.rpartition("/")[2]]
            lists.update(blocked=[], allowed=[])
            if self.command == "POST":
                lists["blocked" if self.path.endswith("block") else "allowed"] = [json.loads(body)]
        return _ANSWERS.get((self.command, self.path))

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""
