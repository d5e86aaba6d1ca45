"""An agent, the server that `ata mcp run` starts for it, and a broker that gives it a token."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ata.ata_process import Ata
from tests.ata.mcp_run.leaking_server import MANIFEST, SERVER, Agent, token_reply
from tests.ata.portal_stand_in import Reply, StandIn


@pytest.fixture
def server(tmp_path: Path) -> list[str]:
    path = tmp_path / "server.py"
    path.write_text(textwrap.dedent(SERVER))
    return [sys.executable, str(path)]


@pytest.fixture
def broker(portal: StandIn) -> StandIn:
    portal.on("GET", "/v1/manifests/mcp/repo-reader", Reply(200, MANIFEST))
    portal.on("GET", "/v1/auth/token", token_reply())
    return portal


@pytest.fixture
def run(signed_in: Ata, server: list[str]) -> Iterator[Callable[[], Agent]]:
    started: list[Agent] = []

    def start() -> Agent:
        agent = Agent(signed_in.start("mcp", "run", "repo-reader", "--", *server))
        started.append(agent)
        return agent

    yield start
    for agent in started:
        if agent.process.poll() is None:
            agent.process.kill()
        agent.process.communicate()
