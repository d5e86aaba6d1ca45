"""Consents and refresh tokens of applications as a file, each row with its newest entry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Final

from django.db.models import QuerySet

from approvals import clock
from approvals.models import Person
from audit.exports.manifest import build
from audit.ledger.format.table_cells import Cell
from audit.recording.actors import Actor
from audit.recording.record import record
from connections import permissions
from connections.application_grants import consent_and_token_search
from connections.auth_ibom import fact_collection
from connections.auth_ibom.fact_collection import Proof
from connections.inventory import table_files
from connections.inventory.query_parameters import SOURCES
from connections.inventory.table_files import File
from connections.models import AccessKind, AppAccess

_BATCH: Final = 400


@dataclass(frozen=True, slots=True)
class Row:
    """One consent or refresh token with what belongs to it."""

    access: AppAccess
    owner: Person | None
    proof: Proof | None


def _use_known(row: Row) -> Cell:
    if row.access.last_used_at is not None:
        return "yes"
    # Auth0 tells when a refresh token was exchanged, and of a consent no use at all.
    return "never exchanged" if row.access.kind == AccessKind.REFRESH_TOKEN else "not told"


COLUMNS: Final[table_files.Columns[Row]] = {
    "access_id": lambda row: str(row.access.id),
    "kind": lambda row: str(row.access.kind),
    "auth0_id": lambda row: row.access.auth0_id,
    "application": lambda row: row.access.application,
    "client_id": lambda row: row.access.client_id,
    "owner_name": lambda row: row.owner.name if row.owner else "",
    "owner_email": lambda row: row.owner.email if row.owner else "",
    "owner_sub": lambda row: row.access.sub,
    "owner_iss": lambda row: row.access.iss,
    "state": lambda row: str(row.access.state),
    "state_since": lambda row: table_files.stamp(row.access.state_since),
    "state_reason": lambda row: row.access.detail,
    "audiences": lambda row: " ".join(row.access.audiences),
    "scopes": lambda row: " ".join(row.access.scopes),
    "created_at": lambda row: table_files.stamp(row.access.created_at),
    "expires_at": lambda row: table_files.stamp(row.access.expires_at),
    "last_used_at": lambda row: table_files.stamp(row.access.last_used_at),
    "use_told": _use_known,
    "first_seen": lambda row: table_files.stamp(row.access.first_seen),
    "told_by": lambda _row: SOURCES["management"],
    "told_at": lambda row: table_files.stamp(row.access.seen_at),
    "entry_index": lambda row: row.proof.index if row.proof else None,
    "entry": lambda row: table_files.link(row.proof, "entry"),
    "proof": lambda row: table_files.link(row.proof, "proof"),
}


def export(actor: Actor, words: str, format: str) -> File:
    """What this person may see under the words, newest known first.

    Raises:
        KeyError: no such format.
    """
    sees_all, now = bool(actor.roles & permissions.SEES_ALL), clock.now()
    found = consent_and_token_search.found(actor, words, everybody=sees_all)
    file = table_files.write(COLUMNS, _rows(found), format, "Applications")
    event = record(
        actor,
        "connection.exported",
        data=file.facts()
        | {"what": consent_and_token_search.WHAT, "everybody": sees_all, "build": build()},
        private={
            "filter": {"q": words} if words else {},
            "words": consent_and_token_search.in_words(words),
        },
    )
    return file.signed_by(
        str(event), f"{consent_and_token_search.WHAT}-{now:%Y%m%dT%H%M%S}.{format}"
    )


def _rows(found: QuerySet[AppAccess]) -> Iterator[Row]:
    """All of them, newest known first, a batch at a time."""
    for batch in batched(found.order_by("-pk").iterator(_BATCH), _BATCH):
        yield from _batch(batch)


def _batch(batch: Sequence[AppAccess]) -> Iterator[Row]:
    people = {(p.iss, p.sub): p for p in Person.objects.filter(sub__in={a.sub for a in batch})}
    proofs = fact_collection.proofs_of_access([str(access.pk) for access in batch])
    for access in batch:
        yield Row(access, people.get((access.iss, access.sub)), proofs.get(str(access.pk)))
