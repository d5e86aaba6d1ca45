from __future__ import annotations

import hashlib
import json
import secrets
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from audit.ledger import inclusion_proof_file, merkle, mldsa, note
from audit.ledger.format import entry
from audit.ledger.key_transitions import handover
from tests.ata.ata_process import Ata
from tests.support.signed import sign_checkpoint

ORIGIN = "ata.example/log"
ISSUER = "https://acme.example/"
LOG = note.new_key(ORIGIN)
STRANGER = note.new_key(ORIGIN)
ENDINGS = ("tlog-proof", "entry", "openings.json")
WHEN = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)


@cache
def issuer_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "k1"})


def id_token(sub: str = "auth0|olu") -> bytes:
    claims = {"iss": ISSUER, "sub": sub, "aud": "ata-web", "iat": int(WHEN.timestamp()) - 60}
    return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, issuer_key()).encode()


@dataclass
class Pack:
    folder: Path
    token: bytes

    def file(self, name: str) -> str:
        return str(self.folder / name)

    @property
    def policy(self) -> str:
        return self.file("policy.txt")


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    token = id_token()
    named = [{"kind": "id_token", "digest": hashlib.sha256(token).hexdigest()}]
    return write_pack(tmp_path, token, blocked=named)


@pytest.fixture
def bare(tmp_path: Path) -> Pack:
    """An entry that names a person and no evidence."""
    return write_pack(tmp_path, id_token(), blocked=[])


def write_pack(tmp_path: Path, token: bytes, **evidence: list[dict[str, str]]) -> Pack:
    """Files of entries of one operation in one log, by the evidence of each."""
    folder = tmp_path / "pack"
    folder.mkdir()
    leaves = [merkle.leaf_hash(bytes([n])) for n in range(6)]
    events = {name: build(number, named) for number, (name, named) in enumerate(evidence.items())}
    leaves[3:3] = [merkle.leaf_hash(built.entry) for built in events.values()]
    root = merkle.root(leaves)
    signed = sign_checkpoint(ORIGIN, len(leaves), root, LOG.seed)
    for index, (name, built) in enumerate(events.items(), 3):
        path = merkle.inclusion_proof(leaves, index, len(leaves))
        (folder / f"{name}.tlog-proof").write_text(inclusion_proof_file.write(index, path, signed))
        (folder / f"{name}.entry").write_bytes(built.entry)
        openings = [
            {"path": o.path, "subject": o.subject, "salt": o.salt.hex(), "value": o.value}
            for o in built.openings
        ]
        (folder / f"{name}.openings.json").write_text(json.dumps({"openings": openings}))
    (folder / "policy.txt").write_text(f"log {LOG.vkey}\nquorum none\n")
    (folder / "stranger.txt").write_text(f"log {STRANGER.vkey}\nquorum none\n")
    (folder / "token.jwt").write_bytes(token + b"\n")
    (folder / "jwks.json").write_text(json.dumps({"keys": [issuer_key().as_dict(private=False)]}))
    return Pack(folder, token)


def build(number: int, evidence: list[dict[str, str]]) -> entry.Built:
    return entry.build(
        {
            "time": WHEN,
            "recorded_at": WHEN,
            "action": "skill.blocked",
            "outcome": "success",
            "severity": "HIGH",
            "source": "portal",
            "via": "cli",
            "operation": "01890000-0000-7000-8000-00000000000f",
            "actor": {"iss": ISSUER, "sub": "auth0|olu", "name": "Olu", "email": "", "roles": []},
            "target": {"kind": "skill", "name": "web-scraper", "instance": ""},
            "evidence": evidence,
        },
        id=UUID(f"01890000-0000-7000-8000-{number + 1:012}"),
    )


def report(ata: Ata, *args: str) -> tuple[int, dict[str, Any]]:
    done = ata("verify", *args, "--json", ATA_PORTAL="http://127.0.0.1:9")
    assert done.stderr == ""
    value: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, value


def test_a_proof_is_verified_with_nobody_to_ask(ata: Ata, pack: Pack) -> None:
    code, value = report(ata, pack.file("blocked.tlog-proof"), "--policy", pack.policy)
    assert code == 0
    assert value["ok"] is True
    assert value["index"] == 3
    assert [step["ok"] for step in value["steps"]] == [True] * 4
    assert value["log"]["code"] == "L1"
    assert value["human"] is None
    assert value["checkpoint"]["origin"] == ORIGIN
    assert any("Who acted" in limit for limit in value["not_proven"])


