"""Rich authorization requests: what `authorization_details` may hold and how a phone shows it.

Source: RFC 9396; limits from Auth0 docs, "Configure rich authorization requests".
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from local.tenant.oauth.errors import OAuthError

MAX_BYTES: Final = 5 * 1024
MAX_OBJECTS: Final = 5
MAX_PROPERTIES: Final = 10
MAX_LENGTH: Final = 255
MAX_DEPTH: Final = 5
GUARDIAN_PREFIX: Final = "urn:auth0:schemas:authorization-details:v1:"

_NAME = re.compile(r"[A-Za-z0-9_.-]+\Z")

type Detail = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One line under the question on the phone."""

    name: str
    value: str
    description: str = ""
    evidence: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """What the phone shows of one request: a sentence and its rows, in display order."""

    instruction: str
    rows: tuple[Row, ...] = ()
    kind: str = ""


def parse(raw: str, registered: Collection[str]) -> list[Detail]:
    """The objects of an `authorization_details` parameter.

    Args:
        raw: the parameter as sent, a JSON array of objects.
        registered: the types that the API named by `audience` has registered.

    Raises:
        OAuthError: 400 `invalid_authorization_details`, naming the rule that was broken.
    """
    if len(raw.encode()) > MAX_BYTES:
        raise _refused(f"authorization_details must not exceed {MAX_BYTES} bytes")
    try:
        details = json.loads(raw)
    except (ValueError, RecursionError):
        raise _refused("authorization_details must be a valid JSON array") from None
    if not isinstance(details, list) or not details:
        raise _refused("authorization_details must be a non-empty JSON array of objects")
    if len(details) > MAX_OBJECTS:
        raise _refused(f"authorization_details must not hold more than {MAX_OBJECTS} objects")
    for detail in details:
        _check_detail(detail, registered)
    return details


def _check_detail(detail: object, registered: Collection[str]) -> None:
    if not isinstance(detail, dict) or not isinstance(detail.get("type"), str):
        raise _refused("each authorization_details object must have a type")
    if detail["type"] not in registered:
        raise _refused(
            f"authorization_details type {detail['type']!r} is not registered on the API"
        )
    for problem in _problems(detail, depth=1):
        raise _refused(problem)


def _problems(value: object, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        yield f"authorization_details must not nest deeper than {MAX_DEPTH} levels"
    elif isinstance(value, dict):
        if len(value) > MAX_PROPERTIES:
            yield f"an authorization_details object must not have over {MAX_PROPERTIES} properties"
        for name, inner in value.items():
            if len(name) > MAX_LENGTH or not _NAME.match(name):
                yield f"authorization_details property name {name[:40]!r} is not allowed"
            yield from _problems(inner, depth + isinstance(inner, dict | list))
    elif isinstance(value, list):
        for inner in value:
            yield from _problems(inner, depth + isinstance(inner, dict | list))
    elif len(str(value)) > MAX_LENGTH:
        yield f"authorization_details values must not exceed {MAX_LENGTH} characters"


def asks(details: list[Detail]) -> tuple[Ask, ...]:
    """The requests as a person reads them.

    Guardian's own types (prefix `urn:auth0:schemas:authorization-details:v1:`) carry a sentence
    and properties with a display order; any other type is shown as plain names and values.
    """
    return tuple(
        _guardian(d) if d["type"].startswith(GUARDIAN_PREFIX) else _plain(d) for d in details
    )


def _guardian(detail: Detail) -> Ask:
    properties = detail.get("properties")
    shown: list[tuple[int, Row]] = []
    for key, body in properties.items() if isinstance(properties, dict) else ():
        if not isinstance(body, dict):
            shown.append((MAX_PROPERTIES, _row(key, body)))
        elif body.get("display", True):
            order = body.get("display_order", MAX_PROPERTIES)
            row = _row(key, body.get("value", ""), body.get("name"), body.get("description"))
            shown.append((order if isinstance(order, int) else MAX_PROPERTIES, row))
    shown.sort(key=lambda pair: pair[0])
    kind = detail["type"].removeprefix(GUARDIAN_PREFIX)
    instruction = detail.get("instruction") or f"Approve {kind}?"
    return Ask(str(instruction), tuple(row for _, row in shown), kind)


def _plain(detail: Detail) -> Ask:
    rows = tuple(_row(key, value) for key, value in detail.items() if key != "type")
    return Ask(f"Approve {detail['type']}?", rows, detail["type"])


def _row(key: str, value: object, name: object = None, description: object = None) -> Row:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    evidence = bool(re.fullmatch(r"[0-9a-f]{32,}", text))
    return Row(
        str(name or key.replace("_", " ").capitalize()), text, str(description or ""), evidence
    )


def _refused(description: str) -> OAuthError:
    return OAuthError(400, "invalid_authorization_details", description)
