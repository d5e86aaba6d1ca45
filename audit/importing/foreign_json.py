"""JSON that others wrote into text columns, as values that an entry can hold."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final

from audit.ledger.format.canonical import MAX_SAFE_INTEGER

_MAX_DEPTH: Final = 24
_MAX_PARSED: Final = 4 * 2**20


def load(text: str) -> Any:
    """The value a text holds; None when it is no JSON, or more than 4 MiB of it."""
    if len(text) > _MAX_PARSED:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def load_object(text: str) -> dict[str, Any]:
    """The object a text holds; empty when it holds none."""
    if not text.startswith("{"):
        return {}
    value = load(text)
    return value if isinstance(value, dict) else {}


def loggable(value: Any, depth: int = 0) -> Any:
    """The value as I-JSON: great numbers as text, binary as base64, nothing deeper than 24."""
    if isinstance(value, str):
        return plain_text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= MAX_SAFE_INTEGER else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) and abs(value) <= MAX_SAFE_INTEGER else repr(value)
    if isinstance(value, bytes):
        return {"$base64": b64encode(value).decode()}
    if depth >= _MAX_DEPTH:
        return "[too deep]"
    if isinstance(value, Mapping):
        return {plain_text(str(k)): loggable(v, depth + 1) for k, v in value.items()}
    return [loggable(item, depth + 1) for item in value]


def plain_text(text: str) -> str:
    r"""The text with whatever is no Unicode written as `\udcff`."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()
