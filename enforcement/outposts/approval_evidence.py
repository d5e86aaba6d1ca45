"""What proves to an outpost that a person decided to relax something: `evidence` of a command.

The entry of the answer with its proof under the newest checkpoint, that the log only grew since the
one that the outpost accepted last, the text of the intent, and what
the person signed: a passkey assertion, else the issuer's approval token. A token is given away once
it expired, as to any other reader (`audit.evidence.storage.release`). A hold or block needs none of
that: an outpost looks for the entry of its decision afterwards.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from approvals import clock
from approvals.models import Answer, Approval, Effect
from audit.evidence import storage
from audit.evidence.storage import EvidenceError, NotReleasable
from audit.ledger import tiles
from audit.ledger.format import entry as entries
from audit.ledger.merkle import ProofError
from audit.models import Checkpoint, Entry, Event, EventRow
from audit.proofs import proofs_and_tiles
from audit.recording.stored_event_loader import openings_of
from audit.sequencing import signed_state, stored_tree_queries
from enforcement.models import OutpostCommand

_ACTIONS: Final = {Answer.APPROVED: "approval.approved", Answer.DENIED: "approval.denied"}
_KINDS: Final = ("assertion", "approval_token")


class NoEvidence(Exception):
    """Nothing proves it, and nothing will; the message says what was missing."""


class NotYet(Exception):
    """It cannot be proven yet; the message says what is waited for."""


@dataclass(frozen=True, slots=True)
class _Signed:
    """What a person signed, and the event that names it."""

    event: UUID
    kind: str
    body: bytes


@dataclass(frozen=True, slots=True)
class LogNow:
    """The newest checkpoint, and that its log only grew since an outpost accepted an earlier one.

    `growth` is null for an outpost of a version that does not ask for it, else `from`, that many
    entries, and the `hashes` of the consistency proof: none where there is nothing to prove.
    """

    checkpoint: Checkpoint | None
    growth: dict[str, Any] | None


def log_now(log_size: int | None = None) -> LogNow:
    """What proves the log to an outpost that accepted it up to a size; for all commands of one
    answer, so that each goes on from the one before."""
    newest = signed_state.newest_checkpoint()
    if newest is None or log_size is None:
        return LogNow(newest, None)
    try:
        hashes = _consistency(log_size, newest.size) if 0 < log_size < newest.size else []
    except ProofError:  # what is stored of the tree has gaps, and holds wait for nothing
        return LogNow(newest, None)
    return LogNow(newest, {"from": log_size, "hashes": [b64encode(one).decode() for one in hashes]})


def _consistency(log_size: int, size: int) -> list[bytes]:
    return tiles.consistency_proof(stored_tree_queries.read_tile, log_size, size)


def of(effect: Effect, log: LogNow) -> dict[str, Any]:
    """Return the evidence for the command of a remote step, under the checkpoint of `log`.

    Raises:
        NoEvidence, NotYet: with why, in a sentence.
    """
    approval = effect.approval
    if approval is None or not approval.intent or approval.answer not in _ACTIONS:
        raise NoEvidence("no one approved it")
    signed = _signed(approval)
    index = Entry.objects.filter(event=signed.event).values_list("seq", flat=True).first()
    newest = log.checkpoint
    if index is None or newest is None or index >= newest.size:
        raise NotYet("Waits until the signed log has the answer, which proves it to the outpost.")
    return {
        "entry": b64encode(proofs_and_tiles.entry_of(signed.event)).decode(),
        "proof": proofs_and_tiles.proof_at(index, newest),
        "consistency": log.growth,
        "intent": approval.intent,
        "human": _human(signed),
    }


def decision_of(command: OutpostCommand, log: LogNow) -> dict[str, Any] | None:
    """The first entry about the component of a command under its operation, its proof under the
    checkpoint of `log`, and the salt of the component's name in it; None where the signed log has
    no such entry, or the name was erased.

    Raises:
        ProofError: what is stored of the tree has gaps.
    """
    said, newest = json.loads(command.body), log.checkpoint
    if newest is None or not said["operation"]:
        return None
    rows = EventRow.objects.filter(
        operation=said["operation"],
        target_kind=said["kind"],
        target_name=said["name"],
        action__startswith=f"{said['kind']}.",
        seq__lt=newest.size,
    )
    first = rows.order_by("seq").values_list("event", flat=True).first()
    index = Entry.objects.filter(event=first).values_list("seq", flat=True).first()
    if first is None or index is None:
        return None
    opened = [one for one in openings_of([first]).get(first, []) if one.path == "target.name"]
    if not opened:
        return None
    return {
        "entry": b64encode(proofs_and_tiles.entry_of(first)).decode(),
        "proof": proofs_and_tiles.proof_at(index, newest),
        "consistency": log.growth,
        "salt": b64encode(opened[0].salt).decode(),
    }


def _signed(approval: Approval) -> _Signed:
    """The assertion over this intent, else the token; of a denial only an assertion proves it."""
    named = list(_named(approval))
    denied = approval.answer == Answer.DENIED
    waits = ""
    for wanted in _KINDS[:1] if denied else _KINDS:
        for event, kind, digest in named:
            if kind != wanted:
                continue
            try:
                return _Signed(event, kind, storage.release(digest, clock.now()))
            except NotReleasable as trouble:
                waits = str(trouble)
            except EvidenceError:
                continue
    if waits:
        raise NotYet(
            f"Waits for the proof of the approval: {waits}. An approval with a passkey is proven "
            "at once."
        )
    raise NoEvidence("its denial was not signed" if denied else "what was signed is not kept")


def _named(approval: Approval) -> Iterator[tuple[UUID, str, str]]:
    """Event, kind and digest of all evidence that answers of the request name, newest first."""
    rows = EventRow.objects.filter(
        approval=str(approval.pk), action=_ACTIONS[Answer(approval.answer)]
    )
    found = Event.objects.filter(id__in=list(rows.values_list("event", flat=True)))
    for event in found.order_by("-id"):
        document = entries.parse(bytes(event.entry))
        if document["intent_hash"] != approval.intent_hash:
            continue
        for one in document["evidence"]:
            yield event.id, one["kind"], one["digest"]


def _human(signed: _Signed) -> dict[str, str]:
    if signed.kind == "approval_token":
        return {"kind": "token", "jwt": signed.body.decode()}
    said = json.loads(signed.body)
    response = said["credential"]["response"]
    return {
        "kind": "passkey",
        "credential_id": said["credential"]["id"],
        "authenticator_data": response["authenticatorData"],
        "client_data": response["clientDataJSON"],
        "signature": response["signature"],
        "role": said["role"],
        "decision": said["decision"],
        "approval_id": said["approval_id"],
    }
