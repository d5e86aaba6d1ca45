"""Keys, names and files beside the database are exchanged."""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from pathlib import Path

from audit.keys import log_identity
from audit.ledger import cosignature, note
from audit.models import Checkpoint, EvidenceItem
from tests.attacks.ledger.detecting import KEPT, PACK, PROOF, STATE, VERIFY, WITNESS
from tests.attacks.ledger.detecting import KEY as OWN_KEY
from tests.attacks.ledger.table import DATABASE, FILES, PAPERS, attack
from tests.attacks.ledger.world import World
from tests.attacks.tamper import owner
from tests.audit.factories import MIA, OLU
from tests.audit.signed import newest_checkpoint
from tests.packs.act import jwks
from tests.support.signed import sign_checkpoint


@attack(FILES, "sets the last-signed state back to an older tree", VERIFY, "state at")
def the_last_signed_state_is_set_back(world: World) -> None:
    old = Checkpoint.objects.order_by("id").first()
    assert old is not None
    text = f"{old.size} {b64encode(bytes(old.root)).decode()}\n"
    (world.var / "ledger" / "last-signed").write_text(text)


@attack(FILES, "deletes the last-signed state", VERIFY, "is missing and a checkpoint")
def the_last_signed_state_is_taken(world: World) -> None:
    (world.var / "ledger" / "last-signed").unlink()


@attack(FILES, "damages the last-signed state, to be asked for nothing", STATE, "state: ")
def the_last_signed_state_is_damaged(world: World) -> None:
    (world.var / "ledger" / "last-signed").write_text("12\n")


def _another_key(world: World) -> None:
    (world.var / "ledger" / "key").write_bytes(b64encode(secrets.token_bytes(32)) + b"\n")


@attack(FILES, "puts another log key in the place of ours", OWN_KEY, "put the key back")
def the_log_key_is_exchanged(world: World) -> None:
    _another_key(world)


@attack(FILES, "signs the tree anew with a key of its own under our name", WITNESS, "403")
def the_tree_is_signed_with_another_key(world: World) -> None:
    _another_key(world)
    head = newest_checkpoint()
    forged = sign_checkpoint(
        log_identity.origin(), head.size, bytes(head.root), log_identity.seed()
    )
    owner.overwrite(Checkpoint, head.pk, "note", forged)


@attack(FILES, "the same, and shows the log to who has the old key", KEPT, "no trusted key")
def the_whole_log_is_signed_with_another_key(world: World) -> None:
    the_tree_is_signed_with_another_key(world)


@attack(FILES, "calls the log by another name", OWN_KEY, "LEDGER_ORIGIN")
def the_log_is_renamed(world: World) -> None:
    (world.var / "ledger" / "origin").write_text("ledger.example/other\n")


@attack(FILES, "exchanges the sign-in tokens of two people", VERIFY, "evidence at 0")
def evidence_bodies_are_exchanged(world: World) -> None:
    one, two = (_body(world, person.key) for person in (OLU, MIA))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


def _body(world: World, subject: str) -> Path:
    digest = EvidenceItem.objects.get(kind="id_token", subject=subject).digest
    return world.var / "evidence" / digest[:2] / digest


@attack(FILES, "exchanges the keys that seal the evidence of two people", VERIFY, "evidence at 0")
def evidence_keys_are_exchanged(world: World) -> None:
    folder = world.var / "evidence-keys"
    one, two = folder / OLU.key, folder / MIA.key
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


@attack(
    FILES, "destroys a person's evidence key, as if they had been erased", VERIFY, "was not erased"
)
def an_evidence_key_is_destroyed(world: World) -> None:
    (world.var / "evidence-keys" / OLU.key).unlink()


@attack(DATABASE, "names its own key set as what the issuer published", VERIFY, "evidence at None")
def the_issuer_keys_in_the_store_are_exchanged(world: World) -> None:
    row = EvidenceItem.objects.get(kind="issuer_keys")
    owner.overwrite(EvidenceItem, row.pk, "name", "https://issuer.of.mallory.example/")


@attack(PAPERS, "hands over its own key set as the issuer's", PACK, "NOT verified")
def the_issuer_keys_that_a_verifier_brings_are_others(world: World) -> None:
    (world.desk / "jwks.json").write_text(json.dumps(jwks("k1-of-somebody-else")))


@attack(
    PAPERS, "hands over its own log key under our name", PROOF, "A log you trust signed the tree"
)
def the_log_key_that_a_verifier_brings_is_another(world: World) -> None:
    policy = world.desk / "policy"
    first, *rest = policy.read_text().splitlines(keepends=True)
    policy.write_text("".join([f"log {note.new_key(world.origin).vkey}\n", *rest]))
    assert first.startswith("log ")


@attack(
    PAPERS, "writes a witness into the policy that nobody asked", PROOF, "does not make your quorum"
)
def the_policy_names_a_witness_of_another_key(world: World) -> None:
    stranger = note.new_key("witness.example")
    key = cosignature.vkey(stranger.name, note.public_key(stranger.seed))
    policy = world.desk / "policy"
    lines = policy.read_text().splitlines(keepends=True)
    policy.write_text("".join([lines[0], f"witness w {key}\n", lines[2]]))
