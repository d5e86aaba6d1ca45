"""Evidence leaves the store: who may read a body, and the event that each reading leaves.

A body goes to auditors and to the person it is about; a snapshot of an issuer's public keys to
everybody who reads the trail. A token goes to nobody before it has expired.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from itertools import batched

from django.db import transaction

from audit import packs
from audit.evidence import storage
from audit.evidence.storage import EvidenceMissing
from audit.models import EvidenceItem
from audit.packs import Built, Selection
from audit.recording.actors import Actor, Target
from audit.recording.record import record

_READERS = frozenset({"auditor"})
_OF_ONE_EVENT = 300
"""Bodies that one event names; more make further events."""

LABELS = {
    "id_token": "sign-in token",
    "approval_token": "approval token",
    "issuer_keys": "issuer's keys",
    "issuer_discovery": "issuer's discovery document",
    "assertion": "passkey assertion",
    "acknowledgement": "acknowledgement",
}


def may_read(reader: Actor, item: EvidenceItem) -> bool:
    """Whether the body of an item is this reader's to read."""
    own = bool(item.subject) and item.subject == reader.key
    return own or not item.subject or bool(reader.roles & _READERS)


def read(reader: Actor, item: EvidenceItem, now: datetime) -> bytes:
    """Hand a body to somebody who may read it; records `evidence.read`, naming kind and digest.

    Raises:
        NotReleasable: it is a token that has not expired yet; nothing is recorded.
        EvidenceError: there is nothing to hand out; nothing is recorded.
        PermissionError: it is not theirs to read.
    """
    if not may_read(reader, item):
        raise PermissionError(f"evidence {item.digest} is about someone else")
    body = storage.release(item.digest, now)
    record(
        reader,
        "evidence.read",
        target=Target("evidence", item.digest[:16]),
        data={"kind": item.kind, "digest": item.digest},
    )
    return body


def find(digest: str) -> EvidenceItem:
    """The item of a digest.

    Raises:
        EvidenceMissing: there is none.
    """
    item = EvidenceItem.objects.filter(digest=digest).first()
    if item is None:
        raise EvidenceMissing(f"no evidence {digest[:64]} is stored")
    return item


def pack(reader: Actor, selection: Selection, now: datetime) -> Built:
    """A pack for somebody, with the bodies that are theirs to read; nothing is recorded yet.

    Raises:
        NothingToPack, TooMany, AlteredEntry: as `packs.build`.
    """
    return packs.build(selection, now, lambda item: may_read(reader, item))


def outlook(reader: Actor, selection: Selection, now: datetime) -> packs.Outlook:
    """What a pack made now for this reader would not prove; nothing is recorded."""
    return packs.outlook(selection, now, lambda item: may_read(reader, item))


def hand_out(reader: Actor, selection: Selection, built: Built) -> None:
    """Record that a pack is downloaded: `audit.exported`, and `evidence.read` for its bodies."""
    digest = hashlib.sha256(built.body).hexdigest()
    with transaction.atomic():
        record(
            reader,
            "audit.exported",
            data={
                "format": "pack",
                "count": len(built.indices),
                "bytes": len(built.body),
                "sha256": digest,
                "tree_size": built.tree_size,
            },
            private={"about": selection.about, "words": selection.words},
        )
        record_bodies(reader, digest, built.bodies)


def record_bodies(reader: Actor, pack: str, bodies: Sequence[tuple[str, str]]) -> None:
    """Record `evidence.read` for bodies that are downloaded in a pack, by its hex SHA-256."""
    target = Target("evidence pack", pack[:16])
    for some in batched(bodies, _OF_ONE_EVENT):
        named = [{"kind": kind, "digest": digest} for kind, digest in some]
        record(reader, "evidence.read", target=target, data={"pack": pack, "bodies": named})
