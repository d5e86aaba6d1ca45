"""Rows that belong to no entry; cosignatures and time tokens of trees that are not ours."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Exists, OuterRef

from audit import stamping
from audit.ledger import cosignature, timestamp
from audit.ledger.note import NoteError, VerifierKey, parse
from audit.ledger.timestamp import TimestampError
from audit.logkey import LedgerIdentityError
from audit.models import (
    Checkpoint,
    Cosignature,
    Entry,
    Event,
    EventRow,
    ImportedRow,
    Openings,
    TimeToken,
)
from audit.report import Findings
from audit.witnesses.configuration import configured

_SHOWN = 10
_ARRIVES_S = 3600.0


def check(findings: Findings) -> None:
    """Report rows that belong to no entry, and papers of other trees."""
    rows(findings)
    papers(findings)


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
    """Report cosignatures and time tokens that do not hold."""
    witnesses = _witnesses()
    for row in Cosignature.objects.all():
        if problem := _cosignature(row, witnesses):
            findings.add("cosignature", f"cosignature {row.pk} {problem}")
    for token in TimeToken.objects.all():
        if problem := _token(token):
            findings.add("time", f"time token {token.pk} {problem}")


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
        said = timestamp.read(bytes(row.response), text)
        if trusted := stamping.roots():
            timestamp.verify(bytes(row.response), text, trusted)
    except TimestampError as error:
        return f"does not hold: {error}"
    if said != row.time:
        return "says another time than its row"
    late = abs((row.created - said).total_seconds()) > _ARRIVES_S
    return "was kept at another time than it was made" if late else ""
