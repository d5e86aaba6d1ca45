"""Which passkeys the log has: enrolled by their owner, confirmed by another person, not revoked.

Outposts pin passkeys for a long time, so a row that somebody wrote into the database must not be
among them.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any

from approvals.models import Passkey
from audit.ledger.format.canonical import EntryError
from audit.models import Event, EventRow
from audit.models.search_row_and_rollup import ENROLMENTS
from audit.recording import enrolment_entry_lookup
from audit.recording.stored_event_loader import load


def counting(keys: Iterable[Passkey]) -> dict[str, bool]:
    """The passkeys that the log has as their rows do, by handle, and whether they approve for
    others; those that it does not have, or has revoked, are left out."""
    rows = {key.handle: key for key in keys}
    found: dict[str, bool] = {}
    revoked = _revoked()
    for event in _events(rows):
        handle = str((event["target"] or {}).get("name"))
        key = rows.get(handle)
        if key is not None and _is_of(event, key):
            by_another = event["data"].get("counts_for") == "others"
            found[handle] = found.get(handle, False) or by_another
    return {
        handle: by_another and rows[handle].approver_since is not None
        for handle, by_another in found.items()
        if rows[handle].credential_id not in revoked and rows[handle].revoked_at is None
    }


def _revoked() -> set[str]:
    """The credentials that the entries of the log have as revoked, search rows or not."""
    found = (one.document for one in enrolment_entry_lookup.of("passkey"))
    return {one["data"]["credential_id"] for one in found if one["action"] == "passkey.revoked"}


def _events(handles: Iterable[str]) -> Iterator[dict[str, Any]]:
    rows = EventRow.objects.filter(action__in=ENROLMENTS, target_name__in=list(handles))
    for event in rows.order_by("event").values_list("event", flat=True):
        try:
            yield load(event)
        except (EntryError, Event.DoesNotExist):
            continue  # `verify_ledger` names it


def _is_of(event: dict[str, Any], key: Passkey) -> bool:
    """Whether an enrolment is of this very key, of its owner, for the addresses of its row."""
    data, owner = event["data"], event["data"].get("owner")
    return (
        event["action"] == "passkey.enrolled"
        and isinstance(owner, dict)
        and (owner.get("iss"), owner.get("sub")) == (key.person.iss, key.person.sub)
        and data.get("credential_id") == key.credential_id
        and data.get("public_key") == b64encode(bytes(key.public_key)).decode()
        and data.get("rp_id") == key.rp_id
        and data.get("origins") == list(key.origins)
    )
