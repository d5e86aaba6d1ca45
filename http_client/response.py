"""A complete answer of another system, before anyone believes what it says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from http_client.errors import BadAnswer
from http_client.json_fields import Fields, as_fields, parse_json


@dataclass(frozen=True, slots=True)
class Answer:
    """One complete answer, of any status. Its repr never shows the body."""

    operation: str
    host: str
    status: int
    headers: httpx.Headers
    body: bytes

    def __repr__(self) -> str:
        return f"Answer({self.operation}, {self.status}, {len(self.body)} bytes)"

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def json(self) -> object:
        """The body as strict JSON; raises BadAnswer if it is anything else."""
        try:
            return parse_json(self.body)
        except ValueError as problem:
            raise BadAnswer(self.operation, self.host, str(problem)) from None

    def fields(self) -> Fields:
        """The body as one JSON object."""
        return as_fields(self.json(), self.operation, self.host)

    def items(self) -> tuple[Fields, ...]:
        """The body as one JSON list of objects."""
        listed = self.json()
        if not isinstance(listed, list):
            raise BadAnswer(self.operation, self.host, "must be a list")
        return tuple(
            as_fields(item, self.operation, self.host, f"[{index}]")
            for index, item in enumerate(listed)
        )

    def retry_after(self) -> float | None:
        """Seconds asked for by Retry-After (RFC 9110 section 10.2.3), None if absent or odd; a day
        at most, since a server that asks for more is mistaken or means harm."""
        asked = _seconds(self.headers.get("retry-after", ""))
        return None if asked is None else min(asked, 86_400.0)


def _seconds(value: str) -> float | None:
    value = value.strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    if at.tzinfo is None:
        return None
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
