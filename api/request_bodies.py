"""Reading JSON that callers send: strictly, so that what we act on is what they wrote."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, NoReturn

from django.http import HttpRequest, UnreadablePostError
from ninja.parser import Parser

from api.problems import Problem, pointer_of

DEEPEST: Final = 100
"""Objects and lists within each other; an entry of the log holds 64."""


class StrictParser(Parser):
    """The parser of every body that a schema describes."""

    def parse_body(self, request: HttpRequest) -> Any:
        """The value of the body, free of what no field of ours may hold.

        Raises:
            Problem: as `read`, and 422 `invalid_request` for a text with NUL or half a character
                and for a number beyond what JSON can carry everywhere.
        """
        value = read(request)
        check_texts(value)
        return value


def read(request: HttpRequest) -> Any:
    """The body as a JSON value (RFC 8259), no member twice (RFC 7493 section 2.3).

    Raises:
        Problem: 415 `unsupported_media_type`, 400 `invalid_json` saying what is wrong.
    """
    if request.content_type != "application/json":
        raise Problem(
            415,
            "unsupported_media_type",
            "Send JSON: Content-Type: application/json.",
            headers={"Accept": "application/json"},  # RFC 9110 section 15.5.16
        )
    try:
        raw = request.body
    except UnreadablePostError:
        raise Problem(400, "invalid_json", "The body ended before its time.") from None
    return parse(raw)


def parse(raw: bytes) -> Any:
    """Parse strictly.

    Raises:
        Problem: 400 `invalid_json`.
    """
    try:
        if raw.startswith(b"\xef\xbb\xbf"):
            raise _Malformed("it begins with a byte order mark")
        value = json.loads(raw.decode(), parse_constant=_constant, object_pairs_hook=_unique)
        if _is_deeper(value, DEEPEST):
            raise RecursionError
        return value
    except _Malformed as problem:
        why = str(problem)
    except UnicodeDecodeError as problem:
        why = f"it is not UTF-8 (byte {problem.start})"
    except RecursionError:
        why = "it is nested too deeply"
    except json.JSONDecodeError as problem:
        why = f"{problem.msg} (line {problem.lineno}, column {problem.colno})"
    except ValueError:
        why = "a number has too many digits"
    raise Problem(400, "invalid_json", f"The body is not JSON: {why}.")


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether objects and lists are nested deeper; without recursion, which is what it guards."""
    layer = [value]
    for _ in range(levels):
        layer = [inner for each in layer for inner in _children(each)]
        if not layer:
            return False
    return True


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


class _Malformed(ValueError):
    pass


def _constant(name: str) -> NoReturn:
    raise _Malformed(f"{name} is no number of JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        twice = next(name for name, times in Counter(n for n, _ in pairs).items() if times > 1)
        raise _Malformed(f"an object names the member {twice[:60]!a} twice")
    return members


def check_texts(value: Any, path: tuple[str | int, ...] = ()) -> None:
    """Refuse what a database or an answer could not carry, wherever it stands.

    Raises:
        Problem: 422 `invalid_request` with the pointer of the first such value.
    """
    if isinstance(value, dict):
        for name, member in value.items():
            _check_text(name, path)
            check_texts(member, (*path, name))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            check_texts(item, (*path, position))
    elif isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, float) and not math.isfinite(value):
        raise _unusable("a number beyond what a double can hold", path)


def _check_text(text: str, path: tuple[str | int, ...]) -> None:
    if "\0" in text:
        raise _unusable("a text with NUL", path)
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise _unusable("half a character (a lone surrogate)", path)


def _unusable(what: str, path: tuple[str | int, ...]) -> Problem:
    where = pointer_of(path)
    return Problem(422, "invalid_request", f"{where or 'body'}: holds {what}.", pointer=where)
