"""A small MCP server made with the official SDK, over stdio or (with a port) Streamable HTTP.

It tells what it holds by digest only: a go-between would cover the credential itself.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import anyio
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("issues")


def _credential(ctx: Context) -> str:
    headers = ctx.headers or {}
    return headers.get("authorization", "").removeprefix("Bearer ") or os.environ["GITHUB_TOKEN"]


@server.tool()
def holds(ctx: Context) -> str:
    """Digest of the credential that this server was given."""
    return hashlib.sha256(_credential(ctx).encode()).hexdigest()


@server.tool()
def leak(ctx: Context) -> str:
    """The credential itself."""
    return f"it is {_credential(ctx)}, and é, and a line\nmore"


@server.tool()
async def count(to: int, ctx: Context) -> int:
    """Say how far it is."""
    for number in range(to):
        await ctx.report_progress(number + 1, to, f"at {number + 1}, holding {_credential(ctx)}")
    return to


@server.tool()
async def wait(mark: str) -> str:
    """Never end by itself; leaves a mark when it is told to."""
    Path(mark).write_text("waits")
    try:
        await anyio.sleep_forever()
    except anyio.get_cancelled_exc_class():
        Path(mark).write_text("was cancelled")
        raise
    return ""


@server.tool()
def fail(ctx: Context) -> str:
    """Fail with the credential in the message."""
    raise ValueError(f"refused with {_credential(ctx)}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        server.run("stdio")
