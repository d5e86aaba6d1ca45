"""A request that passed the checks, and what is answered to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """One request that passed the checks."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    body: Any
    raw: bytes
    request_id: str


@dataclass(frozen=True, slots=True)
class Reply:
    """Status and body: JSON, or plain text where `text` is set."""

    status: int
    body: Any = None
    text: str | None = None


class BadRequest(Exception):
    """A request that is answered 400 with this text."""
