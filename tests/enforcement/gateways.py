"""Stand-in gateways over HTTP, an instances file that names them, and people who can decide."""

from __future__ import annotations

import random
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import transaction

from approvals import people_and_roles, registry
from approvals.models import Person
from approvals.pipeline.commit import commit_now
from audit.clock import uuid7
from audit.models import EventRow
from audit.recording.actors import Actor, Target
from enforcement.gateways import client as client
from enforcement.gateways import instances
from local.gateway.agents import folder_of
from local.gateway.audit.log import AuditRow
from local.gateway.audit.scan_rows import Finding, ScanReport
from local.gateway.gateway import Gateway
from local.gateway.rest.server import GatewayServer
from local.gateway.settings import Settings
from local.gateway.user_folder import Home
from tests.support.sign_in import SUBS

TOKEN = "t0ken-for-tests"


class _Server(GatewayServer):
    """Ends its connections when it stops, as the end of a process does."""

    def __init__(self, gateway: Gateway) -> None:
        self._connections: list[socket.socket] = []
        super().__init__(gateway)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.append(request)
        super().process_request(request, client_address)

    def server_close(self) -> None:
        super().server_close()
        for connection in self._connections:
            with suppress(OSError):  # its handler may have closed it
                connection.shutdown(socket.SHUT_RDWR)


@dataclass
class Edge:
    """One stand-in gateway of HEAD that can be stopped and started again on its port.

    It answers and writes as the real one does, but watches no folder: a test says what it found.
    """

    name: str
    folder: Path
    port: int = 0
    token: str = TOKEN
    _server: GatewayServer | None = None
    _thread: threading.Thread | None = None

    @property
    def database(self) -> Path:
        """Its audit database."""
        return self.folder / ".defenseclaw" / "audit.db"

    @property
    def _gateway(self) -> Gateway:
        assert self._server is not None
        return self._server.gateway

    def start(self) -> None:
        """Listen."""
        self.database.parent.mkdir(parents=True, exist_ok=True)
        secret = self.database.with_name(".env")
        secret.write_text(f"DEFENSECLAW_GATEWAY_TOKEN={self.token}\n")
        settings = Settings("head", self.port, {"claudecode": "action"}, guardrail_mode="action")
        self._server = _Server(Gateway(Home(self.folder), settings))
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self._thread.start()

    def stop(self) -> None:
        """Answer nobody any more; the database stays."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._gateway.stop()
        self._server = None

    def rows(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Read its database, read-only."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            return connection.execute(sql, values).fetchall()

    def blocked(self) -> dict[str, str]:
        """Name to reason of everything it blocks, as its own database says."""
        found = self.rows(
            "SELECT target_name, reason FROM actions "
            "WHERE json_extract(actions_json, '$.install') = 'block'"
        )
        return {str(name): str(reason) for name, reason in found}

    def block(self, kind: str, name: str, reason: str) -> None:
        """Somebody else blocks something, at the gateway itself."""
        self._gateway.entries.set_value(kind, name, "install", "block", reason)
        self._gateway.log.write(AuditRow(f"{kind}-block", name, f"reason={reason}"))

    def scan(self, name: str, severity: str = "CRITICAL", kind: str = "skill") -> str:
        """Its scanner just found something; returns the scan's id."""
        place = f"SKILL.md:{random.randint(1, 10_000)}"
        title = "HTTP POST request that may send data externally"
        found = Finding("DATA_EXFIL_POST", severity, title, place, "Remove it.")
        target = name
        if kind != "mcp":
            target = str(folder_of(self.folder, "claudecode", kind) / name)
        findings = () if severity == "INFO" else (found,)
        return self._gateway.scans.write(ScanReport(f"{kind}-scanner", target, findings))

    def forget(self, name: str) -> None:
        """Somebody deletes its enforcement state."""
        with self._gateway.database.write() as connection:
            connection.execute("DELETE FROM actions WHERE target_name = ?", (name,))

    def drop_guards(self) -> None:
        """Somebody with the file drops the triggers that keep its rows in order."""
        with self._gateway.database.write() as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for (name,) in names.fetchall():
                connection.execute(f'DROP TRIGGER "{name}"')

    def purge(self) -> None:
        """Its retention, or an upgrade, deletes every scan."""
        with self._gateway.database.write() as connection:
            connection.execute("DELETE FROM scan_findings")
            connection.execute("DELETE FROM scan_results")


@dataclass
class Town:
    """The gateways of one test."""

    folder: Path
    edges: dict[str, Edge] = field(default_factory=dict)

    def write(self, extra: str = "") -> None:
        """Write the instances file."""
        blocks = [
            f'[[instance]]\nname = "{e.name}"\nbase_url = "http://127.0.0.1:{e.port}"\n'
            f'gateway_token_file = "token"\naudit_db = "{e.database}"\ndemo = true\n'
            for e in self.edges.values()
        ]
        (self.folder / "instances.toml").write_text("\n".join(blocks) + extra)


@contextmanager
def town_in(folder: Path, *names: str) -> Iterator[Town]:
    """Gateways that listen on free ports for the length of the block."""
    home = folder / "demo"
    home.mkdir(parents=True)
    (home / "token").write_text(TOKEN)
    town = Town(home)
    for name in names:
        town.edges[name] = Edge(name, home / name)
        town.edges[name].start()
    town.write()
    try:
        yield town
    finally:
        for edge in town.edges.values():
            edge.stop()
        client._http.cache_clear()
        instances._cache.clear()


def known(who: str, *roles: str, name: str = "", iss: str = "https://issuer.test/") -> Person:
    """A person that the issuer told us about."""
    return people_and_roles.note_person(
        iss=iss, sub=SUBS[who], name=name or who.title(), email=f"{who}@acme.example", roles=roles
    )


def settle(actor: Actor, target: Target, act: str, **params: object) -> None:
    """Commit an act as its approval would, for tests that are about what follows."""
    verb = registry.get(f"{target.kind}.{act}")
    with transaction.atomic():
        commit_now(
            verb=verb,
            actor=actor,
            target=target,
            params=params,
            reason="",
            severity="HIGH",
            operation=str(uuid7()),
            intent_hash="0" * 64,
        )


def lift(actor: Actor, target: Target) -> None:
    """Release from hold, as its approval would."""
    settle(actor, target, "release")


def sentences(action: str) -> list[str]:
    """How the events of one action read, oldest first."""
    rows = EventRow.objects.filter(action=action).order_by("event")
    return list(rows.values_list("sentence", flat=True))
