"""The enrolment directory: which passkeys a verifier may trust, and from when to when.

The document is what `ata verify --passkeys FILE` reads. Revoked keys stay in it: what they signed
before is as true as it was.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any, Final

from approvals.models import Passkey
from approvals.passkeys import queries
from audit.ledger import passkey_assertions
from audit.models import EventRow

SCHEMA: Final = "ata.passkeys.v1"


def trusted() -> dict[str, passkey_assertions.Passkey]:
    """Every passkey that was ever enrolled, by credential id."""
    return {key.credential_id: as_trusted(key) for key in queries.everybody()}


def as_trusted(key: Passkey) -> passkey_assertions.Passkey:
    """A row as the verifier knows it."""
    return passkey_assertions.Passkey(
        public_key=bytes(key.public_key),
        iss=key.person.iss,
        sub=key.person.sub,
        rp_id=key.rp_id,
        origins=frozenset(key.origins),
        enrolled_at=key.enrolled,
        revoked_at=key.revoked_at,
        approver_since=key.approver_since,
    )


def document() -> dict[str, Any]:
    """The trust file as JSON, oldest key first. Times are RFC 3339 in UTC."""
    found = list(queries.everybody())
    events = _events(found)
    return {"schema": SCHEMA, "passkeys": [_entry(key, events) for key in found]}


def _entry(key: Passkey, events: dict[tuple[str, str], str]) -> dict[str, Any]:
    return {
        "id": key.credential_id,
        "public_key": b64encode(key.public_key).decode(),
        "iss": key.person.iss,
        "sub": key.person.sub,
        "rp_id": key.rp_id,
        "origins": list(key.origins),
        "name": key.name,
        "enrolled_at": _exact(key.enrolled),
        "enrolled_event": events.get((key.enrolled_by, "passkey.enrolled")),
        "approver_since": _exact(key.approver_since),
        "approver_event": events.get((key.confirmed_by, "passkey.enrolled")),
        "revoked_at": _exact(key.revoked_at),
        "revoked_event": events.get((key.revoked_by, "passkey.revoked")),
    }


def _exact(moment: datetime | None) -> str | None:
    """To the microsecond: what was signed in the second of a revocation is before or after it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None


def _events(found: list[Passkey]) -> dict[tuple[str, str], str]:
    """Ids of the events that tell of these keys, by operation and action; one query."""
    operations = {
        operation
        for key in found
        for operation in (key.enrolled_by, key.confirmed_by, key.revoked_by)
        if operation
    }
    rows = EventRow.objects.filter(operation__in=operations, family="passkey")
    return {(row.operation, row.action): str(row.event) for row in rows}
