"""Canonical JSON (RFC 8785, JCS) over I-JSON values (RFC 7493).

Almost every value we log has ASCII keys and no fractional number. For those `orjson`
with sorted keys writes exactly the JCS bytes at many times the speed of a pure-Python encoder;
everything else goes to `rfc8785`. A property test holds the two equal.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

import orjson
import rfc8785

MAX_SAFE_INTEGER: Final = 2**53 - 1
MAX_DEPTH: Final = 64

type Path = tuple[Path, str | int] | None


class EntryError(ValueError):
    """A value that cannot be logged, or an entry that is not what it claims to be.

    Attributes:
        pointer: RFC 6901 pointer of the offending value; "" is the whole document.
    """

    def __init__(self, message: str, pointer: str = "") -> None:
        super().__init__(f"{pointer or '(document)'}: {message}")
        self.pointer = pointer


def canonical(value: Any) -> bytes:
    """Return the RFC 8785 bytes of a JSON value (dict, list, tuple, str, int, float, bool, None).

    Raises:
        EntryError: with the pointer of a key that is no string, a number beyond ±(2^53 − 1), a
            NaN or infinity, a lone surrogate, nesting deeper than 64, or a type JSON lacks.
    """
    return encode(value, simple=scan(value))


def count_parts(text: bytes) -> int:
    """About how many values a JSON text has, counted without reading it.

    Reading and writing it takes time and memory by these, not by its bytes.
    """
    return text.count(b",") + text.count(b"[") + text.count(b"{")


def parsed(text: bytes | str) -> Any:
    """What a JSON text says, if every reader of it reads the same: no member stands twice.

    A signature over the canonical form of what was read says nothing of the other member.

    Raises:
        ValueError, RecursionError: it cannot be read, or a member stands twice.
    """
    return json.loads(text, object_pairs_hook=_members)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands twice")
    return found


def encode(value: Any, *, simple: bool) -> bytes:
    """Encode a value that `scan` has already accepted; `simple` is what `scan` returned."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS) if simple else rfc8785.dumps(value)
    except (TypeError, UnicodeEncodeError, rfc8785.CanonicalizationError) as error:
        pointer = _find_surrogate(value, None)
        if pointer is None:
            raise EntryError(f"has no canonical form ({error})") from error
        raise EntryError("holds a lone surrogate, which UTF-8 cannot carry", pointer) from error


def scan(value: Any, path: Path = None, depth: int = 0) -> bool:
    """Accept a JSON value; return True when the fast encoder writes its JCS form.

    Raises:
        EntryError: see `canonical` (lone surrogates are found while encoding).
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is dict:
        return _scan_object(value, path, depth)
    if kind is list or kind is tuple:
        return _scan_array(value, path, depth)
    if isinstance(value, int):
        if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
            return True
        raise EntryError("is beyond ±(2^53 − 1); send it as a string", pointer_of(path))
    if isinstance(value, float):
        _check_float(value, path)
        return False
    if isinstance(value, str):
        return True
    raise EntryError(f"is a {kind.__name__}, which JSON does not have", pointer_of(path))


def _scan_object(value: dict[Any, Any], path: Path, depth: int) -> bool:
    if depth >= MAX_DEPTH:
        raise EntryError(f"is nested deeper than {MAX_DEPTH}", pointer_of(path))
    simple = True
    for key, member in value.items():
        if not isinstance(key, str):
            raise EntryError(f"has the key {key!r}, which is not a string", pointer_of(path))
        # Code-point order equals JCS's UTF-16 order only inside the BMP; ASCII is the cheap test.
        if not key.isascii():
            simple = False
        kind = type(member)
        if kind is str or member is None or kind is bool:
            continue
        if not scan(member, (path, key), depth + 1):
            simple = False
    return simple


def _scan_array(value: list[Any] | tuple[Any, ...], path: Path, depth: int) -> bool:
    if depth >= MAX_DEPTH:
        raise EntryError(f"is nested deeper than {MAX_DEPTH}", pointer_of(path))
    simple = True
    for position, member in enumerate(value):
        if not scan(member, (path, position), depth + 1):
            simple = False
    return simple


def _check_float(value: float, path: Path) -> None:
    if not math.isfinite(value):
        raise EntryError(f"is {value}, which JSON does not have", pointer_of(path))
    if abs(value) > MAX_SAFE_INTEGER:
        raise EntryError("is beyond ±(2^53 − 1); send it as a string", pointer_of(path))


def pointer_of(path: Path) -> str:
    """Return the RFC 6901 pointer of a path of keys and positions."""
    parts: list[str] = []
    while path is not None:
        path, key = path
        # A lone surrogate in a key must not make the error message itself unprintable.
        text = str(key).encode("utf-8", "backslashreplace").decode()
        parts.append("/" + text.replace("~", "~0").replace("/", "~1"))
    return "".join(reversed(parts))


def _find_surrogate(value: Any, path: Path) -> str | None:
    if isinstance(value, str):
        return pointer_of(path) if any("\ud800" <= c <= "\udfff" for c in value) else None
    if isinstance(value, dict):
        members: Any = value.items()
    elif isinstance(value, list | tuple):
        members = enumerate(value)
    else:
        return None
    for key, member in members:
        found = _find_surrogate(key, (path, key)) or _find_surrogate(member, (path, key))
        if found is not None:
            return found
    return None
