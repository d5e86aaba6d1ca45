"""Cosignatures and a time token travel in a pack, and count for who trusts those that made them."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from audit.ledger import time_tokens
from audit.ledger.packs import pack_check
from audit.ledger.packs.pack_check_result import PackReport
from audit.recording.record import record
from audit.sequencing import sequencer
from tests.ata.ata_process import Ata
from tests.audit.factories import OLU
from tests.packs.act import Act, jwks
from tests.packs.bending import members_of, resigned
from tests.packs.outside import timed, witnessed
from tests.support import authority

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not authority.is_here(), reason="openssl is not installed"),
]
TIME = pack_check.TIME_CHECK


def checked(body: bytes, act: Act, **roots: Any) -> PackReport:
    return pack_check.check(body, pack_check.Roots(issuer_keys={"": jwks()}, **roots))


def _with(held: dict[str, bytes], name: str, body: bytes) -> dict[str, bytes]:
    return held | {name: body}


def time_checks(report: PackReport) -> set[str]:
    return {one.state for event in report.events for one in event.checks if one.name == TIME}


def test_a_pack_leads_to_the_tree_that_others_saw_and_reaches_their_level(
    act: Act, tmp_path: Path, settings: Any
) -> None:
    trust = witnessed(tmp_path, settings)
    office = timed(tmp_path, settings)
    record(OLU, "skill.held")
    sequencer.run_once()  # a newer tree that nobody has seen yet
    body = act.pack().body
    assert "log/time-token" in members_of(body)
    roots = time_tokens.read_roots(office.root_file.read_bytes())
    report = checked(body, act, policy=trust, authorities=roots)
    assert report.intact, report.to_dict()
    assert {event.log.code for event in report.events} == {"L3"}
    assert time_checks(report) == {"ok"}
    assert any(
        "An external authority had seen it by" in one for one in report.events[0].log.reasons
    )
    without = checked(body, act, policy=trust)
    assert without.intact and {event.log.code for event in without.events} == {"L2"}
    assert time_checks(without) == {"unchecked"}
    assert f"{TIME}: not checked here." in without.not_proven
    alone = act.check(body)  # who trusts the log's key and nobody else
    assert {event.log.code for event in alone.events} == {"L1"}
    assert any("no quorum of witnesses" in one for one in alone.not_proven)


def test_a_token_or_cosignature_that_does_not_hold_is_found_also_under_the_logs_signature(
    act: Act, tmp_path: Path, settings: Any
) -> None:
    trust = witnessed(tmp_path, settings)
    office = timed(tmp_path, settings)
    roots = time_tokens.read_roots(office.root_file.read_bytes())
    body = act.pack().body
    token = members_of(body)["log/time-token"]
    for other in (token[:-9] + bytes([token[-9] ^ 1]) + token[-8:], b"none"):
        bent = resigned(body, partial(_with, name="log/time-token", body=other))
        report = checked(bent, act, policy=trust, authorities=roots)
        assert not report.intact and time_checks(report) == {"failed"}
        assert {event.log.code for event in report.events} == {"L2"}

    def stripped(held: dict[str, bytes]) -> dict[str, bytes]:
        line = held["log/checkpoint"].splitlines(keepends=True)[-1]
        assert line.startswith("— witness.example/w".encode())
        return {name: body.replace(line, b"") if name.startswith(("log/", "events/")) else body
                for name, body in held.items()}  # fmt: skip

    report = checked(resigned(body, stripped), act, policy=trust, authorities=roots)
    assert not report.intact and {event.log.code for event in report.events} == {"L1"}


def test_without_a_token_nothing_is_said_of_one(act: Act) -> None:
    report = act.check(act.pack().body)
    assert report.intact and time_checks(report) == set()
    assert not any(TIME in one for one in report.not_proven)


def test_of_five_packs_the_command_names_the_tampered_one_and_the_level_of_the_others(
    act: Act, ata: Ata, tmp_path: Path, settings: Any
) -> None:
    witnessed(tmp_path, settings)
    office = timed(tmp_path, settings)
    body = act.pack().body
    paths = [tmp_path / f"act-{number}.zip" for number in range(1, 6)]
    for path in paths:
        path.write_bytes(body)
    paths[3].write_bytes(body.replace(b"exfiltrates", b"Exfiltrates", 1))
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps(jwks()))
    command = ["verify", *map(str, paths), "--policy", str(tmp_path / "policy")]
    told = ata.here(*command, "--issuer-keys", str(keys), "--tsa-ca", str(office.root_file))
    assert told.exit_code == 1
    verdicts = [line for line in told.output.splitlines() if "erified" in line or "NOT" in line]
    *each, overall = verdicts
    assert [line.startswith("✓") for line in each] == [True, True, True, False, True]
    assert overall == f"✗ NOT verified: 1 of 5 parts is not: {paths[3]}."
    assert told.output.count("(L3)") == 4 * 3
    for words in ("Who:", "What:", "When:", "Approved:", "Not proven:"):
        assert told.output.count(words) >= 4
