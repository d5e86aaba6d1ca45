"""One table of a TOML file replaced as text, so that comments and order of the rest stay."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Final

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_HEADER: Final = re.compile(r"\s*\[{1,2}[^\[\]].*\]{1,2}\s*(#.*)?")


def replaced_table(text: str, group: str, name: str, entry: Mapping[str, object] | None) -> str:
    """`text` with the table `[group.name]` and those below it as `entry` has them, or gone.

    A table that is not written so (inline, or by dotted keys) is not found; the caller
    compares what the result has with what was wanted.
    """
    kept: list[str] = []
    ours, at = False, -1
    for line in text.splitlines(keepends=True):
        if _HEADER.fullmatch(line.rstrip("\r\n")):
            ours = _is_of(line, group, name)
            if ours and at < 0:
                at = len(kept)
        if not ours:
            kept.append(line)
    if entry is None:
        return "".join(kept)
    table = _table(group, name, entry)
    if at < 0 or at == len(kept):
        before = "".join(kept)
        gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
        return before.rstrip("\n") + ("\n" + gap if before else "") + table
    return "".join([*kept[:at], table, "\n", *kept[at:]])


def _is_of(header: str, group: str, name: str) -> bool:
    try:
        found = tomllib.loads(header).get(group)
    except tomllib.TOMLDecodeError:
        return False
    return isinstance(found, dict) and name in found


def _table(group: str, name: str, entry: Mapping[str, object]) -> str:
    key = name if _BARE.fullmatch(name) else _text(name)
    lines = [f"[{group}.{key}]"]
    lines += [f"{_key(k)} = {_value(v)}" for k, v in entry.items()]
    return "\n".join(lines) + "\n"


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(str(k))} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return str(value)


def _text(text: str) -> str:
    """A basic string: JSON's escapes are TOML's, but for DEL (TOML 1.0, String)."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
