"""Tenant logs by checkpoint: ordered by log id, at least once, kept as long as the plan says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, urlsplit

from auth0_client.management_api.transport import Budget, budget
from http_client.response import Answer

_NEXT: Final = re.compile(r'<([^<>]{1,4096})>\s*;[^,<]*\brel="?next"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LogPage:
    """One page of raw log events, oldest first in checkpoint mode.

    ``next_from`` is where to go on in checkpoint mode; an empty page repeats the old place.
    """

    entries: tuple[Mapping[str, object], ...] = field(repr=False)
    next_from: str | None
    budget: Budget


def read_page(answer: Answer) -> LogPage:
    """A page of a search; each entry must have at least a ``log_id`` (or ``_id``), a ``type``."""
    items = answer.items()
    ids = [item.optional_text("log_id", limit=256) or item.text("_id", limit=256) for item in items]
    for item in items:
        item.text("type", limit=128)
    entries = tuple(
        {**item.values, "log_id": log_id} for item, log_id in zip(items, ids, strict=True)
    )
    return LogPage(entries, None, budget(answer))


def read_items(answer: Answer, asked_from: str) -> LogPage:
    """A page whose entries are handed on as they came, so that one odd entry hides no other.

    The next checkpoint is the Link header's, else the id of the last entry that has one, else
    ``asked_from``.
    """
    items = answer.items()
    ids = [i for item in items if isinstance(i := item.values.get("log_id"), str) and i]
    following = _link_from(answer) or (ids[-1] if ids else asked_from)
    return LogPage(tuple(item.values for item in items), following, budget(answer))


def _link_from(answer: Answer) -> str | None:
    for link in _NEXT.finditer(answer.headers.get("link", "")):
        try:
            found = parse_qs(urlsplit(link.group(1)).query).get("from")
        except ValueError:
            continue
        if found:
            return found[0]
    return None
