"""Alerts that somebody acknowledged or dismissed at DefenseClaw itself, without naming a person.

DefenseClaw stores a constant (`cli:operator`) as who did it, and anybody with the gateway's token
can do it. So the finding is shown as acknowledged there and goes on counting for severities, also
where it was dismissed: that takes a person here. No request about it is withdrawn or left out.
"""

from __future__ import annotations

import re
from datetime import datetime
from itertools import batched
from pathlib import Path
from typing import Final

from django.db import transaction

from audit.recording.actors import SYSTEM, Target
from audit.recording.record import record
from enforcement.audit_database import alert_disposition_rows
from enforcement.audit_database.alert_disposition_rows import Disposition
from enforcement.models import Finding, FindingStatus

NOT_NAMED: Final = " at DefenseClaw, not by a named person"
"""How `Finding.status_by` ends where nobody is named."""
_DISMISSED: Final = (
    "It was dismissed in DefenseClaw's own list. Here it counts until a named person dismisses it."
)
_ACTOR: Final = re.compile(r"[A-Za-z0-9_:.@|-]{1,60}")


def take(database: Path, instance: str, now: datetime) -> None:
    """Read what was disposed of among the findings of a gateway that are open here.

    Raises:
        SourceUnreadable: its audit database cannot be read now.
    """
    waiting = Finding.objects.filter(instance=instance, status=FindingStatus.OPEN)
    for some in batched(waiting.exclude(alert_id="").select_related("scan"), 500):
        disposed = alert_disposition_rows.of_alerts(database, [one.alert_id for one in some])
        for finding in some:
            if (found := disposed.get(finding.alert_id)) is not None:
                _note(finding, found, now)


@transaction.atomic(durable=True)
def _note(finding: Finding, found: Disposition, now: datetime) -> None:
    actor = found.actor if _ACTOR.fullmatch(found.actor) else "somebody"
    changed = Finding.objects.filter(pk=finding.pk, status=FindingStatus.OPEN).update(
        status=FindingStatus.ACKNOWLEDGED,
        status_at=now,
        status_by=f"{actor}{NOT_NAMED}",
        status_reason=_DISMISSED if found.disposition == "dismissed" else "",
    )
    if not changed or found.at < finding.scan.at:  # from before the gateway was first read
        return
    record(
        SYSTEM,
        f"defenseclaw.alert_{found.disposition}",
        source="defenseclaw",
        instance=finding.instance,
        target=Target("alert", finding.finding_id, finding.instance),
        data={"finding": finding.finding_id, "disposition": found.disposition},
        private={"title": finding.title, "claimed_by": actor},
        time=min(found.at, now),
    )
