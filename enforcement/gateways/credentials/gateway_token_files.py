"""The token of a gateway: alone in a file, or in the `.env` that DefenseClaw itself writes.

A gateway of 0.8.4 or later writes `DEFENSECLAW_GATEWAY_TOKEN` into `~/.defenseclaw/.env` at its
first start and takes `OPENCLAW_GATEWAY_TOKEN` where the first is not set. 0.2.0 knows no token.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

NAMES: Final = ("DEFENSECLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_TOKEN")
"""Variables that hold a gateway's token, the one that wins first."""

_SETTING = re.compile(r"\s*(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=\s*(.*?)\s*")


class NoToken(Exception):
    """The file holds no token that can be sent; the message says why, without any of its text."""


def read(path: Path) -> str:
    """The token in a file.

    Raises:
        NoToken: it cannot be read, or holds none.
    """
    try:
        lines = [line for line in path.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        raise NoToken("cannot be read or holds no token") from None
    token = _of_settings(lines) if _are_settings(lines) else "\n".join(lines).strip()
    if not token or not token.isascii() or not token.isprintable():
        raise NoToken("cannot be read or holds no token")
    return token


def _are_settings(lines: list[str]) -> bool:
    """Whether these are lines of a `.env`: one that names a token, or several with a setting."""
    found = [match[1] for line in lines if (match := _SETTING.fullmatch(line))]
    return any(name in NAMES for name in found) or (len(lines) > 1 and bool(found))


def _of_settings(lines: list[str]) -> str:
    """The value of the token's variable; of several lines with one name the last counts."""
    settings = (match for line in lines if (match := _SETTING.fullmatch(line)))
    found: dict[str, str] = {match[1]: match[2] for match in settings}
    token = next((found[name] for name in NAMES if found.get(name)), "")
    if not token:
        raise NoToken(f"has settings, and none of them is {NAMES[0]}")
    if len(token) > 1 and token[0] == token[-1] and token[0] in "'\"":
        return token[1:-1]
    return token
