"""What we hand out convinces Debian's own programs, and what is bent does not."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from audit import logkey, proofs, sequencer, witnesses
from audit.ledger import checkpoint as checkpoints
from audit.ledger import merkle, note, policy
from audit.ledger.verify import verify_proof_file
from audit.models import EventRow, WitnessState
from audit.record import record_many
from tests.audit.factories import DraftFactory
from tests.audit.signed import newest_checkpoint
from tests.support.ports import free_port

pytestmark = pytest.mark.django_db
_SEED = bytes(range(32))


def grow(n: int) -> None:
    list(record_many([DraftFactory.build() for _ in range(n)]))
    sequencer.run_once()


def openssh(key: Ed25519PublicKey) -> bytes:
    formats = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return key.public_bytes(*formats) + b" key\n"


@dataclass(frozen=True, slots=True)
class Sigsum:
    """Debian's witness with its own key, waiting for this portal's log."""

    url: str
    vkey: str


@pytest.fixture
def sigsum(program: str, tmp_path: Path, settings: object) -> Iterator[Sigsum]:
    """It takes logs whose origin is made from their key, so this log has such a name."""
    log_key = Ed25519PrivateKey.from_private_bytes(_SEED)
    own_key = Ed25519PrivateKey.generate()
    key_hash = hashlib.sha256(log_key.public_key().public_bytes_raw()).hexdigest()
    seed_file = tmp_path / "seed"
    seed_file.write_text(b64encode(_SEED).decode() + "\n")
    seed_file.chmod(0o600)
    settings.LEDGER_KEY_FILE = seed_file  # type: ignore[attr-defined]
    settings.LEDGER_ORIGIN = f"sigsum.org/v1/tree/{key_hash}"  # type: ignore[attr-defined]
    (tmp_path / "log.pub").write_bytes(openssh(log_key.public_key()))
    own_file = tmp_path / "own"
    own_file.write_bytes(
        own_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
    )
    own_file.chmod(0o600)
    port = free_port()
    running = subprocess.Popen(
        [program, "-k", str(own_file), f"--log-key={tmp_path / 'log.pub'}",
         f"--state-file={tmp_path / 'state'}", f"127.0.0.1:{port}"],
        # Its routes are written for an older router of Go's.
        env={**os.environ, "GODEBUG": "httpmuxgo121=0"},
    )  # fmt: skip
    public = own_key.public_key().public_bytes_raw()
    name = f"sigsum.org/v1/witness/{hashlib.sha256(public).hexdigest()}"
    url = f"http://127.0.0.1:{port}"
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            httpx.get(url)
            break
        except httpx.TransportError:
            time.sleep(0.05)
    yield Sigsum(url, note.vkey(name, public, note.COSIGNATURE_ED25519))
    running.terminate()
    running.wait(60)


@pytest.mark.uses("sigsum-witness")
def test_a_witness_of_others_cosigns_this_log_and_refuses_a_second_history(
    sigsum: Sigsum, tmp_path: Path, settings: object
) -> None:
    text = f"log {proofs.vkey()}\nwitness w {sigsum.vkey} {sigsum.url}\nquorum w\n"
    (tmp_path / "policy").write_text(text)
    settings.LEDGER_POLICY_FILE = tmp_path / "policy"  # type: ignore[attr-defined]
    for n in (1, 6, 300):
        grow(n)
        assert witnesses.push_due() == 1
        assert witnesses.witnessed_size() == newest_checkpoint().size
    for index in (0, 5, 306):
        id = EventRow.objects.get(seq=index).event
        report = verify_proof_file(
            proofs.proof_for(id), proofs.entry_of(id), policy=policy.parse(text)
        )
        assert report.ok, report
    # The same length with another content, under the log's own key.
    leaves = [merkle.leaf_hash(b"%d" % n) for n in range(307)]
    other = checkpoints.sign(proofs.origin(), 307, merkle.root(leaves), logkey.seed())
    said = httpx.post(f"{sigsum.url}/add-checkpoint", content=f"old 307\n\n{other}".encode())
    assert said.status_code in {409, 422}
    # And a copy that went another way: what it says stops the signing of that copy.
    longer = [*leaves, merkle.leaf_hash(b"more")]
    proof = merkle.consistency_proof(longer, 307, 308)
    lines = "".join(f"{b64encode(one).decode()}\n" for one in proof)
    forged = checkpoints.sign(proofs.origin(), 308, merkle.root(longer), logkey.seed())
    said = httpx.post(
        f"{sigsum.url}/add-checkpoint", content=f"old 307\n{lines}\n{forged}".encode()
    )
    assert said.status_code == 422
    grow(1)
    assert witnesses.push_due() == 1
    assert WitnessState.objects.get().size == 308


@pytest.mark.uses("spicy-litetlog")
def test_a_proof_is_accepted_by_a_program_of_others_and_a_bent_one_is_not(
    program: str, tmp_path: Path
) -> None:
    grow(600)
    id = EventRow.objects.get(seq=257).event
    leaf, proof = tmp_path / "leaf", tmp_path / "leaf.spicy"
    leaf.write_bytes(proofs.entry_of(id))
    older_form = proofs.proof_for(id).split("\n", 1)[1]  # it has no first line yet

    def accepts(text: str) -> bool:
        proof.write_text(text)
        return subprocess.run([program, "-verify", proofs.vkey(), str(leaf)]).returncode == 0

    assert accepts(older_form)
    index, hashes, *_ = older_form.split("\n")
    other = b64encode(bytes(32)).decode()
    assert not accepts(older_form.replace(hashes, other, 1))
    assert not accepts(older_form.replace(index, "index 256", 1))
    leaf.write_bytes(proofs.entry_of(EventRow.objects.get(seq=256).event))
    assert not accepts(older_form)


@pytest.mark.uses("openssl")
def test_the_signature_of_a_checkpoint_is_checked_by_openssl(program: str, tmp_path: Path) -> None:
    grow(3)
    signed = note.parse(proofs.checkpoint_note())
    key = Ed25519PublicKey.from_public_bytes(note.parse_vkey(proofs.vkey()).public_key)
    (tmp_path / "key.pem").write_bytes(
        key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    (tmp_path / "signature").write_bytes(signed.signatures[0].value)

    def accepts(text: str) -> bool:
        (tmp_path / "text").write_text(text)
        done = subprocess.run(
            [program, "pkeyutl", "-verify", "-pubin", "-rawin", "-inkey", tmp_path / "key.pem",
             "-in", tmp_path / "text", "-sigfile", tmp_path / "signature"],
            capture_output=True,
        )  # fmt: skip
        return done.returncode == 0

    assert accepts(signed.text)
    assert not accepts(signed.text.replace("\n3\n", "\n4\n"))
