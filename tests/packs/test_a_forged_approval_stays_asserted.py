"""Who owns the database, the log's key and the evidence store forges an approval.

Every row goes through the portal's own recorder and sequencer, so that every entry, opening, proof,
checkpoint and manifest is genuine: only the issuer's keys, brought from elsewhere, tell the lie.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from audit import clock, packs
from audit.evidence import storage
from audit.ledger.signed_intent_match import digest
from audit.proofs import proofs_and_tiles
from audit.recording.actors import Target
from audit.sequencing import sequencer
from tests.ata.ata_process import Ata
from tests.audit.factories import ISSUER, MIA, OLU
from tests.packs import act as acts
from tests.packs.act import (
    BEN,
    Act,
    approval_token,
    approver,
    asserted,
    decide,
    intent_text,
    jwks,
    token,
)

pytestmark = pytest.mark.django_db
OTHER = Target("skill", "trusted-tool", "edge-1")
MALLORY = "k1 of somebody else"
type Forgery = Callable[[], UUID]


def signed_by_another_key_of_the_same_name() -> UUID:
    return decide([("approval_token", approval_token(MALLORY), BEN)])


def signed_by_a_key_that_was_put_among_the_issuers() -> UUID:
    storage.put_issuer_keys(ISSUER, jwks(MALLORY))
    return decide([("approval_token", approval_token(MALLORY), BEN)])


def a_genuine_sign_in_beside_a_forged_approval() -> UUID:
    return decide([("id_token", token(), OLU), ("approval_token", approval_token(MALLORY), BEN)])


def a_genuine_approval_put_beside_another_thing() -> UUID:
    return decide([("approval_token", approval_token(), BEN)], target=OTHER)


def a_genuine_approval_with_the_text_of_another_intent() -> UUID:
    private = {"approver": approver(), "intent": intent_text(OTHER).decode()}
    return decide([("approval_token", approval_token(), BEN)], target=OTHER, private=private)


def a_genuine_approval_without_the_text_put_beside_another_thing() -> UUID:
    private = {"approver": approver()}
    return decide([("approval_token", approval_token(), BEN)], target=OTHER, private=private)


def of_intent(text: bytes) -> UUID:
    """A decision with a genuine approval of this very intent."""
    hashed = digest(text)
    private = {"approver": approver(), "intent": text.decode()}
    body = approval_token(intent=hashed)
    return decide([("approval_token", body, BEN)], intent_hash=hashed, private=private)


def a_genuine_approval_that_had_run_out_long_ago() -> UUID:
    return of_intent(intent_text(until="2026-01-01T00:00:00Z"))


def a_genuine_approval_of_what_somebody_else_asked_for() -> UUID:
    return of_intent(intent_text(by=MIA))


def a_genuine_approval_of_another_intent() -> UUID:
    return decide([("approval_token", approval_token(intent="ab" * 32), BEN)])


def a_genuine_approval_by_somebody_who_was_not_asked() -> UUID:
    eve = {"iss": ISSUER, "sub": "auth0|eve", "name": "Eve"}
    private = {"approver": eve, "intent": intent_text().decode()}
    return decide([("approval_token", approval_token(), BEN)], private=private)


def a_sign_in_token_called_an_approval() -> UUID:
    return decide([("approval_token", token(sub=BEN.sub), BEN)])


def a_genuine_assertion_put_beside_another_thing() -> UUID:
    return decide([("assertion", asserted(), BEN)], target=OTHER)


def a_genuine_assertion_without_the_text_put_beside_another_thing() -> UUID:
    private = {"approver": approver()}
    return decide([("assertion", asserted(), BEN)], target=OTHER, private=private)


def a_genuine_denial_called_an_approval() -> UUID:
    return decide([("assertion", asserted(decision="deny"), BEN)])


FORGERIES: dict[Forgery, str] = {
    signed_by_another_key_of_the_same_name: "verifies its RS256 signature",
    signed_by_a_key_that_was_put_among_the_issuers: "verifies its RS256 signature",
    a_genuine_sign_in_beside_a_forged_approval: "verifies its RS256 signature",
    a_genuine_approval_put_beside_another_thing: "another thing",
    a_genuine_approval_with_the_text_of_another_intent: "has another hash",
    a_genuine_approval_without_the_text_put_beside_another_thing: "another thing",
    a_genuine_approval_that_had_run_out_long_ago: "had run out",
    a_genuine_approval_of_what_somebody_else_asked_for: "of another person than the actor",
    a_genuine_approval_of_another_intent: "approves another intent",
    a_genuine_approval_by_somebody_who_was_not_asked: "neither the actor nor the approver",
    a_sign_in_token_called_an_approval: "approves another intent",
    a_genuine_assertion_put_beside_another_thing: "another thing",
    a_genuine_assertion_without_the_text_put_beside_another_thing: "which act the intent is",
    a_genuine_denial_called_an_approval: "is not what happened",
}
"""How it is forged -> what a verifier is told of it."""


def signed_anew(act: Act, forge: Forgery) -> tuple[UUID, bytes]:
    """The forged event in the tree, signed by the log's own key, and its pack."""
    act.blocked = forge()
    sequencer.run_once()
    selection = packs.Selection((act.blocked,), {}, "forged")
    built = packs.build(selection, clock.now(), lambda item: True)
    return act.blocked, built.body


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_a_forged_approval_is_never_more_than_a_sign_in(act: Act, forge: Forgery) -> None:
    _, body = signed_anew(act, forge)
    report = act.check(body)
    (event,) = report.events
    genuine = all(check.state == "ok" for check in report.checks) and event.log.code == "L1"
    assert genuine, "the log's own part of the forgery has to be flawless"
    wanted = "H1" if forge is a_genuine_sign_in_beside_a_forged_approval else "H0"
    assert event.human.code == wanted
    assert any(FORGERIES[forge] in reason for reason in event.human.reasons), event.human.reasons
    assert "no signature that you can check shows it" in dict(event.said)["Approved"]