def test_people_read_steps_and_limits(ata: Ata, pack: Pack) -> None:
    done = ata("verify", pack.file("blocked.tlog-proof"), "--vkey", LOG.vkey)
    assert done.returncode == 0
    assert done.stdout.count("✓") == 5
    assert "✗" not in done.stdout
    assert "Not proven:" in done.stdout


def test_the_entry_can_be_named(ata: Ata, pack: Pack) -> None:
    elsewhere = pack.folder.parent / "downloaded"
    Path(pack.file("blocked.entry")).rename(elsewhere)
    proof_file = pack.file("blocked.tlog-proof")
    code, value = report(ata, proof_file, "--entry", str(elsewhere), "--policy", pack.policy)
    assert (code, value["ok"]) == (0, True)
    done = ata("verify", proof_file, "--policy", pack.policy)
    assert done.returncode == 2
    assert "--entry FILE" in done.stderr


def test_one_changed_byte_turns_it_red(ata: Ata, pack: Pack) -> None:
    path = Path(pack.file("blocked.entry"))
    path.write_bytes(path.read_bytes().replace(b'"HIGH"', b'"INFO"'))
    code, value = report(ata, pack.file("blocked.tlog-proof"), "--policy", pack.policy)
    assert code == 1
    assert value["ok"] is False
    assert [s["name"] for s in value["steps"] if not s["ok"]] == ["The entry is in that tree"]
    assert value["log"]["code"] == "L0"


def test_another_key_of_the_same_name_is_not_trusted(ata: Ata, pack: Pack) -> None:
    code, value = report(
        ata, pack.file("blocked.tlog-proof"), "--policy", pack.file("stranger.txt")
    )
    assert (code, value["ok"]) == (1, False)


def test_without_a_trusted_key_nothing_is_claimed(ata: Ata, pack: Pack) -> None:
    done = ata("verify", pack.file("blocked.tlog-proof"))
    assert done.returncode == 2
    assert "GET /log/key" in done.stderr
    assert "says nothing about who owns it" in done.stderr
    assert done.stdout == ""


def test_a_sign_in_signed_by_the_issuer_raises_the_person_to_h1(ata: Ata, pack: Pack) -> None:
    files = [pack.file(n) for n in ("token.jwt", "blocked.openings.json", "blocked.tlog-proof")]
    roots = ["--policy", pack.policy, "--issuer-keys", pack.file("jwks.json")]
    code, value = report(ata, *files, *roots)
    assert code == 0
    assert value["human"]["code"] == "H1"
    assert value["openings"] == {"given": 3, "ok": True, "detail": ""}
    assert not any("Who acted" in limit for limit in value["not_proven"])


def test_a_sign_in_that_the_issuer_did_not_sign_fails_as_in_a_pack(ata: Ata, pack: Pack) -> None:
    other = RSAKey.generate_key(2048, {"kid": "k1"})
    keys = pack.folder / "other.json"
    keys.write_text(json.dumps({"keys": [other.as_dict(private=False)]}))
    files = [pack.file(n) for n in ("token.jwt", "blocked.openings.json", "blocked.tlog-proof")]
    roots = ["--policy", pack.policy, "--issuer-keys", str(keys)]
    code, value = report(ata, *files, *roots)
    assert (code, value["ok"], value["verdict"]) == (1, False, "failed")
    assert any("sign-in token does not count" in one for one in value["refused"])
    done = ata("verify", *files, *roots)
    assert done.returncode == 1 and "✗ NOT verified." in done.stdout
    assert "✓ Verified." not in done.stdout


def test_a_sign_in_that_is_not_given_leaves_the_person_unproven(ata: Ata, pack: Pack) -> None:
    files = [pack.file(n) for n in ("blocked.openings.json", "blocked.tlog-proof")]
    roots = ["--policy", pack.policy, "--issuer-keys", pack.file("jwks.json")]
    code, value = report(ata, *files, *roots)
    assert (code, value["ok"], value["verdict"]) == (1, False, "unproven")
    assert value["unproven"] == ["who acted"] and value["refused"] == []
    done = ata("verify", *files, *roots)
    assert "– Log entry verified. Person NOT proven: who acted." in done.stdout


