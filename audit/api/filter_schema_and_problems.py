"""Filters in requests of `/v1`: mistakes become problems that name the nearest that would work."""

from __future__ import annotations

from typing import Any

from api.problems import Problem, pointer_of, printable
from audit.ledger.query import KEYS, EventQuery
from audit.ledger.query.filter_keys import MAX_VALUE


def check(query: EventQuery, prefix: str = "") -> None:
    """Refuse a filter with mistakes; `prefix` is where in the request the filter is.

    Raises:
        Problem: 422 `unknown_filter` or `bad_filter`, with pointer and nearest of the first, and
            all of them in `errors`.
    """
    if not query.errors:
        return
    first = query.errors[0]
    raise Problem(
        422,
        "bad_filter" if first.key in KEYS else "unknown_filter",
        printable(f"{first.message}."),
        pointer=prefix + pointer_of([first.key] if first.key else []),
        nearest=first.nearest or None,
        errors=[
            {
                "key": printable(e.key),
                "message": printable(e.message),
                "nearest": e.nearest or None,
            }
            for e in query.errors
        ],
    )


def parameters() -> list[dict[str, Any]]:
    """The filter language as query parameters of the OpenAPI document."""
    found = []
    for sign in ("", "-"):
        for name, key in KEYS.items():
            if sign and key.paging:
                continue
            said = f"Not {name}" if sign else f"Only {name}; repeat for OR"
            found.append(
                {
                    "in": "query",
                    "name": f"{sign}{name}",
                    "required": False,
                    "description": said,
                    "schema": value_schema(name) if key.paging else _several(name),
                    "explode": True,
                }
            )
    return found


def filter_schema() -> dict[str, Any]:
    """The filter object of a body: the same keys, each with a value or a list of values."""
    names = [*KEYS, *(f"-{name}" for name, key in KEYS.items() if not key.paging)]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name: {"anyOf": [value_schema(name.removeprefix("-")), _several(name)]}
            for name in names
        },
    }


def _several(name: str) -> dict[str, Any]:
    return {"type": "array", "items": value_schema(name.removeprefix("-")), "maxItems": 20}


def value_schema(name: str) -> dict[str, Any]:
    """What one value of a key looks like; actions are a closed set that `/v1/docs` lists."""
    if choices := KEYS[name].choices:
        return {"type": "string", "enum": list(choices)}
    if name in {"after", "before"}:
        return {"type": "string", "anyOf": [{"format": "date-time"}, {"format": "date"}]}
    if name == "category":
        return {"type": "string", "pattern": r"^[a-z][a-z0-9_]*$"}
    if name == "action":
        return {"type": "string", "pattern": r"^[a-z][a-z0-9_]*(\.[A-Za-z0-9_:-]+)*(\.\*)?$"}
    return {"type": "string", "minLength": 1, "maxLength": MAX_VALUE}
