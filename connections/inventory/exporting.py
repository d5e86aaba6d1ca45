"""The inventory under a query as a file: CSV or XLSX, each row with its newest entry.

Written to a temporary file first, so that `connection.exported` names the file's hash before
anybody has it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, Final

from django.conf import settings
from django.db.models import Q

from approvals import clock
from approvals.models import Person
from audit.actor import Actor
from audit.exports import xlsx
from audit.exports.manifest import build
from audit.ledger.rows import Cell, safe_cell
from audit.record import record
from connections import inventory, lookup, overview, scopes, standing
from connections.ibom import facts
from connections.ibom.facts import Proof
from connections.inventory.answering import Asked
from connections.inventory.asking import SOURCES, Query
from connections.models import ConnectedAccount
from connections.standing import Standing

_BATCH: Final = 400
_IN_MEMORY: Final = 4 * 1024 * 1024  # bytes; larger files wait on the disk, unlinked


@dataclass(frozen=True, slots=True)
class Row:
    """One account with what belongs to it."""

    account: ConnectedAccount
    owner: Person | None
    stands: Standing
    fit: inventory.Fit
    idle: bool
    proof: Proof | None


@dataclass(frozen=True, slots=True)
class File:
    """A file that is on the record; `body` is open at its beginning, nothing in `name` is from
    outside."""

    body: IO[bytes]
    name: str
    media_type: str
    size: int
    sha256: str  # hex
    event: str
    rows: int


def _stamp(name: str) -> Callable[[Row], Cell]:
    def read(row: Row) -> Cell:
        moment = getattr(row.account, name)
        return clock.stamp(moment) if moment else ""

    return read


def _link(what: str) -> Callable[[Row], Cell]:
    def read(row: Row) -> Cell:
        base = f"{settings.PORTAL_URL}/v1/audit/events"
        return f"{base}/{row.proof.event}/{what}" if row.proof else ""

    return read


COLUMNS: Final[Mapping[str, Callable[[Row], Cell]]] = {
    "account_id": lambda row: str(row.account.id),
    "auth0_id": lambda row: row.account.auth0_id,
    "service": lambda row: scopes.title(row.account.connection),
    "connection": lambda row: row.account.connection,
    "account": lambda row: row.account.named,
    "owner_name": lambda row: row.owner.name if row.owner else "",
    "owner_email": lambda row: row.owner.email if row.owner else "",
    "owner_sub": lambda row: row.account.sub,
    "owner_iss": lambda row: row.account.iss,
    "state": lambda row: str(row.stands.code),
    "state_since": lambda row: clock.stamp(row.stands.since) if row.stands.since else "",
    "state_reason": lambda row: row.stands.reason,
    "scopes": lambda row: " ".join(row.account.scopes),
    "scopes_excess": lambda row: " ".join(row.fit.excess),
    "scopes_missing": lambda row: " ".join(row.fit.missing),
    "connected_at": _stamp("connected_at"),
    "expires_at": _stamp("expires_at"),
    "watched_since": _stamp("watched_since"),
    "last_used_at": _stamp("last_used_at"),
    "last_agent": lambda row: row.account.last_agent,
    "last_skill": lambda row: row.account.last_skill,
    "used_by": lambda row: ", ".join(overview.user_names(row.account)),
    "idle": lambda row: "yes" if row.idle else "no",
    "told_by": lambda row: SOURCES.get(row.account.source, row.account.source),
    "told_at": _stamp("seen_at"),
    "entry_index": lambda row: row.proof.index if row.proof else None,
    "entry": _link("entry"),
    "proof": _link("proof"),
}


def _csv(rows: Iterator[Row]) -> Iterator[bytes]:
    def line(cells: Iterator[Cell]) -> bytes:
        text = io.StringIO()
        csv.writer(text).writerow([safe_cell(cell) for cell in cells])  # RFC 4180: CRLF
        return text.getvalue().encode("utf-8", "replace")

    yield line(iter(COLUMNS))
    for row in rows:
        yield line(read(row) for read in COLUMNS.values())


def _xlsx(rows: Iterator[Row]) -> Iterator[bytes]:
    pieces = ((xlsx.row(read(row) for read in COLUMNS.values()), 1) for row in rows)
    return xlsx.workbook(list(COLUMNS), pieces, "Connections")


FORMATS: Final[Mapping[str, tuple[str, Callable[[Iterator[Row]], Iterator[bytes]]]]] = {
    "csv": ("text/csv; charset=utf-8", _csv),
    "xlsx": (xlsx.MEDIA_TYPE, _xlsx),
}
"""Media type and writer by name."""


def export(actor: Actor, query: Query, format: str) -> File:
    """The accounts of a query that this person may see, newest known first, whatever the page.

    Raises:
        KeyError: no such format.
    """
    media_type, write = FORMATS[format]
    sees_all = bool(actor.roles & lookup.SEES_ALL)
    within = None if sees_all else Q(iss=actor.iss, sub=actor.sub)
    asked = inventory.ask(actor, query, clock.now(), within=within, every=True)
    counted = _Counted(_rows(asked))
    digest, size = hashlib.sha256(), 0
    body: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - handed on open
    for piece in write(counted):
        digest.update(piece)
        size += body.write(piece)
    body.seek(0)
    event = record(
        actor,
        "connection.exported",
        data={
            "format": format,
            "sha256": digest.hexdigest(),
            "bytes": size,
            "credentials": counted.count,
            "everybody": sees_all,
            "build": build(),
        },
        private={"filter": query.as_json(), "words": query.in_words()},
    )
    name = f"connections-{asked.now:%Y%m%dT%H%M%S}.{format}"
    return File(body, name, media_type, size, digest.hexdigest(), str(event), counted.count)


class _Counted(Iterator[Row]):
    """Rows, and how many there were."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows, self.count = rows, 0

    def __next__(self) -> Row:
        row = next(self._rows)
        self.count += 1
        return row


def _rows(asked: Asked) -> Iterator[Row]:
    """Every matching account, a batch at a time behind the last one's id."""
    last: Any = None
    while True:
        found = ConnectedAccount.objects.filter(asked.told.all()).order_by("-pk")
        if last is not None:
            found = found.filter(pk__lt=last)
        batch = list(found.prefetch_related("uses")[:_BATCH])
        yield from _batch(batch, asked)
        if len(batch) < _BATCH:
            return
        last = batch[-1].pk


def _batch(batch: list[ConnectedAccount], asked: Asked) -> Iterator[Row]:
    people = {(p.iss, p.sub): p for p in Person.objects.filter(sub__in={a.sub for a in batch})}
    proofs = facts.proofs([str(account.pk) for account in batch])
    declared = inventory.declared_scopes()
    for account in batch:
        yield Row(
            account,
            people.get((account.iss, account.sub)),
            standing.of(account, asked.ground, asked.now),
            inventory.fit(account.connection, account.scopes, declared),
            inventory.is_idle(account, asked.now),
            proofs.get(str(account.pk)),
        )