@pytest.mark.parametrize("with_keys", [True, False])
def test_a_person_whom_an_entry_names_without_evidence_is_unproven_as_in_a_pack(
    ata: Ata, bare: Pack, with_keys: bool
) -> None:
    files = [bare.file(n) for n in ("blocked.openings.json", "blocked.tlog-proof")]
    roots = ["--policy", bare.policy]
    roots += ["--issuer-keys", bare.file("jwks.json")] if with_keys else []
    code, value = report(ata, *files, *roots)
    assert (code, value["ok"], value["verdict"]) == (1, False, "unproven")
    assert value["unproven"] == ["who acted"]
    done = ata("verify", *files, *roots)
    assert "– Log entry verified. Person NOT proven: who acted." in done.stdout
    assert "nothing but the record shows that it was Olu (auth0|olu" in done.stdout


def test_the_sign_in_of_another_entry_of_the_operation_stands_in_for_one_that_is_missing(
    ata: Ata, tmp_path: Path
) -> None:
    token = id_token()
    named = [{"kind": "id_token", "digest": hashlib.sha256(token).hexdigest()}]
    pack = write_pack(tmp_path, token, asked=named, blocked=[])
    both = [pack.file(f"{name}.{end}") for name in ("asked", "blocked") for end in ENDINGS]
    roots = ["--policy", pack.policy, "--issuer-keys", pack.file("jwks.json")]
    assert ata("verify", *both, pack.file("token.jwt"), *roots).returncode == 0
    alone = ata("verify", *both[3:], pack.file("token.jwt"), *roots)
    assert alone.returncode == 1 and "Person NOT proven: who acted." in alone.stdout


def test_a_verdict_about_an_entry_that_stays_closed_names_nobody(ata: Ata, bare: Pack) -> None:
    done = ata("verify", bare.file("blocked.tlog-proof"), "--policy", bare.policy)
    assert done.returncode == 0
    assert "✓ Log entry verified. It names no one here: no openings were given." in done.stdout


def test_without_the_openings_its_evidence_proves_nobody_and_the_person_is_unproven(
    ata: Ata, pack: Pack
) -> None:
    files = [pack.file("token.jwt"), pack.file("blocked.tlog-proof")]
    roots = ["--policy", pack.policy, "--issuer-keys", pack.file("jwks.json")]
    code, value = report(ata, *files, *roots)
    assert (code, value["human"]["code"], value["verdict"]) == (1, "H0", "unproven")
    assert value["unproven"] == ["who acted"]
    done = ata("verify", *files, *roots)
    assert "– Log entry verified. Person NOT proven: who acted." in done.stdout
    assert "No openings were given, so nothing shows of whom the evidence is" in done.stdout


def test_an_opening_that_was_changed_is_found(ata: Ata, pack: Pack) -> None:
    path = Path(pack.file("blocked.openings.json"))
    path.write_text(path.read_text().replace('"Olu"', '"Eve"'))
    files = [str(path), pack.file("blocked.tlog-proof")]
    code, value = report(ata, *files, "--policy", pack.policy)
    assert code == 1
    assert value["ok"] is False
    assert "/actor/name" in value["openings"]["detail"]


def test_a_zip_archive_is_a_pack(ata: Ata, pack: Pack) -> None:
    archive = pack.folder.parent / "pack.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for name in ("blocked.tlog-proof", "blocked.entry", "token.jwt"):
            opened.write(pack.file(name), name)
    code, value = report(ata, str(archive), "--policy", pack.policy)
    assert (code, value["ok"]) == (0, True)


def test_files_that_cannot_be_used_are_named(ata: Ata, pack: Pack) -> None:
    assert "cannot be read" in ata("verify", "nowhere", "--vkey", LOG.vkey).stderr
    done = ata("verify", pack.file("token.jwt"), "--vkey", LOG.vkey)
    assert done.returncode == 2
    assert "None of the files is a proof" in done.stderr
    Path(pack.policy).write_text("log nonsense\n")
    done = ata("verify", pack.file("blocked.tlog-proof"), "--policy", pack.policy)
    assert done.returncode == 2
    assert "line 1" in done.stderr


