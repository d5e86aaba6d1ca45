"""Reading the audit trail in tests."""

from __future__ import annotations

from typing import Any

from audit.models import EventRow
from audit.search.event_search import publics


def events(action: str = "") -> list[dict[str, Any]]:
    """Public events, oldest first; of one action or of all."""
    rows = EventRow.objects.order_by("event")
    return publics(list(rows.filter(action=action) if action else rows))
