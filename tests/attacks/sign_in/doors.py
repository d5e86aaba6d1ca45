"""Every route of the portal, read from its URLconf, so that a new one cannot escape these tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
_SAMPLES = {
    "public_id": "0123456789abcdef",
    "need_id": "1",
    "person_id": "1",
    "row_id": "1",
    "pk": "1",
    "size": "1",
    "subject": "0" * 64,
    "connection": "github",
    "kind": "skill",
    "name": "pdf-exfil",
    "tile": "tile/0/000",
    "connection_id": "11111111-1111-4111-8111-111111111111",
}
_SOME_ID = "11111111-1111-4111-8111-111111111111"


@dataclass(frozen=True)
class Door:
    """One route: its pattern, a path that it matches, and what answers there."""

    pattern: str
    path: str
    view: Any

    def __str__(self) -> str:
        return "/" + self.pattern


def doors() -> list[Door]:
    """All of them, each pattern once."""
    found = {pattern: Door(pattern, _path(pattern), view) for pattern, view in _walk()}
    assert len(found) > 60
    return list(found.values())


def _walk(resolver: URLResolver | None = None, before: str = "") -> Iterator[tuple[str, Any]]:
    for entry in (resolver or get_resolver()).url_patterns:
        pattern = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _walk(entry, pattern)
        elif isinstance(entry, URLPattern):
            yield pattern, entry.callback


def _path(pattern: str) -> str:
    def sample(match: re.Match[str]) -> str:
        return _SAMPLES.get(match[1], _SOME_ID)

    return "/" + _PARAMETER.sub(sample, pattern)
