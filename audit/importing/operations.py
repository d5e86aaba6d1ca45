"""Our own operations, by which a DefenseClaw row that repeats our request id is recognised.

Enforcement sends the operation id as `X-DefenseClaw-Request-Id`, and DefenseClaw stores it as
`request_id`. Anybody who can write to DefenseClaw can copy an id, so the row must also be about
the very target of the operation.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from audit import load
from audit.models import EventRow


@dataclass(frozen=True, slots=True)
class Known:
    """Who began an operation of ours."""

    operation: str
    iss: str
    sub: str
    name: str
    email: str


class Operations:
    """Operations recorded so far, read once."""

    def __init__(self) -> None:
        self._events: dict[str, dict[str, UUID]] = defaultdict(dict)
        rows = EventRow.objects.filter(source="portal").exclude(operation="")
        for operation, target, event in (
            rows.order_by("recorded_at").values_list("operation", "target_name", "event").iterator()
        ):
            self._events[operation].setdefault(target, event)
        self._known = lru_cache(maxsize=1024)(_who)

    def find(self, request: str, target: str) -> Known | None:
        """The operation that a row with this request id and target was caused by."""
        event = self._events.get(request, {}).get(target) if request and target else None
        return None if event is None else self._known(request, event)


def _who(operation: str, event: UUID) -> Known:
    actor = load.load(event)["actor"]
    shown = {k: v if isinstance(v, str) else "" for k, v in actor.items()}
    return Known(operation, shown["iss"], shown["sub"], shown["name"], shown["email"])
