from __future__ import annotations

import hashlib
import json
import signal
import socket
import stat
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from ata.errors import AtaError
from ata.log.cosigning_server import Reply, Witness
from audit.ledger import checkpoint, cosignature, merkle, note
from tests.ata.ata_process import Ata
from tests.support.signed import sign_checkpoint

ORIGIN = "ata.example/log"
LOG = note.new_key(ORIGIN)
LEAVES = [merkle.leaf_hash(bytes([n])) for n in range(20)]
FORKED = [*LEAVES[:5], merkle.leaf_hash(b"another"), *LEAVES[6:]]


def signed(size: int, leaves: list[bytes] = LEAVES, key: note.SigningKey = LOG) -> str:
    return sign_checkpoint(key.name, size, merkle.root(leaves[:size]), key.seed)


def submission(old: int, size: int, leaves: list[bytes] = LEAVES, head: str = "") -> bytes:
    proof = merkle.consistency_proof(leaves, old, size) if 0 < old < size else []
    lines = "".join(b64encode(one).decode() + "\n" for one in proof)
    return f"old {old}\n{lines}\n{head or signed(size, leaves)}".encode()


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(tmp_path / "witness", "w.example/1", [note.parse_vkey(LOG.vkey)])


def ask(witness: Witness, *args: object, **kwargs: object) -> Reply:
    return witness.add_checkpoint(submission(*args, **kwargs))  # type: ignore[arg-type]


def test_growth_is_cosigned(witness: Witness) -> None:
    for old, size in ((0, 3), (3, 8), (8, 8), (8, 20)):
        reply = ask(witness, old, size)
        assert reply.status == 200, reply.body
        cosigned = note.add_signature(signed(size), reply.body)
        (found,) = cosignature.verify(cosigned, [witness.vkey])
        assert found.key.name == "w.example/1"


def test_a_stale_log_is_told_the_size(witness: Witness) -> None:
    ask(witness, 0, 8)
    assert ask(witness, 3, 20) == Reply(409, "8\n", "text/x.tlog.size")
    assert ask(witness, 0, 3) == Reply(409, "8\n", "text/x.tlog.size")


def test_a_second_history_is_refused(witness: Witness) -> None:
    ask(witness, 0, 8)
    assert ask(witness, 8, 8, FORKED).status == 422
    assert ask(witness, 8, 20, FORKED).status == 422
    assert ask(witness, 8, 20).status == 200


def test_strangers_and_malformed_requests_are_told_apart(witness: Witness) -> None:
    other = note.new_key("other.example/log")
    impostor = note.new_key(ORIGIN)
    assert ask(witness, 0, 3, head=signed(3, key=other)).status == 404
    assert ask(witness, 0, 3, head=signed(3, key=impostor)).status == 403
    assert ask(witness, 5, 3).status == 400
    assert witness.add_checkpoint(b"nonsense").status == 400
    assert witness.add_checkpoint(b"old 01\n\n" + signed(3).encode()).status == 400
    assert witness.add_checkpoint(b"\xff").status == 400


def test_memory_and_key_survive_a_restart(tmp_path: Path) -> None:
    logs = [note.parse_vkey(LOG.vkey)]
    first = Witness(tmp_path, "w.example/1", logs)
    ask(first, 0, 8)
    with pytest.raises(AtaError, match="Another witness"):
        Witness(tmp_path, "w.example/1", logs)
    first.close()
    second = Witness(tmp_path, "ignored", logs)
    assert second.vkey == first.vkey
    assert ask(second, 0, 3).status == 409
    assert stat.S_IMODE((tmp_path / "key.json").stat().st_mode) == 0o600


def test_a_lost_key_is_not_silently_replaced(tmp_path: Path) -> None:
    logs = [note.parse_vkey(LOG.vkey)]
    first = Witness(tmp_path, "w.example/1", logs)
    ask(first, 0, 8)
    first.close()
    (tmp_path / "key.json").unlink()
    with pytest.raises(AtaError) as caught:
        Witness(tmp_path, "w.example/1", logs)
    assert caught.value.code == "key_missing"


@pytest.fixture
def running(ata: Ata) -> Iterator[dict[str, str]]:
    process = ata.start("witness", "--vkey", LOG.vkey, "--port", "0", "--json")
    assert process.stdout
    yield json.loads(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    process.communicate()


def test_the_command_serves_logs_and_monitors(running: dict[str, str]) -> None:
    with httpx.Client(base_url=running["url"], trust_env=False) as client:
        digest = hashlib.sha256(ORIGIN.encode()).hexdigest()
        assert client.get(f"/{digest}/checkpoint").status_code == 404
        assert client.post("/add-checkpoint", content=submission(0, 8)).status_code == 200
        stale = client.post("/add-checkpoint", content=submission(3, 8))
        assert (stale.status_code, stale.text) == (409, "8\n")
        assert stale.headers["content-type"] == "text/x.tlog.size"
        kept = client.get(f"/{digest}/checkpoint").text
        assert checkpoint.verify(kept, [LOG.vkey]).size == 8
        assert len(cosignature.verify(kept, [running["vkey"]])) == 1
        assert client.get("/../key.json/checkpoint").status_code == 404


@pytest.mark.parametrize("length", ["\xb2", "9" * 5_000, "-1", "999999"])
def test_a_length_that_is_none_is_refused_in_words(running: dict[str, str], length: str) -> None:
    url = urlsplit(running["url"])
    with socket.create_connection((url.hostname or "", url.port or 0), 30) as line:
        line.sendall(
            f"POST /add-checkpoint HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode("latin-1")
        )
        said = b"".join(iter(lambda: line.recv(1_000), b""))
    assert said.startswith(b"HTTP/1.1 413 ")


def test_a_witness_needs_a_log_to_watch(ata: Ata) -> None:
    assert ata("witness").returncode == 2
