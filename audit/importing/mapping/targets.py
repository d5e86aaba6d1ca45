"""What a DefenseClaw row is about: kind and name, in the words the rest of the portal uses."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

ASSETS: Final = ("skill", "mcp", "plugin", "tool")
_KINDS: Final = frozenset(
    (*ASSETS, "policy", "config", "agent", "connector", "registry", "webhook")
)
_BY_ACTION: Final = (
    (re.compile(r"(?:api-)?skill-"), "skill"),
    (re.compile(r"(?:block|allow|watcher-block|sidecar-watcher-block)-mcp|(?:api-)?mcp-"), "mcp"),
    (re.compile(r"(?:api-)?plugin-|sidecar-watcher-disable-plugin"), "plugin"),
    (re.compile(r"tool-|inspect-tool-|gateway-tool-|guardrail-tool-"), "tool"),
    (re.compile(r"network-egress-"), "host"),
    (re.compile(r"policy-"), "policy"),
    (re.compile(r"config-|api-config-"), "config"),
    (re.compile(r"registry-"), "registry"),
    (re.compile(r"connector-hook"), "hook"),
    (re.compile(r"alert\.|(?:acknowledge|dismiss)-alert"), "alert"),
)
_PATH: Final = re.compile(r"[/\\](skill|plugin)s[/\\]([^/\\]+)[/\\]?\Z")
_TYPED: Final = re.compile(r"(?:\A|\s)type=([a-z]+)(?:\s|\Z)")
_PREFIXED: Final = re.compile(r"([a-z_]+):(.+)\Z", re.DOTALL)
_BODY_NAMES: Final = (
    "defenseclaw.scan.target_ref",
    "defenseclaw.finding.target_ref",
    "defenseclaw.network.target_ref",
    "server.address",
    "defenseclaw.admin.target_ref",
    "defenseclaw.asset.name",
)
_BODY_KINDS: Final = ("target_type", "defenseclaw.scan.target_type", "defenseclaw.asset.type")


def of_event(
    action: str, name: str, details: str, body: Mapping[str, Any], parsed: Mapping[str, Any]
) -> tuple[str, str]:
    """Kind and name for an audit row; kind is empty when nothing tells, name when there is none.

    `details` is the text, `parsed` the object it holds if it holds one.
    """
    name = name or _first(body, _BODY_NAMES) or _first(parsed, ("target_id", "target"))
    word = _first(body, _BODY_KINDS) or _first(parsed, ("target_type",))
    if not word and (typed := _TYPED.search(details)):
        word = typed[1]
    if (at := _PATH.search(name)) is not None:
        return at[1], at[2]
    if (prefixed := _PREFIXED.match(name)) and prefixed[1] in _KINDS:
        return prefixed[1], prefixed[2]
    if name.startswith("@") and "/" in name:
        return "tool", name  # @connector/tool, DefenseClaw's name for a tool of one connector
    kind = next((k for pattern, k in _BY_ACTION if pattern.match(action)), "")
    return (kind or _known(word)) if name else "", name


def of_scan(scanner: str, target: str) -> tuple[str, str]:
    """Kind and name of what a scanner looked at; a skill or plugin is named by its folder."""
    if (at := _PATH.search(target)) is not None:
        return at[1], at[2]
    plain = plain_scanner(scanner)
    kind = next((k for k in ASSETS if plain.startswith(k)), "")
    if kind in {"skill", "plugin"}:
        return kind, target.rstrip("/\\").rpartition("/")[2] or target
    return kind or "scanned", target


def plain_scanner(name: str) -> str:
    """Its letters, digits and hyphens, whatever their case and width, and whatever is between."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return "".join(one for one in text if one.isalnum() or one == "-")


def _known(kind: str) -> str:
    return kind if kind in _KINDS else ""


def _first(source: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    for key in keys:
        value = source.get(key)
        if isinstance(value, str) and value:
            return value
    return ""
