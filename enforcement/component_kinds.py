"""The kinds of things that a DefenseClaw gateway admits or blocks, and what people call them."""

from __future__ import annotations

from typing import Final

KINDS: Final = ("skill", "mcp", "plugin", "tool")
"""Kinds with an enforcement state (DefenseClaw `actions.target_type`)."""

SCANNED: Final = ("skill", "mcp", "plugin")
"""Kinds that a scanner looks at; a tool is decided about, never scanned."""

CALL: Final = "call"
"""A call of an agent that DefenseClaw checked as it was made: nothing is decided about one."""

_NOUNS: Final = {"mcp": "MCP server", CALL: "agent call"}


def noun(kind: str) -> str:
    """`skill`, `MCP server`, …"""
    return _NOUNS.get(kind, kind)


def called(kind: str, name: str) -> str:
    """`skill pdf-exfil`, as sentences say it."""
    return f"{noun(kind)} {name}"


def where(instance: str) -> str:
    """`on edge-1`, or `on all gateways` where none is named."""
    return f"on {instance}" if instance else "on all gateways"
