"""`ata subject`: the person is named by a key that is computed here; the subject is never sent."""

from __future__ import annotations

import json

import pytest

from audit.ledger.format.commitment import subject_key
from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import Reply, StandIn
from tests.ata.test_deciding import APPROVAL, approval, asked

ISS, SUB = "https://issuer.example/", "auth0|canary-mia"
KEY = subject_key(ISS, SUB)


@pytest.mark.parametrize("who", [(KEY,), (KEY.upper(),), ("--iss", ISS, "--sub", SUB)])
def test_each_act_is_one_decision_about_a_key(
    signed_in: Ata, portal: StandIn, who: tuple[str, ...]
) -> None:
    portal.on("POST", "/v1/decisions", Reply(201, {"event_id": "e1"}))
    acts = {"erase": "subject.erase", "hold": "legal_hold.place", "release": "legal_hold.lift"}
    for act in acts:
        matter = () if act == "erase" else ("--matter", "2026-114")
        done = signed_in.here("subject", act, *who, *matter, "--reason", "a letter", "--json")
        assert done.exit_code == 0, done.stderr
        assert json.loads(done.stdout) == {"status": "done", "event_id": "e1"}
    sent = portal.seen("POST", "/v1/decisions")
    about = {"target": {"kind": "subject", "name": KEY}, "reason": "a letter"}
    held = about | {"params": {"matter": "2026-114"}}
    assert [one.json for one in sent] == [
        {"verb": verb, **(about if act == "erase" else held)} for act, verb in acts.items()
    ]
    assert all(SUB.encode() not in one.body and SUB not in one.path for one in portal.requests)


@pytest.mark.parametrize(
    "args",
    [
        ("erase",),
        ("erase", "mia.canary@acme.example"),
        ("erase", KEY[:-1]),
        ("erase", KEY, "--iss", ISS, "--sub", SUB),
        ("erase", "--sub", SUB),
        ("erase", "--iss", ISS),
        ("hold", KEY),
        ("release", KEY),
        ("forget", KEY),
    ],
    ids=" ".join,
)
def test_a_person_who_is_not_named_by_one_key_is_wrong_usage(
    signed_in: Ata, portal: StandIn, args: tuple[str, ...]
) -> None:
    assert signed_in.here("subject", *args).exit_code == 2
    assert portal.requests == []


@pytest.mark.parametrize(
    ("code", "exit_code", "fix"),
    [
        ("legal_hold", 1, "`ata subject release`"),
        ("unknown_subject", 1, "with its slash at the end"),
        ("needs_another_person", 1, "Have another person do it."),
        ("reason_required", 1, "--reason"),
        ("bad_params", 2, "names the field"),
    ],
)
def test_a_refusal_says_what_to_do(
    signed_in: Ata, portal: StandIn, code: str, exit_code: int, fix: str
) -> None:
    portal.on("POST", "/v1/decisions", Reply(409, {"detail": "No", "code": code}))
    done = signed_in.here("subject", "erase", KEY, "--json")
    assert done.exit_code == exit_code
    error = json.loads(done.stdout)["error"]
    assert error["code"] == code and fix in error["fix"]


@pytest.mark.parametrize(
    ("outcome", "exit_code"),
    [("approved", 0), ("failed", 1), ("denied", 3), ("expired", 4), ("cancelled", 5)],
)
def test_it_waits_for_another_admin(
    signed_in: Ata, portal: StandIn, outcome: str, exit_code: int
) -> None:
    portal.on("POST", "/v1/decisions", asked())
    portal.on("GET", f"/v1/approvals/{APPROVAL}", approval("pending"), approval("closed", outcome))
    done = signed_in.here("subject", "erase", "--iss", ISS, "--sub", SUB)
    assert done.exit_code == exit_code, done.stdout
    assert "KQ7-M2X" in done.stdout
    assert len(portal.seen("GET", f"/v1/approvals/{APPROVAL}")) == 2
    assert SUB not in done.stdout + done.stderr


def test_a_process_of_its_own_asks_and_leaves(signed_in: Ata, portal: StandIn) -> None:
    portal.on("POST", "/v1/decisions", asked())
    who = ("--iss", ISS, "--sub", SUB)
    done = signed_in("subject", "erase", *who, "--no-wait", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["status"], said["approval_id"]) == ("pending", APPROVAL)
    assert portal.seen("GET", f"/v1/approvals/{APPROVAL}") == []
    assert SUB not in done.stdout + done.stderr
