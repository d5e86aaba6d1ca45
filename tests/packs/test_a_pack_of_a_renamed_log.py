"""A pack made after the log changed its name: a former key is enough, and the loss is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audit.keys import keyring, log_identity, rotation
from audit.ledger import note
from audit.ledger.key_transitions import key_statements_in_exports, log_renames
from audit.ledger.offline.proof_check import MOVED
from audit.ledger.packs import archive, pack_check
from audit.ledger.packs.pack_check_result import PackReport
from audit.ledger.trust_policy import NONE, Policy
from audit.recording.actors import SYSTEM
from audit.recording.record import record
from audit.sequencing import sequencer
from tests.ata.ata_process import Ata
from tests.attacks.ledger.world import undone
from tests.packs.act import Act
from tests.packs.bending import members_of, resigned
from tests.packs.renamed import MEMBER, NEW, OLD, UNFIT, named_on_file, says, trusting
from tests.support import renamed_log


def check(body: bytes, act: Act, *vkeys: str) -> PackReport:
    return pack_check.check(body, pack_check.Roots(trusting(*vkeys), {"": act.issuer_keys}))


def details(report: PackReport, name: str) -> list[tuple[str, str]]:
    return [(one.state, one.detail) for one in report.checks if one.name == name]


def test_whoever_holds_the_former_key_alone_verifies_it_and_is_told_of_the_loss(
    act: Act, old_key: str
) -> None:
    body = act.pack().body
    report = check(body, act, old_key)
    assert report.intact, report.checks
    assert details(report, key_statements_in_exports.CHECK) == [
        ("ok", "1 statement, each signed by the keys before it.")
    ]
    ((state, told),) = details(report, MOVED)
    assert state == "ok" and "the last 3 of them were LOST" in told
    assert all(any(c.name == MOVED for c in event.checks) for event in report.events)
    assert any("who keeps a later checkpoint" in one for one in report.not_proven)


def test_whoever_holds_the_present_key_is_told_of_the_loss_too(act: Act, old_key: str) -> None:
    report = check(act.pack().body, act, log_identity.vkey())
    assert report.intact and "3 of them were LOST" in details(report, MOVED)[0][1]


def test_whoever_holds_no_key_of_it_believes_nothing(act: Act, old_key: str) -> None:
    report = check(act.pack().body, act, note.new_key(OLD).vkey)
    assert not report.intact and details(report, archive.SIGNED_CHECK)[0][0] == "failed"


def test_the_same_content_gives_the_same_bytes_and_a_log_that_kept_its_name_brings_nothing(
    act: Act, settings: object
) -> None:
    assert MEMBER not in members_of(act.pack().body)
    named_on_file(settings)
    rotation.start()
    assert MEMBER not in members_of(act.pack().body)
    with undone():
        record(SYSTEM, "external.happened")
        sequencer.run_once()
    renamed_log.rename(NEW, "why", "me")
    sequencer.run_once()
    body = act.pack().body
    assert body == act.pack().body
    told = key_statements_in_exports.read(members_of(body)[MEMBER])
    assert told == list(keyring.read().statements) and len(told) >= 2


def test_a_pack_of_before_stays_valid_by_the_key_of_before(act: Act, settings: object) -> None:
    named_on_file(settings)
    body, key = act.pack().body, log_identity.vkey()
    with undone():
        record(SYSTEM, "external.happened")
        sequencer.run_once()
    renamed_log.rename(NEW, "why", "me")
    assert check(body, act, key).intact


def test_keys_that_changed_before_and_after_the_name_are_followed_too(
    act: Act, settings: object
) -> None:
    named_on_file(settings)
    first = log_identity.vkey()
    for name in (NEW, "ledger.example/third"):
        rotation.start()
        record(SYSTEM, "external.happened")
        sequencer.run_once()
        rotation.finish()
        with undone():
            record(SYSTEM, "external.happened")
            sequencer.run_once()
        renamed_log.rename(name, "why", "me")
        sequencer.run_once()
    rotation.start()
    sequencer.run_once()
    report = check(act.pack().body, act, first)
    assert report.intact, report.checks
    assert len(details(report, MOVED)) == 2


@pytest.mark.parametrize("how", UNFIT)
def test_a_statement_that_does_not_fit_is_refused_by_name_whatever_key_is_trusted(
    act: Act, old_key: str, how: str
) -> None:
    bent = resigned(act.pack().body, UNFIT[how])
    for key in (old_key, log_identity.vkey()):
        report = check(bent, act, key)
        assert not report.intact
        assert [state for state, _ in details(report, key_statements_in_exports.CHECK)] == [
            "failed"
        ]


def test_it_is_held_against_the_history_that_the_verifier_brings(act: Act, old_key: str) -> None:
    told = key_statements_in_exports.read(members_of(act.pack().body)[MEMBER])
    (move,) = log_renames.trail(told, [old_key]).moves
    brought = Policy((note.parse_vkey(old_key),), {}, {}, NONE, moves=(move,))
    assert pack_check.check(act.pack().body, pack_check.Roots(brought)).intact
    other = log_renames.parse(says(OLD, f"{OLD}/other"))
    brought = Policy((note.parse_vkey(old_key),), {}, {}, NONE, moves=(other,))
    report = pack_check.check(act.pack().body, pack_check.Roots(brought))
    assert (
        "otherwise than the history that you brought"
        in details(report, key_statements_in_exports.CHECK)[0][1]
    )


def test_without_the_statement_the_former_key_is_not_enough(act: Act, old_key: str) -> None:
    bent = resigned(
        act.pack().body, lambda held: {name: held[name] for name in held if name != MEMBER}
    )
    assert not check(bent, act, old_key).intact


def test_the_command_line_tells_it(act: Act, old_key: str, ata: Ata, tmp_path: Path) -> None:
    (tmp_path / "act.zip").write_bytes(act.pack().body)
    (tmp_path / "log.key").write_text(old_key)
    (tmp_path / "jwks.json").write_text(json.dumps(act.issuer_keys))
    brought = ["--vkey", str(tmp_path / "log.key"), "--issuer-keys", str(tmp_path / "jwks.json")]
    done = ata("verify", str(tmp_path / "act.zip"), *brought)
    assert done.returncode == 0, done.stdout
    assert "3 of them were LOST" in done.stdout
    done = ata("verify", str(tmp_path / "act.zip"), "--vkey", old_key, "--json")
    assert MOVED in {one["name"] for one in json.loads(done.stdout)["checks"]}
