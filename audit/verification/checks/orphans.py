"""Rows that belong to no entry; cosignatures, time tokens and tags that are not what they say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, OuterRef

from audit.keys.log_identity import LedgerIdentityError
from audit.ledger import cosignature, time_tokens
from audit.ledger.note import NoteError, VerifierKey, parse
from audit.ledger.time_tokens import TimestampError
from audit.models import (
    Checkpoint,
    Cosignature,
    Entry,
    Event,
    EventRow,
    ImportedRow,
    Openings,
    RepeatedTag,
    TimeToken,
)
from audit.proofs import timestamping
from audit.verification.checks import first_rows_by_decision_tag
from audit.verification.report import Findings
from audit.witnesses.configuration import configured

_SHOWN = 10
_READ = 500  # of them in memory
_NEWEST, _SHARE = 50, 200  # of them in one round
_ARRIVES_S = 3600.0


def rows(findings: Findings) -> None:
    """Report search rows, openings and memories of imports that have no event."""
    event = Event.objects.filter(id=OuterRef("event"))
    unknown = EventRow.objects.filter(~Exists(event)).values_list("seq", "event")
    for seq, id in unknown[:_SHOWN]:
        findings.add("projection", "a search row has no event", seq, id)
    for what, model in (("opening", Openings), ("import", ImportedRow)):
        for id in model.objects.filter(~Exists(event)).values_list("event", flat=True)[:_SHOWN]:
            findings.add(what, f"a row of {model._meta.db_table} is about no event: {id}", None, id)
    place = Entry.objects.filter(seq=OuterRef("seq"), event=OuterRef("event"))
    placed = EventRow.objects.filter(~Exists(place), seq__isnull=False)
    for seq, id in placed.values_list("seq", "event")[:_SHOWN]:
        message = f"a search row says seq={seq}, where another event or none is"
        findings.add("projection", message, seq, id)


def papers(findings: Findings) -> None:
    """Report cosignatures, time tokens and decision tags that do not hold; a few in memory."""
    for model, problem in _PAPERS:
        rows = model.objects.order_by("id")
        _judge(findings, rows.iterator(chunk_size=_READ), problem())


@dataclass(slots=True)
class Share:
    """The newest cosignatures, time tokens and decision tags, and the next share of the older.

    Each was verified when it arrived. Rounds go on from one share to the next, so that the work of
    one stays the same however many there are, and stay at one in which something does not hold.
    """

    behind: dict[str, int] = field(default_factory=dict)  # last id by table

    def check(self, findings: Findings) -> None:
        """Report those of this share that do not hold, and move on."""
        for model, problem in _PAPERS:
            table = model._meta.db_table
            newest = list(model.objects.order_by("-id")[:_NEWEST])
            after = self.behind.get(table, 0)
            older = list(model.objects.filter(id__gt=after).order_by("id")[:_SHARE])
            rows = {row.pk: row for row in (*older, *newest)}
            before = findings.count
            _judge(findings, rows.values(), problem())
            if findings.count == before:
                self.behind[table] = older[-1].pk if len(older) == _SHARE else 0


def _judge(findings: Findings, rows: Iterable[Any], problem: Callable[[Any], str]) -> None:
    for row in rows:
        if wrong := problem(row):
            code, name = _NAMES[type(row)]
            findings.add(code, f"{name} {row.pk} {wrong}")


def _witnesses() -> Collection[VerifierKey]:
    """The keys of the portal's own policy."""
    try:
        policy = configured().policy
    except LedgerIdentityError:  # said elsewhere
        return ()
    return policy.witnesses.values() if policy else ()


def _cosignature(row: Cosignature, witnesses: Collection[VerifierKey]) -> str:
    """What is wrong with a cosignature. Whether its key is to be believed is for others to say."""
    note = Checkpoint.objects.filter(size=row.size, root=row.root).values_list("note", flat=True)
    text = note.first()
    if text is None:
        return "is of a tree that we never signed"
    try:
        cosigned = parse(f"{text.partition('\n\n')[0]}\n\n{row.line}\n")
    except NoteError as error:
        return f"cannot be read: {error}"
    signatures = cosigned.signatures
    try:  # verifiers refuse a note with a bad signature of somebody they trust
        cosignature.verify(cosigned, witnesses)
    except NoteError as error:
        return f"does not hold: {error}"
    if [signature.name for signature in signatures] != [row.name]:
        return "is filed under another name"
    # cosignature/v1: the time of signing, 8 bytes, before the signature (C2SP tlog-cosignature).
    signed = int.from_bytes(signatures[0].value[:8])
    late = abs(row.created.timestamp() - signed) > _ARRIVES_S
    return "was kept at another time than it was signed" if late else ""


def _token(row: TimeToken) -> str:
    """What is wrong with a time token; by whom it is, where this portal trusts somebody for it."""
    note = Checkpoint.objects.filter(size=row.size, root=row.root).values_list("note", flat=True)
    text = note.first()
    if text is None:
        return "is of a tree that we never signed"
    try:
        said = time_tokens.read(bytes(row.response), text)
        if trusted := timestamping.roots():
            time_tokens.verify(bytes(row.response), text, trusted)
    except TimestampError as error:
        return f"does not hold: {error}"
    if said != row.time:
        return "says another time than its row"
    late = abs((row.created - said).total_seconds()) > _ARRIVES_S
    return "was kept at another time than it was made" if late else ""


def _cosignatures() -> Callable[[Cosignature], str]:
    witnesses = _witnesses()
    return lambda row: _cosignature(row, witnesses)


_PAPERS: tuple[tuple[type[Any], Callable[[], Callable[[Any], str]]], ...] = (
    (Cosignature, _cosignatures),
    (TimeToken, lambda: _token),
    (RepeatedTag, lambda: first_rows_by_decision_tag.problem),
)
_NAMES = {
    Cosignature: ("cosignature", "cosignature"),
    TimeToken: ("time", "time token"),
    RepeatedTag: ("import", "decision tag"),
}
