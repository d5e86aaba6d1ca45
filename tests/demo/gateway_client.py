"""A raw HTTP client for the demo gateway, and a running gateway to call."""

from __future__ import annotations

import http.client
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.defenseclaw.instance import Instance
from demo.defenseclaw.server import GatewayServer
from demo.defenseclaw.webhook import Notifier
from demo.defenseclaw.wire import Gateway

TOKEN = "t0ken-for-tests"
GOOD: Mapping[str, str] = {
    "Authorization": f"Bearer {TOKEN}",
    "X-DefenseClaw-Client": "tests",
    "Content-Type": "application/json",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and raw body of an answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that listens, and its database."""

    port: int
    database: Path

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] = GOOD,
        raw: bytes | None = None,
    ) -> Answer:
        """Make one call; ``raw`` sends bytes instead of JSON."""
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request(method, path, content, dict(headers))
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Read the gateway's database, as the portal's importer would: read-only."""
        uri = f"file:{self.database}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(sql, values).fetchall()

    def actions(self) -> list[str]:
        """Return the actions of all audit rows, oldest first."""
        return [r["action"] for r in self.rows("SELECT action FROM audit_events ORDER BY rowid")]


@contextmanager
def running(
    folder: Path, token: str = TOKEN, notifier: Notifier | None = None
) -> Iterator[Running]:
    """Run a gateway on a free port for the length of the block."""
    instance = Instance("edge-1", folder)
    server = GatewayServer(Gateway(instance, notifier), 0, token, quiet=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Running(server.server_port, instance.database_path)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        instance.close()
