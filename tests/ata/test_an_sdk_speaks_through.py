"""The official SDK of MCP, unmodified, on both sides of `ata mcp run` and `ata mcp proxy`.

It takes a second to load: whoever collects all tests and runs none of these goes without.
"""

from __future__ import annotations

import hashlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import anyio
import pytest

from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import Reply, StandIn
from tests.support.ports import free_port
from tests.support.stack import eventually

if TYPE_CHECKING:
    from mcp import Client

TOKEN = "gho_provider-token/of+the-operator"
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()
GIVEN = Reply(200, {"access_token": TOKEN, "expires_in": 600})
MODES: tuple[Literal["auto", "legacy"], ...] = ("auto", "legacy")
"""Without a handshake as of 2026-07-28 where the server knows it, and with `initialize`."""


def declare(broker: StandIn, url: str = "") -> None:
    found = {
        "kind": "mcp",
        "name": "issues",
        "connections": [{"connection": "github", "scopes": ["repo"]}],
        "env": {"github": "GITHUB_TOKEN"},
        "decision": "allow",
        "url": url,
    }
    broker.on("GET", "/v1/manifests/mcp/issues", Reply(200, found))
    broker.on("GET", "/v1/auth/token", GIVEN)


async def everything(client: Client, broker: StandIn, mark: Path) -> str:
    """Each thing that an agent does; returns all that it was told."""
    from mcp import MCPError

    tools = await client.list_tools()
    assert {tool.name for tool in tools.tools} == {"holds", "leak", "count", "wait", "fail"}
    assert client.protocol_version == ("2026-07-28" if client.mode == "auto" else "2025-11-25")
    heard: list[Any] = [client.server_info, tools]

    held = await client.call_tool("holds")
    assert held.structured_content == {"result": DIGEST}, "the server was given the credential"
    leaked = await client.call_tool("leak")
    assert leaked.structured_content == {"result": "it is «redacted», and é, and a line\nmore"}

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    counted = await client.call_tool("count", {"to": 3}, progress_callback=hear)
    assert counted.structured_content == {"result": 3}
    assert [(one, of) for one, of, _ in heard[-3:]] == [(1, 3), (2, 3), (3, 3)]

    failed = await client.call_tool("fail")
    assert failed.is_error
    heard += [held, leaked, counted, failed]

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.call_tool, "wait", {"mark": str(mark)})
        with anyio.fail_after(60):
            while not mark.exists():
                await anyio.sleep(0.02)
        tasks.cancel_scope.cancel()
    with anyio.fail_after(10):  # the next sign of life of its stream is due after 15 seconds
        while mark.read_text() != "was cancelled":
            await anyio.sleep(0.02)

    broker.on("GET", "/v1/auth/token", Reply(403, {"code": "connection_suspended", "detail": "no"}))
    with pytest.raises(MCPError) as refused:
        await client.call_tool("holds")
    assert refused.value.error.data["code"] == "connection_suspended"
    broker.on("GET", "/v1/auth/token", GIVEN)
    again = await client.call_tool("holds")
    assert again.structured_content == {"result": DIGEST}, "the session outlives a refusal"
    return repr([*heard, refused.value.error])


@pytest.mark.parametrize("mode", MODES)
def test_over_a_pipe(
    signed_in: Ata, portal: StandIn, tmp_path: Path, mode: Literal["auto", "legacy"]
) -> None:
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client

    declare(portal)
    server = (sys.executable, str(Path(__file__).with_name("sdk_server.py")))
    command = signed_in.command("mcp", "run", "issues", "--", *server)
    crossed, said = tmp_path / "crossed", tmp_path / "said"
    # What crosses the pipe is kept byte by byte beside what the SDK makes of it.
    agent = StdioServerParameters(
        command="sh",
        args=["-c", '"$@" | tee "$0"', str(crossed), *command],
        env=signed_in.environment,
        cwd=tmp_path,
    )

    async def speak() -> str:
        with said.open("w") as errors:
            async with Client(stdio_client(agent, errlog=errors), mode=mode) as client:
                return await everything(client, portal, tmp_path / "mark")

    heard = anyio.run(speak)
    assert TOKEN not in heard + crossed.read_text() + said.read_text()
    assert "«redacted»" in crossed.read_text()


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[str]:
    """The server over Streamable HTTP."""
    port = free_port()
    with (tmp_path / "upstream.log").open("wb") as log:
        command = [sys.executable, "-m", "tests.ata.sdk_server", str(port)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    eventually(lambda: _answers(port), "the server listens", 90)
    yield f"http://127.0.0.1:{port}/mcp"
    process.terminate()
    process.wait(30)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_over_http(
    signed_in: Ata, portal: StandIn, upstream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mcp import Client

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    declare(portal, upstream)
    process = signed_in.start("mcp", "proxy", "issues", "--json")
    assert process.stdout
    address = json.loads(process.stdout.readline())["url"]

    async def speak(mode: Literal["auto", "legacy"]) -> str:
        async with Client(address, mode=mode) as client:
            return await everything(client, portal, tmp_path / mode)

    for mode in MODES:
        assert TOKEN not in anyio.run(speak, mode)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert TOKEN.encode() not in output + errors
