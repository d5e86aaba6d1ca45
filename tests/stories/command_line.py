"""Story 5. An operator decides from a terminal and approves on their phone."""

from __future__ import annotations

import json

from tests.stories.house import House, fresh


def test_sign_in_decide_and_sign_out_from_a_terminal(house: House) -> None:
    ata = house.command_line("operator", "terminal")
    assert ata("status").returncode == 1
    assert "Olu Operator" in ata.sign_in()
    status = json.loads(ata("status", "--json").stdout)
    assert (status["email"], status["roles"]) == ("operator@acme.example", ["operator"])
    assert ata.session.stat().st_mode & 0o777 == 0o600

    block = ("skill", "block", "--new", "--reason", "by story", "--severity", "HIGH")
    approved, denied = fresh("terminal-approved"), fresh("terminal-denied")
    code, said = ata.decide("Approve", *block, approved)
    assert code == 0, said
    assert approved in house.stack.enforced("laptop-mia")
    code, said = ata.decide("Deny", *block, denied)
    assert code == 3, said
    assert "denied" in said

    out = ata("logout")
    assert out.returncode == 0, out.stderr
    assert not ata.session.exists()
    assert ata("status").returncode == 1


def test_a_mild_block_from_a_terminal_is_done_at_once(house: House) -> None:
    ata = house.command_line("operator2").signed_in()
    done = ata("tool", "block", fresh("screen.record"), "--new", "--reason", "not needed", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["event_id"]


def test_wrong_use_of_the_command_line_is_said_with_exit_code_two(house: House) -> None:
    ata = house.command_line("member1", "nobody")
    assert ata("skill", "block").returncode == 2
    unsigned = ata("skill", "block", "x", "--reason", "y")
    assert unsigned.returncode == 1
    assert "ata login" in unsigned.stderr
