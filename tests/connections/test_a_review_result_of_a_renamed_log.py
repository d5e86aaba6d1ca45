"""A result signed after the log changed its name: a former key is enough, and the loss is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ata.cli import app
from audit.keys import keyring, log_identity, rotation
from audit.ledger import note
from audit.ledger.format.canonical import canonical
from audit.ledger.key_transitions import key_statements_in_exports, log_renames
from audit.ledger.offline import access_review_check
from audit.ledger.offline.proof_check import MOVED
from audit.recording.actors import SYSTEM
from audit.recording.record import record
from audit.sequencing import sequencer
from connections.access_reviews import signed_result_file
from connections.auth_ibom import signing
from tests.connections.campaign import _people, close, connected, file_of, opened
from tests.packs.renamed import NEW, OLD, gone_on, named_on_file, says, trusting

__all__ = ["_people"]

type Lines = list[bytes]


@pytest.fixture(autouse=True)
def _account(_people: None, settings: Any) -> None:
    named_on_file(settings)
    connected("member1")


def signed() -> Lines:
    """The file of a review that opens and closes now."""
    review = opened()
    close(review)
    review.refresh_from_db()
    assert signed_result_file.stands(review).whole
    return file_of(review)


@pytest.fixture
def old_key(settings: Any) -> str:
    """The key of before; three entries were lost, and the log goes on under another name."""
    record(SYSTEM, "external.happened")
    sequencer.run_once()
    return gone_on(settings)


def steps(lines: Lines, *keys: str) -> dict[str, tuple[bool, str]]:
    head = access_review_check.head_of(lines[0])
    assert head is not None
    trust, carried = access_review_check.followed(head, trusting(*keys))
    report = access_review_check.check(lines, trust.logs, trust.required, trust.moves)
    return {one.name: (one.ok, one.detail) for one in (*carried, *report.steps)}


def holds(lines: Lines, *keys: str) -> bool:
    return all(ok for ok, _ in steps(lines, *keys).values())


def bent(lines: Lines, statements: object) -> Lines:
    """What whoever has the present key may sign."""
    head = {name: told for name, told in json.loads(lines[0]).items() if name != "signature"}
    head |= {"key_statements": statements}
    return [canonical(signing.sign(head)) + b"\n", *lines[1:]]


def test_whoever_holds_the_former_key_alone_verifies_it_and_is_told_of_the_loss(
    old_key: str,
) -> None:
    lines = signed()
    assert holds(lines, old_key), steps(lines, old_key)
    found = steps(lines, old_key)
    assert found[key_statements_in_exports.CHECK] == (True, "1 signed by the keys before them.")
    assert found["A log you trust signed the result"] == (True, f"{NEW} signed it.")
    assert "3 of them were LOST" in found[MOVED][1]
    present = steps(lines, log_identity.vkey())
    assert "3 of them were LOST" in present[MOVED][1] and holds(lines, log_identity.vkey())
    assert not holds(lines, note.new_key(OLD).vkey), "a stranger's key leads nowhere"


def test_a_log_that_kept_its_name_brings_nothing_and_keeps_its_form() -> None:
    assert "key_statements" not in json.loads(signed()[0])
    sequencer.run_once()
    rotation.start()
    lines = signed()
    assert "key_statements" not in json.loads(lines[0]) and holds(lines, log_identity.vkey())


def test_keys_that_changed_under_the_new_name_are_led_to_as_well(old_key: str) -> None:
    rotation.start()
    record(SYSTEM, "external.happened")
    sequencer.run_once()
    rotation.finish()
    lines = signed()
    told = json.loads(lines[0])["key_statements"]
    assert told == list(keyring.read().statements) and len(told) == 2
    assert holds(lines, old_key) and holds(lines, log_identity.vkey())


def less_lost(told: list[str]) -> list[str]:
    assert " lost\n" in told[-1]
    return [told[-1].replace(" lost\n", " held\n", 1)]


def resized(told: list[str]) -> list[str]:
    said = log_renames.parse(told[-1])
    return [told[-1].replace(f"last {said.last.size}", f"last {said.kept.size + 1}")]


UNFIT: dict[str, Callable[[list[str]], object]] = {
    "the loss is called held": less_lost,
    "less was lost": resized,
    "strangers of the same names": lambda _: [says(OLD, NEW)],
    "another name": lambda _: [says(OLD, "ledger.example/other")],
    "a statement twice": lambda told: told * 2,
    "a stranger beside it": lambda told: [says("x.example/a", NEW), *told],
    "none": lambda _: [],
    "no list": lambda told: told[0],
    "no statement": lambda _: [""],
}


@pytest.mark.parametrize("how", UNFIT)
def test_statements_that_do_not_fit_fail_the_result_whatever_is_trusted(
    old_key: str, how: str
) -> None:
    lines = signed()
    unfit = bent(lines, UNFIT[how](json.loads(lines[0])["key_statements"]))
    for key in (old_key, log_identity.vkey()):
        assert steps(unfit, key)[key_statements_in_exports.CHECK][0] is False
    assert not holds(unfit, old_key)


def test_without_statements_the_former_key_leads_nowhere(old_key: str) -> None:
    lines = signed()
    head = json.loads(lines[0])
    silent = {k: v for k, v in head.items() if k not in {"signature", "key_statements"}}
    quiet = [canonical(signing.sign(silent)) + b"\n", *lines[1:]]
    assert not holds(quiet, old_key) and holds(quiet, log_identity.vkey())
    stripped = {k: v for k, v in head.items() if k != "key_statements"}
    assert not holds([canonical(stripped) + b"\n", *lines[1:]], log_identity.vkey())


def test_a_signature_that_names_another_key_does_not_fit(old_key: str) -> None:
    lines = signed()
    head = json.loads(lines[0])
    for name in (old_key, note.new_key(NEW).vkey, "none", 7):
        other = head | {"signature": head["signature"] | {"keyId": name}}
        assert not holds([canonical(other) + b"\n", *lines[1:]], old_key)


def test_ata_verify_needs_nothing_but_the_former_key(old_key: str, tmp_path: Path) -> None:
    file = tmp_path / "result.ndjson"
    file.write_bytes(b"".join(lines := signed()))
    said = CliRunner().invoke(app, ["verify", str(file), "--vkey", old_key])
    assert said.exit_code == 0 and "✓ Verified." in said.output and "were LOST" in said.output
    file.write_bytes(b"".join(bent(lines, [says(OLD, NEW)])))
    for key in (old_key, log_identity.vkey()):
        said = CliRunner().invoke(app, ["verify", str(file), "--vkey", key])
        assert said.exit_code == 1
        assert "✗ What former keys signed of this log fits" in said.output
