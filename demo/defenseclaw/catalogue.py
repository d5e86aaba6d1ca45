"""What is installed behind the demo gateway: skills, MCP servers and tools."""

from __future__ import annotations

from demo.history.cast import TOOLS, assets

_STDIO = {"github-mcp": "github", "standup-bot": "slack", "calendar-sync": "google"}


def skills() -> dict[str, object]:
    """Return the reply of ``GET /skills``, in the shape of OpenClaw's skill status."""
    return {
        "skills": [
            {
                "name": asset.name,
                "skillKey": asset.name,
                "description": f"DEMO skill {asset.name}",
                "source": "managed",
                "baseDir": asset.path,
                "disabled": False,
                "eligible": True,
            }
            for asset in assets()
            if asset.kind == "skill"
        ]
    }


def servers() -> list[dict[str, object]]:
    """Return the reply of ``GET /mcps``: the configured MCP servers, without any secret."""
    return [_server(asset.name) for asset in assets() if asset.kind == "mcp"]


def _server(name: str) -> dict[str, object]:
    kind = _STDIO.get(name)
    if kind is None:
        return {"name": name, "url": f"https://{name}.example/mcp", "transport": "http"}
    args = ["mcp", "run", name, "--", "python", "-m", "demo.mcp_server", "--kind", kind]
    return {"name": name, "command": "ata", "args": args, "transport": "stdio"}


def tools() -> dict[str, object]:
    """Return the reply of ``GET /tools/catalog``."""
    made = [{"id": name, "label": name, "source": "builtin"} for name in TOOLS]
    return {"groups": [{"id": "builtin", "label": "Built in", "tools": made}]}
