"""Programs of others accept checkpoints and proofs of this log, and refuse modified ones."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from audit import witnesses
from audit.keys import log_identity
from audit.ledger import merkle, note, trust_policy
from audit.ledger.offline.proof_check import verify_proof_file
from audit.models import EventRow, WitnessState
from audit.proofs import proofs_and_tiles
from audit.sequencing import sequencer
from tests.audit.factories import DraftFactory
from tests.audit.signed import newest_checkpoint
from tests.support.ports import free_port
from tests.support.recording import record_many
from tests.support.signed import sign_checkpoint

pytestmark = pytest.mark.django_db
_SEED = bytes(range(32))


def grow(n: int) -> None:
    list(record_many([DraftFactory.build() for _ in range(n)]))
    sequencer.run_once()


def openssh(key: Ed25519PublicKey) -> bytes:
    formats = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return key.public_bytes(*formats) + b" key\n"


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness of others with its own key, which knows this portal's log."""

    url: str
    vkey: str


@pytest.fixture
def witness(program: str, tmp_path: Path, settings: object) -> Iterator[Witness]:
    """Both programs take logs whose origin is made from their key, so this log has such a name."""
    log_key = Ed25519PrivateKey.from_private_bytes(_SEED)
    own_key = Ed25519PrivateKey.generate()
    key_hash = hashlib.sha256(log_key.public_key().public_bytes_raw()).hexdigest()
    seed_file = tmp_path / "seed"
    seed_file.write_text(b64encode(_SEED).decode() + "\n")
    seed_file.chmod(0o600)
    settings.LEDGER_KEY_FILE = seed_file  # type: ignore[attr-defined]
    settings.LEDGER_ORIGIN = f"sigsum.org/v1/tree/{key_hash}"  # type: ignore[attr-defined]
    own_file = tmp_path / "own"
    own_file.write_bytes(
        own_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
    )
    own_file.chmod(0o600)
    start = _sigsum if Path(program).name == "sigsum-witness" else _litewitness
    address = f"127.0.0.1:{free_port()}"
    with start(program, tmp_path, own_key, log_key, address) as name:
        _wait_until_answers(f"http://{address}")
        public = own_key.public_key().public_bytes_raw()
        yield Witness(f"http://{address}", note.vkey(name, public, note.COSIGNATURE_ED25519))


@contextmanager
def _sigsum(
    program: str,
    folder: Path,
    own_key: Ed25519PrivateKey,
    log_key: Ed25519PrivateKey,
    address: str,
) -> Iterator[str]:
    """Debian's sigsum-witness; its name is made from its key."""
    (folder / "log.pub").write_bytes(openssh(log_key.public_key()))
    command: list[str | Path] = [program, "-k", folder / "own", f"--log-key={folder / 'log.pub'}",
               f"--state-file={folder / 'state'}", address]  # fmt: skip
    # Its routes are written for an older router of Go's.
    with _running(command, {"GODEBUG": "httpmuxgo121=0"}):
        key_hash = hashlib.sha256(own_key.public_key().public_bytes_raw()).hexdigest()
        yield f"sigsum.org/v1/witness/{key_hash}"


@contextmanager
def _litewitness(
    program: str,
    folder: Path,
    own_key: Ed25519PrivateKey,
    log_key: Ed25519PrivateKey,
    address: str,
) -> Iterator[str]:
    """Torchwood's litewitness, which signs through an ssh-agent."""
    name, database = "example.com/witness", folder / "witness.db"
    control = Path(program).with_name("witnessctl")
    public = log_key.public_key().public_bytes_raw().hex()
    subprocess.run([control, "add-sigsum-log", "-db", database, "-key", public], check=True)
    key_hash = hashlib.sha256(own_key.public_key().public_bytes_raw()).hexdigest()
    with tempfile.TemporaryDirectory() as short:  # a socket's path has at most 107 bytes
        agent = Path(short) / "agent"
        with _running(["ssh-agent", "-D", "-a", agent]):
            _wait_until(agent.exists)
            own = {**os.environ, "SSH_AUTH_SOCK": str(agent)}
            subprocess.run(["ssh-add", "-q", folder / "own"], env=own, check=True)
            command: list[str | Path] = [
                *(program, "-ssh-agent", agent, "-name", name, "-key", key_hash),
                *("-db", database, "-listen", address),
            ]
            with _running(command):
                yield name


