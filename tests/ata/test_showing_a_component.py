"""`ata skill|mcp|plugin|tool show`: what agents may still do, gateway by gateway."""

from __future__ import annotations

import json

from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import Reply, StandIn

SHOWN = {
    "kind": "mcp",
    "name": "mcp://codex/github",
    "severity": "HIGH",
    "warning": "A block of this name stops nothing.",
    "gateways": [
        {
            "instance": "edge-1",
            "detail": "The gateway acknowledged the block.",
            "effect": ["Stopped for Codex.", "Not stopped for \x1b[2JCursor."],
        }
    ],
}


def test_each_gateway_has_its_sentences(signed_in: Ata, portal: StandIn) -> None:
    portal.on("GET", "/v1/components/mcp/mcp%3A%2F%2Fcodex%2Fgithub", Reply(200, SHOWN))
    portal.on("GET", "/v1/components/mcp/mcp://codex/github", Reply(200, SHOWN))
    done = signed_in("mcp", "show", "mcp://codex/github")
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[:4] == [
        "mcp mcp://codex/github: HIGH",
        "A block of this name stops nothing.",
        "edge-1: The gateway acknowledged the block.",
        "  Stopped for Codex.",
    ]
    assert len(said) == 5 and "\x1b" not in said[4]
    assert json.loads(signed_in("mcp", "show", "mcp://codex/github", "--json").stdout) == SHOWN
