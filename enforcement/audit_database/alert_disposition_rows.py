"""Alerts that somebody acknowledged or dismissed in a gateway's own list (v8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from enforcement.audit_database.open_read_only import columns_of, connected
from enforcement.audit_database.time_texts import moment

_LAST: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Disposition:
    """What somebody did with an alert; `actor` is what the row claims."""

    disposition: str  # acknowledged | dismissed
    actor: str
    at: datetime


def of_alerts(path: Path, alerts: Sequence[str]) -> dict[str, Disposition]:
    """The newest of each of these alerts, by its id; none where the gateway keeps none.

    Raises:
        SourceUnreadable: the database cannot be read now.
    """
    with connected(path) as source:
        if not columns_of(source, "alert_acknowledgement_operations"):
            return {}
        rows = source.execute(
            "SELECT alert_id, requested_disposition, actor, created_at FROM "  # noqa: S608  # marks only
            "alert_acknowledgement_operations WHERE outcome = 'applied' AND alert_id IN "
            f"({', '.join('?' * len(alerts))}) ORDER BY rowid",
            tuple(alerts),
        )
        return {
            str(alert): Disposition(str(so), str(actor), moment(at, _LAST))
            for alert, so, actor, at in rows
        }
