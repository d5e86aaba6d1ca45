"""Handing out an Auth-IBOM: read, signed, and on the record before anybody has it."""

from __future__ import annotations

import hashlib
from datetime import datetime

from approvals.clock import stamp
from audit.ledger.format.canonical import canonical
from audit.recording.actors import Actor
from audit.recording.record import record
from connections.auth_ibom import document, fact_collection, signing


def export(
    actor: Actor, *, own: bool = False, size: int | None = None, moment: datetime | None = None
) -> tuple[bytes, str]:
    """The signed document of what this person may see, its exact bytes (RFC 8785) and a name for
    the file, in which nothing is from outside; `connection.exported` names its hash.

    Args:
        size: rebuild it from the first so many entries of the log; for those who may see all.
        moment: of those entries; when the last of them was recorded unless given.

    Raises:
        LedgerIdentityError: the log has no key to sign with.
    """
    found = (
        fact_collection.read(actor, own=own) if size is None else fact_collection.at(size, moment)
    )
    signed = signing.sign(document.build(found))
    body = canonical(signed)
    record(
        actor,
        "connection.exported",
        data={
            "profile": document.PROFILE,
            "serial": signed["serialNumber"],
            "sha256": hashlib.sha256(body).hexdigest(),
            "credentials": len(found.accounts),
            "everybody": found.whole,
            "rebuilt_from": found.size,
        },
    )
    taken = stamp(found.taken)[:19].replace("-", "").replace(":", "")
    return body, f"auth-ibom-{taken}.cdx.json"