def test_a_verifier_follows_from_the_key_it_has_to_newer_ones(ata: Ata, pack: Pack) -> None:
    older = note.new_key(ORIGIN)
    both = [older.vkey, LOG.vkey]
    statement = handover.write(ORIGIN, 5, [older.vkey], both, {older.vkey: older.seed})
    history = pack.folder / "keys.json"
    history.write_text(json.dumps({"statements": [statement]}))
    asked = (pack.file("blocked.tlog-proof"), "--vkey", older.vkey)
    assert report(ata, *asked)[0] == 1
    assert report(ata, *asked, "--key-history", str(history))[0] == 0
    # What a stranger says about keys leads nobody anywhere.
    stranger = note.new_key(ORIGIN)
    asked = (pack.file("blocked.tlog-proof"), "--vkey", stranger.vkey)
    assert report(ata, *asked, "--key-history", str(history))[0] == 1
    history.write_text(json.dumps({"statements": [statement.replace("from 5", "from 6")]}))
    done = ata("verify", *asked[:1], "--vkey", older.vkey, "--key-history", str(history))
    assert done.returncode == 2 and "does not verify" in done.stderr
    # Two keys in one file, as `/log/key` serves them; a policy that asks for both kinds.
    two = secrets.token_bytes(mldsa.SEED_SIZE)
    keys = f"{LOG.vkey}\n{mldsa.vkey(ORIGIN, mldsa.public_key(two))}\n"
    (pack.folder / "log.key").write_text(keys)
    assert report(ata, asked[0], "--vkey", str(pack.folder / "log.key"))[0] == 0
    lines = [*(f"log {one}" for one in keys.split()), "quorum none", "require ed25519 ml-dsa-44"]
    (pack.folder / "both.txt").write_text("\n".join(lines))
    code, value = report(ata, asked[0], "--policy", str(pack.folder / "both.txt"))
    assert code == 1 and "signed it with ML-DSA-44" in value["steps"][1]["detail"]
    proof_file = Path(asked[0])
    signed = proof_file.read_text()
    head = signed.partition("\n\n")[2]
    proof_file.write_text(signed + mldsa.sign(head, ORIGIN, two, 1_764_000_000))
    assert report(ata, asked[0], "--policy", str(pack.folder / "both.txt"))[0] == 0


def test_files_that_no_check_reads_are_named(ata: Ata, pack: Pack) -> None:
    stray, other = Path(pack.file("notes.txt")), Path(pack.file("other.entry"))
    stray.write_text("approved by everybody")
    other.write_bytes(Path(pack.file("blocked.entry")).read_bytes())
    names = ("blocked.tlog-proof", "blocked.entry", "blocked.openings.json", "token.jwt")
    files = [*(pack.file(name) for name in names), str(stray), str(other)]
    roots = ["--policy", pack.policy, "--issuer-keys", pack.file("jwks.json")]
    code, value = report(ata, *files, *roots)
    assert (code, value["not_checked"]) == (0, [str(other), str(stray)])
    done = ata("verify", *files, *roots)
    assert "Not checked" in done.stdout and str(stray) in done.stdout
    _, value = report(ata, *files[:4], *roots)
    assert value["not_checked"] == []
    _, value = report(ata, *files[:4], "--policy", pack.policy)
    assert value["not_checked"] == [pack.file("token.jwt")], "nobody judged it"


def test_of_several_parts_the_files_that_no_check_reads_are_named_once(
    ata: Ata, pack: Pack
) -> None:
    again = Path(pack.file("again.tlog-proof"))
    again.write_bytes(Path(pack.file("blocked.tlog-proof")).read_bytes())
    Path(pack.file("again.entry")).write_bytes(Path(pack.file("blocked.entry")).read_bytes())
    names = ("blocked.tlog-proof", "again.tlog-proof", "blocked.entry", "again.entry", "token.jwt")
    files = [pack.file(name) for name in names]
    done = ata("verify", *files, "--policy", pack.policy)
    assert done.returncode == 0 and done.stdout.count(pack.file("token.jwt")) == 1
