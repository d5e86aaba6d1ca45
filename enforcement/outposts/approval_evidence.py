"""What proves to an outpost that a person decided to relax something: `evidence` of a command.

The entry of the answer with its proof under the newest checkpoint, the text of the intent, and what
the person signed: a passkey assertion, else the issuer's approval token. A token is given away once
it expired, as to any other reader (`audit.evidence.storage.release`).
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
from audit.ledger.format import entry as entries
from audit.models import Entry, Event, EventRow
from audit.proofs import proofs_and_tiles
from audit.sequencing import signed_state

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


def of(effect: Effect) -> dict[str, Any]:
    """The evidence for the command of a remote step.

    Raises:
        NoEvidence, NotYet: with why, in a sentence.
    """
    approval = effect.approval
    if approval is None or not approval.intent or approval.answer not in _ACTIONS:
        raise NoEvidence("no one approved it")
    signed = _signed(approval)
    index = Entry.objects.filter(event=signed.event).values_list("seq", flat=True).first()
    newest = signed_state.newest_checkpoint()
    if index is None or newest is None or index >= newest.size:
        raise NotYet("Waits until the signed log has the answer, which proves it to the outpost.")
    return {
        "entry": b64encode(proofs_and_tiles.entry_of(signed.event)).decode(),
        "proof": proofs_and_tiles.proof_at(index, newest),
        "intent": approval.intent,
        "human": _human(signed),
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
