"""Deliveries that hold what is no log entry: kept for a person to look at, and recorded."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from audit.importing import foreign_json
from audit.importing.secret_masking import mask
from audit.models import QuarantinedRow
from audit.recording.actors import SYSTEM, Target
from audit.recording.record import record
from connections.models import Feed
from connections.tenant_log.entry_parsing import Malformed

INSTANCE = "auth0"
TABLE = "tenant_log"
MOST = 100
"""So many items of one delivery are kept; the event counts all and covers all by its digest."""

_LONGEST = 16_384


def keep(feed: Feed, bad: Sequence[Malformed], now: datetime) -> None:
    """Set items aside, in the caller's transaction; what was set aside before is said once."""
    rows = [_row(item, now) for item in bad]
    if not rows:
        return
    known = _kept({bytes(row.digest) for row in rows})
    fresh = [row for row in rows if bytes(row.digest) not in known]
    if not fresh:
        return
    whole = hashlib.sha256(b"".join(bytes(row.digest) for row in fresh))
    event = record(
        SYSTEM,
        "audit.quarantined",
        source="auth0",
        instance=INSTANCE,
        target=Target("tenant_log", feed.value, INSTANCE),
        data={
            "rows": len(fresh),
            "reasons": dict(sorted(Counter(row.reason for row in fresh).items())),
            "rows_digest": whole.hexdigest(),
            "listed": min(len(fresh), MOST),
        },
    )
    for row in fresh:
        row.event = event.id
    QuarantinedRow.objects.bulk_create(fresh[:MOST], ignore_conflicts=True)


def _kept(digests: set[bytes]) -> set[bytes]:
    rows = QuarantinedRow.objects.filter(instance=INSTANCE, table=TABLE, digest__in=digests)
    return {bytes(digest) for digest in rows.values_list("digest", flat=True)}


def _row(item: Malformed, now: datetime) -> QuarantinedRow:
    content = foreign_json.loggable(item.content)
    text = json.dumps(content, sort_keys=True)
    digest = hashlib.sha256(text.encode()).digest()
    if len(text) > _LONGEST:
        content = {"text": text[:_LONGEST]}
    if not isinstance(content, dict):
        content = {"item": content}
    return QuarantinedRow(
        instance=INSTANCE,
        table=TABLE,
        row_id=mask(item.log_id) or f"sha256:{digest.hex()[:16]}",
        reason=item.reason,
        detail=item.detail,
        digest=digest,
        size=item.size,
        content=mask(content),
        seen=now,
    )