@contextmanager
def _running(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> Iterator[None]:
    process = subprocess.Popen(command, env={**os.environ, **(env or {})})
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def _wait_until_answers(url: str) -> None:
    def answers() -> bool:
        try:
            httpx.get(url)
        except httpx.TransportError:
            return False
        return True

    _wait_until(answers)


def _wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.uses("sigsum-witness", "litewitness")
def test_a_witness_of_others_cosigns_this_log_and_refuses_a_second_history(
    witness: Witness, tmp_path: Path, settings: object
) -> None:
    text = f"log {proofs_and_tiles.vkey()}\nwitness w {witness.vkey} {witness.url}\nquorum w\n"
    (tmp_path / "policy").write_text(text)
    settings.LEDGER_POLICY_FILE = tmp_path / "policy"  # type: ignore[attr-defined]
    for n in (1, 6, 300):
        grow(n)
        assert witnesses.push_due() == 1
        assert witnesses.witnessed_size() == newest_checkpoint().size
    for index in (0, 5, 306):
        id = EventRow.objects.get(seq=index).event
        report = verify_proof_file(
            proofs_and_tiles.proof_for(id),
            proofs_and_tiles.entry_of(id),
            policy=trust_policy.parse(text),
        )
        assert report.ok, report
    # The same length with another content, under the log's own key.
    leaves = [merkle.leaf_hash(b"%d" % n) for n in range(307)]
    other = sign_checkpoint(
        proofs_and_tiles.origin(), 307, merkle.root(leaves), log_identity.seed()
    )
    said = httpx.post(f"{witness.url}/add-checkpoint", content=f"old 307\n\n{other}".encode())
    assert said.status_code in {409, 422}
    # And a copy that went another way: what it says stops the signing of that copy.
    longer = [*leaves, merkle.leaf_hash(b"more")]
    proof = merkle.consistency_proof(longer, 307, 308)
    lines = "".join(f"{b64encode(one).decode()}\n" for one in proof)
    forged = sign_checkpoint(
        proofs_and_tiles.origin(), 308, merkle.root(longer), log_identity.seed()
    )
    said = httpx.post(
        f"{witness.url}/add-checkpoint", content=f"old 307\n{lines}\n{forged}".encode()
    )
    assert said.status_code == 422
    grow(1)
    assert witnesses.push_due() == 1
    assert WitnessState.objects.get().size == 308


@pytest.mark.uses("spicy-litetlog", "spicy")
def test_a_proof_is_accepted_by_a_program_of_others_and_a_bent_one_is_not(
    program: str, tmp_path: Path
) -> None:
    grow(600)
    id = EventRow.objects.get(seq=257).event
    leaf, proof = tmp_path / "leaf", tmp_path / "leaf.spicy"
    leaf.write_bytes(proofs_and_tiles.entry_of(id))
    older_form = proofs_and_tiles.proof_for(id).split("\n", 1)[1]  # it has no first line yet

    def accepts(text: str) -> bool:
        proof.write_text(text)
        return (
            subprocess.run([program, "-verify", proofs_and_tiles.vkey(), str(leaf)]).returncode == 0
        )

    assert accepts(older_form)
    index, hashes, *_ = older_form.split("\n")
    other = b64encode(bytes(32)).decode()
    assert not accepts(older_form.replace(hashes, other, 1))
    assert not accepts(older_form.replace(index, "index 256", 1))
    leaf.write_bytes(proofs_and_tiles.entry_of(EventRow.objects.get(seq=256).event))
    assert not accepts(older_form)


@pytest.mark.uses("openssl")
def test_the_signature_of_a_checkpoint_is_checked_by_openssl(program: str, tmp_path: Path) -> None:
    grow(3)
    signed = note.parse(proofs_and_tiles.checkpoint_note())
    key = Ed25519PublicKey.from_public_bytes(note.parse_vkey(proofs_and_tiles.vkey()).public_key)
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
