from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ata.ata_process import Ata
from tests.ata.mcp_agent import GIVEN, MANIFEST, SERVER, Agent
from tests.ata.portal_stand_in import Reply, StandIn, start


@pytest.fixture
def portal() -> Iterator[StandIn]:
    stand_in = StandIn()
    server = start(stand_in)
    stand_in.serve_issuer()
    yield stand_in
    server.shutdown()
    server.server_close()


@pytest.fixture
def ata(tmp_path: Path, portal: StandIn) -> Ata:
    return Ata(tmp_path, portal)


@pytest.fixture
def signed_in(ata: Ata) -> Ata:
    ata.sign_in()
    return ata


@pytest.fixture
def broker(portal: StandIn) -> StandIn:
    portal.on("GET", "/v1/manifests/mcp/repo-reader", Reply(200, MANIFEST))
    portal.on("GET", "/v1/auth/token", GIVEN)
    return portal


@pytest.fixture
def reader() -> str:
    return "python"


@pytest.fixture
def agent(broker: StandIn, signed_in: Ata, tmp_path: Path, reader: str) -> Iterator[Agent]:
    path = tmp_path / "server.py"
    path.write_text(SERVER)
    command = ("mcp", "run", "repo-reader", "--", sys.executable, str(path), reader)
    process = signed_in.start(*command)
    yield Agent(process)
    process.kill()
    process.communicate()