def test_the_command_line_says_why_and_does_not_call_it_verified(
    act: Act, ata: Ata, tmp_path: Path
) -> None:
    _, body = signed_anew(act, signed_by_a_key_that_was_put_among_the_issuers)
    for name, content in {
        "pack.zip": body,
        "log.key": proofs_and_tiles.vkey().encode(),
        "jwks.json": json.dumps(jwks()).encode(),
    }.items():
        (tmp_path / name).write_bytes(content)
    trusted = ["--vkey", str(tmp_path / "log.key"), "--issuer-keys", str(tmp_path / "jwks.json")]
    done = ata("verify", str(tmp_path / "pack.zip"), *trusted)
    assert done.returncode == 1
    assert "Person: asserted (H0)" in done.stdout
    assert "no key 'k1' of the issuer verifies its RS256 signature" in done.stdout
    assert "NOT verified. Failed: The issuer signed the approval of this very act" in done.stdout


def test_a_passkey_that_was_put_into_the_directory_is_a_claim(
    act: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = acts.directory()
    mallory = ec.generate_private_key(ec.SECP256R1())
    monkeypatch.setattr(acts, "authenticator", lambda: mallory)
    packs.use_directory(acts.directory)
    _, body = signed_anew(act, lambda: decide([("assertion", asserted(), BEN)]))
    theirs = act.check(body, passkeys={})
    assert theirs.events[0].human.code == "H0"
    claimed = theirs.events[0].claimed
    assert claimed is not None and claimed.code == "H2"
    from audit.ledger.passkey_assertions import read_directory

    known = act.check(body, passkeys=read_directory(json.dumps(mine).encode()))
    assert known.events[0].human.code == "H0" and not known.intact
    packs.use_directory(lambda: mine)


def test_an_inserted_event_that_is_signed_with_the_log_key_passes_the_log_and_no_more(
    act: Act,
) -> None:
    """The limit we state: an owner can append. The record holds, the person stays asserted."""
    _, body = signed_anew(act, lambda: decide([]))
    report = act.check(body)
    assert report.intact
    assert (report.events[0].human.code, report.events[0].log.code) == ("H0", "L1")


# The owner of its store can make the portal believe a key: of that one only others can tell.
TOLD_BY_US = [one for one in FORGERIES if one != signed_by_a_key_that_was_put_among_the_issuers]


@pytest.mark.parametrize("forge", TOLD_BY_US, ids=lambda forge: forge.__name__)
def test_the_portal_itself_never_shows_a_forgery_as_approved(act: Act, forge: Forgery) -> None:
    from audit.evidence import human_levels
    from audit.recording.stored_event_loader import load

    id, _ = signed_anew(act, forge)
    assert human_levels.level(load(id)) in ("H0", "H1")
