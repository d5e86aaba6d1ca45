"""A small ledger that has something in every table, made by the real recorders."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import RSAKey

from audit import clock, exports, importing
from audit.evidence import storage
from audit.importing import decision_tag_hmac
from audit.importing.decision_tag_hmac import Content
from audit.ledger import cosignature, time_tokens
from audit.ledger.query import EventQuery
from audit.models import Cosignature, TimeToken
from audit.recording.actors import SYSTEM, EvidenceRef, Subject, Target
from audit.recording.record import record
from audit.sequencing import sequencer, signed_state
from audit.verification import requested_runs
from tests.audit import imports
from tests.audit.factories import ADA, ISSUER, MIA, OLU, ActorFactory, DraftFactory
from tests.support import authority
from tests.support.authority import Authority
from tests.support.erasing import erase_person
from tests.support.recording import record_many

INTENT = "ab" * 32
MILO = ActorFactory.build(sub="auth0|milo", name="Milo Member", email="milo@acme.example")
WITNESS = bytes(range(32))


@cache
def _key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "key-1"})


def build(folder: Path) -> None:
    """Write some 260 entries, two of each kind of everything else, and leave one event waiting."""
    sign_in = _signed_in("id_token", aud="ata-web")
    olu = replace(OLU, evidence=(sign_in,), ip="192.0.2.7", session="s-1", request="r-1")
    record(olu, "operator.signed_in")
    approval = _signed_in("approval_token", aud="urn:approval", **_details())
    record(
        olu,
        "skill.blocked",
        target=Target("skill", "pdf-exfil", "edge-1"),
        on_behalf_of=Subject(MIA.iss, MIA.sub, MIA.name, MIA.email),
        intent_hash=INTENT,
        approval="a-1",
        operation="op-1",
        reason="exfiltrates documents",
        changes={"state": {"before": "held", "after": "blocked"}},
        private={"approver": {"iss": ADA.iss, "sub": ADA.sub, "name": ADA.name}, "note": "seen"},
        connection="github",
        agent="copilot",
        skill="pdf",
        evidence=(approval,),
    )
    _filled([DraftFactory.build(actor=olu) for _ in range(3)])
    _filled([DraftFactory.build() for _ in range(37)])
    sequencer.run_once()
    _import(folder)
    _filled([DraftFactory.build(actor=MILO) for _ in range(3)])
    erase_person(MILO.key)
    sequencer.run_once()
    for query in ("action:skill.*", "outcome:success"):
        job = exports.request(olu, EventQuery.from_bar(query), "ndjson")
        exports.run(job.id)
    requested_runs.perform(requested_runs.request(ADA).id)
    # Most of them say little, for they only fill the tile, and each attack verifies them all.
    _filled([DraftFactory.build(actor=SYSTEM, reason="", target=None) for _ in range(200)])
    _filled([DraftFactory.build(actor=ADA) for _ in range(10)])
    sequencer.run_once()
    _cosign()
    _stamp(folder)
    record(olu, "skill.held", target=Target("skill", "still-waiting", "edge-1"))


def _signed_in(kind: str, **claims: Any) -> EvidenceRef:
    storage.put_issuer_keys(ISSUER, {"keys": [_key().as_dict(private=False)]})
    storage.put_issuer_discovery(ISSUER, {"issuer": ISSUER, "jwks_uri": f"{ISSUER}jwks.json"})
    now = datetime.now(UTC)
    whole = {"iss": ISSUER, "sub": OLU.sub, "iat": int(now.timestamp()) - 60, **claims}
    whole["exp"] = int((now - timedelta(seconds=1)).timestamp())
    token = jwt.encode({"alg": "RS256", "kid": "key-1"}, whole, _key()).encode()
    return storage.put(kind, token, OLU.key)


def _details() -> dict[str, Any]:
    named = {"verb": "skill.block", "target": "skill pdf-exfil"}
    properties = named | {"intent_hash": INTENT}
    return {"authorization_details": [{"type": "urn:x", "properties": properties}]}


def _filled(drafts: list[Any]) -> None:
    assert len(list(record_many(drafts))) == len(drafts)


def _import(folder: Path) -> None:
    path = imports.empty(folder / "audit.db", 7)
    _repeat(path)
    imports.audit_row(path, severity="HIGH")
    imports.audit_row(path, "row-2", actor="cli:alice")
    imports.audit_row(path, "row-3", timestamp="never")  # set aside
    importing.run(path, "edge-1")
    imports.change(path, "UPDATE audit_events SET actor = 'cli:mallory' WHERE id = 'row-1'")
    importing.run(path, "edge-1")


def _repeat(path: Path) -> None:
    """A row of the gateway that repeats a decision by the tag of a try."""
    operation = str(uuid4())
    target = Target("mcp", "github", "edge-1")
    record(OLU, "mcp.blocked", target=target, operation=operation)
    tag = decision_tag_hmac.mint(
        operation, 1, Content("api-enforce-block", "mcp", "github", "edge-1")
    )
    details = f"type=mcp reason=[ATA {tag}] "
    imports.audit_row(
        path,
        "row-4",
        action="api-enforce-block",
        target="github",
        details=details,
        actor="defenseclaw",
    )


def authority_of(folder: Path) -> Path | None:
    """The certificate of a time authority of the town's own; None where OpenSSL is missing."""
    if not authority.is_here():
        return None
    return Authority.make(folder / "authority").root_file


def _stamp(folder: Path) -> None:
    newest = signed_state.newest_checkpoint()
    if newest is None or not authority.is_here():
        return
    query = time_tokens.request(newest.note).as_bytes()
    response = Authority(folder / "authority").answer(query)
    TimeToken.objects.create(
        size=newest.size,
        root=newest.root,
        authority="time.example",
        response=response,
        time=time_tokens.read(response, newest.note),
        created=clock.now(),
    )


def _cosign() -> None:
    newest = signed_state.newest_checkpoint()
    assert newest is not None
    now = clock.now()
    line = cosignature.sign(newest.note, "witness.example/w1", WITNESS, int(now.timestamp()))
    Cosignature.objects.create(
        size=newest.size,
        root=newest.root,
        name="witness.example/w1",
        line=line.rstrip("\n"),
        created=now,
    )
