"""Packs that name a person whom no evidence of that very person proves."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from audit import clock, packs
from audit.evidence import storage
from audit.importing import decision_tag_hmac
from audit.importing.decision_tag_hmac import Content
from audit.importing.run import run
from audit.models import EventRow
from audit.packs import Selection
from audit.recording.actors import Actor, EvidenceRef
from audit.recording.record import record
from audit.sequencing import sequencer
from tests.audit.factories import ISSUER, OLU, ActorFactory
from tests.packs.act import (
    APPROVAL,
    BEN,
    INTENT,
    SKILL,
    approval_token,
    approver,
    asserted,
    decide,
    directory,
    intent_text,
    jwks,
    keep,
    token,
)

MALLORY = ActorFactory.build(sub="auth0|mallory", name="Mallory")
OPERATION = "01900000-0000-7000-8000-00000000001a"

type Make = Callable[[Path], list[UUID]]


def _sign_in() -> EvidenceRef:
    return keep("id_token", token(), OLU)


def _answers() -> list[EvidenceRef]:
    bodies = (("approval_token", approval_token()), ("assertion", asserted()))
    return [keep(kind, body, BEN) for kind, body in bodies]


def _common() -> dict[str, Any]:
    return {
        "target": SKILL,
        "approval": APPROVAL,
        "operation": OPERATION,
        "intent_hash": INTENT,
        "private": {"intent": intent_text().decode()},
    }


def _asked_and_approved() -> list[UUID]:
    """Olu asks after a sign-in, Ben approves with a signature."""
    return [
        record(OLU, "approval.requested", evidence=[_sign_in()], **_common()).id,
        record(BEN, "approval.approved", evidence=_answers(), **_common()).id,
    ]


def requester_without_sign_in(folder: Path) -> list[UUID]:
    """Only the approver's signature is there; the requester is another person."""
    asked = record(OLU, "approval.requested", **_common()).id
    return [asked, record(BEN, "approval.approved", evidence=_answers(), **_common()).id]


def actor_with_the_approvers_signature(folder: Path) -> list[UUID]:
    """One decision whose only evidence is the signature of its approver."""
    return [decide([("approval_token", approval_token(), BEN)])]


def entry_of_another_person(folder: Path) -> list[UUID]:
    """An entry of Mallory's that has the id of an approval of Olu's and Ben's."""
    released = record(MALLORY, "skill.released", target=SKILL, approval=APPROVAL).id
    return [*_asked_and_approved(), released]


def second_approver_without_signature(folder: Path) -> list[UUID]:
    """A decision that names two approvers, of whom one signed."""
    private = _common()["private"] | {"approver": approver(), "approvers": _both()}
    bodies = [("id_token", token(), OLU), ("approval_token", approval_token(), BEN)]
    return [decide(bodies, private=private)]


def _both() -> list[dict[str, str]]:
    return [approver(BEN), approver(MALLORY)]


def approver_of_another_intent(folder: Path) -> list[UUID]:
    """A decision on another intent, under the approval in which Ben signed this one."""
    other = decide([("id_token", token(), OLU)], intent_hash="ab" * 32, private=_named_only())
    return [*_asked_and_approved(), other]


def _named_only() -> dict[str, Any]:
    return {"approver": approver()}


def row_of_a_gateway(folder: Path) -> list[UUID]:
    """An approved request with a row that has its tag and names somebody as the actor."""
    found = _asked_and_approved()
    _import_a_row(folder)
    return [*found, EventRow.objects.get(source="defenseclaw").event]


def decided_with_a_row_of_a_gateway(folder: Path) -> UUID:
    """A decision that a gateway repeats in a row with its tag, under another person's name."""
    answers = [("approval_token", approval_token(), BEN), ("assertion", asserted(), BEN)]
    decided = decide([("id_token", token(), OLU), *answers], operation=OPERATION)
    _import_a_row(folder)
    sequencer.run_once()
    return decided


def _import_a_row(folder: Path) -> None:
    content = Content("api-enforce-block", SKILL.kind, SKILL.name, "edge-1")
    run(gateway_rows(folder, MALLORY, decision_tag_hmac.mint(OPERATION, 1, content)), "edge-1")


def gateway_rows(folder: Path, actor: Actor, tag: str) -> Path:
    """The audit database of a gateway with one row."""
    path = folder / "edge-1.db"
    time = clock.now().isoformat().replace("+00:00", "Z")
    with sqlite3.connect(path) as db:
        db.execute(
            "CREATE TABLE audit_events (id TEXT, timestamp TEXT, action TEXT, actor TEXT,"
            " target TEXT, details TEXT, severity TEXT, request_id TEXT)"
        )
        row = (str(uuid4()), time, "api-enforce-block", f"operator:{actor.sub}", SKILL.name)
        rest = ("type=skill reason=exfiltrates", "INFO", tag)
        db.execute("INSERT INTO audit_events VALUES (?,?,?,?,?,?,?,?)", (*row, *rest))
    db.close()
    return path


UNPROVEN: dict[str, tuple[Make, str]] = {
    "requester without sign-in": (
        requester_without_sign_in,
        "nothing but the record shows that it was Olu Operator",
    ),
    "actor with the approver's signature": (
        actor_with_the_approvers_signature,
        "nothing but the record shows that it was Olu Operator",
    ),
    "entry of another person": (
        entry_of_another_person,
        "nothing but the record shows that it was Mallory",
    ),
    "second approver without signature": (
        second_approver_without_signature,
        "no signature shows that Mallory",
    ),
    "approver of another intent": (
        approver_of_another_intent,
        "no signature shows that Ben Backup",
    ),
    "row of a gateway": (
        row_of_a_gateway,
        "nothing but a report of another system shows that it was auth0|mallory",
    ),
}
"""What a pack holds -> its events, and why its verdict is *unproven*."""


def pack_of(make: Make, folder: Path) -> bytes:
    """The pack of exactly these events."""
    storage.put_issuer_keys(ISSUER, jwks())
    packs.use_directory(directory)
    ids = make(folder)
    sequencer.run_once()
    return packs.build(Selection(tuple(ids)), clock.now(), lambda item: True).body
