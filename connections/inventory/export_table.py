"""The inventory under a query as a file: CSV or XLSX, each row with its newest entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Final

from django.db.models import Q

from approvals import clock
from approvals.models import Person
from audit.exports.manifest import build
from audit.ledger.format.table_cells import Cell
from audit.recording.actors import Actor
from audit.recording.record import record
from connections import inventory, permissions
from connections.auth_ibom import fact_collection
from connections.auth_ibom.fact_collection import Proof
from connections.inventory import table_files
from connections.inventory.page_assembly import Asked
from connections.inventory.query_parameters import SOURCES, Query
from connections.inventory.table_files import File
from connections.models import ConnectedAccount
from connections.scopes import catalogue
from connections.status import account_status, facts_with_sources, member_overview
from connections.status.account_status import Standing

_BATCH: Final = 400


@dataclass(frozen=True, slots=True)
class Row:
    """One account with what belongs to it."""

    account: ConnectedAccount
    owner: Person | None
    stands: Standing
    fit: inventory.Fit
    idle: bool
    days_idle: int  # since the last use that was told, or since we watch
    proof: Proof | None


def _use_source(row: Row) -> Cell:
    if row.account.used_elsewhere:
        return facts_with_sources.SOURCES["tenant_log"]
    return facts_with_sources.SOURCES["broker"] if row.account.last_used_at else ""


def _elsewhere_by(row: Row) -> Cell:
    """Client ids, that of the last day first."""
    seen = sorted(row.account.seen.all(), key=lambda use: (use.day, use.pk), reverse=True)
    return " ".join(use.client_id for use in seen)


COLUMNS: Final[Mapping[str, Callable[[Row], Cell]]] = {
    "account_id": lambda row: str(row.account.id),
    "auth0_id": lambda row: row.account.auth0_id,
    "service": lambda row: catalogue.title(row.account.connection),
    "connection": lambda row: row.account.connection,
    "account": lambda row: row.account.named,
    "owner_name": lambda row: row.owner.name if row.owner else "",
    "owner_email": lambda row: row.owner.email if row.owner else "",
    "owner_sub": lambda row: row.account.sub,
    "owner_iss": lambda row: row.account.iss,
    "state": lambda row: str(row.stands.code),
    "state_since": lambda row: table_files.stamp(row.stands.since),
    "state_reason": lambda row: row.stands.reason,
    "scopes": lambda row: " ".join(row.account.scopes),
    "scopes_excess": lambda row: " ".join(row.fit.excess),
    "scopes_missing": lambda row: " ".join(row.fit.missing),
    "connected_at": lambda row: table_files.stamp(row.account.connected_at),
    "expires_at": lambda row: table_files.stamp(row.account.expires_at),
    "watched_since": lambda row: table_files.stamp(row.account.watched_since),
    "last_used_at": lambda row: table_files.stamp(row.account.last_used_at),
    "last_agent": lambda row: row.account.last_agent,
    "last_skill": lambda row: row.account.last_skill,
    "used_by": lambda row: ", ".join(member_overview.user_names(row.account)),
    "elsewhere_on": lambda row: str(row.account.elsewhere_on or ""),
    "elsewhere_by": _elsewhere_by,
    "last_use_told_by": _use_source,
    "days_idle": lambda row: row.days_idle,
    "idle": lambda row: "yes" if row.idle else "no",
    "told_by": lambda row: SOURCES.get(row.account.source, row.account.source),
    "told_at": lambda row: table_files.stamp(row.account.seen_at),
    "entry_index": lambda row: row.proof.index if row.proof else None,
    "entry": lambda row: table_files.link(row.proof, "entry"),
    "proof": lambda row: table_files.link(row.proof, "proof"),
}


def export(actor: Actor, query: Query, format: str) -> File:
    """The accounts of a query that this person may see, newest known first, whatever the page.

    Raises:
        KeyError: no such format.
    """
    sees_all, query = bool(actor.roles & permissions.SEES_ALL), query.naming(actor.sub)
    within = None if sees_all else Q(iss=actor.iss, sub=actor.sub)
    asked = inventory.ask(actor, query, clock.now(), within=within, every=True)
    file = table_files.write(COLUMNS, _rows(asked), format, "Connections")
    event = record(
        actor,
        "connection.exported",
        data=file.facts() | {"everybody": sees_all, "build": build()},
        private={"filter": query.as_json(), "words": query.in_words()},
    )
    return file.signed_by(str(event), f"connections-{asked.now:%Y%m%dT%H%M%S}.{format}")


def _rows(asked: Asked) -> Iterator[Row]:
    """Every matching account, newest known first, a batch at a time."""
    found = ConnectedAccount.objects.filter(asked.conditions.all()).order_by("-pk")
    rows = found.prefetch_related("uses", "seen").iterator(_BATCH)
    for batch in batched(rows, _BATCH):
        yield from _batch(batch, asked)


def _batch(batch: Sequence[ConnectedAccount], asked: Asked) -> Iterator[Row]:
    people = {(p.iss, p.sub): p for p in Person.objects.filter(sub__in={a.sub for a in batch})}
    proofs = fact_collection.proofs([str(account.pk) for account in batch])
    declared = inventory.declared_scopes()
    for account in batch:
        yield Row(
            account,
            people.get((account.iss, account.sub)),
            account_status.of(account, asked.ground, asked.now),
            inventory.fit(account.connection, account.scopes, declared),
            inventory.is_idle(account, asked.now),
            max(0, (asked.now - inventory.quiet_since(account)).days),
            proofs.get(str(account.pk)),
        )
