"""Story 5. An operator decides from a terminal and approves on their phone."""

from __future__ import annotations

import json
import re

from tests.stories.house import CODE, House, Phone

WAITING = re.compile(r"Code: (\d\d-\d\d-\d\d)")


def decide(house: House, word: str, skill: str) -> tuple[int, str]:
    """Block a skill as HIGH, answer on the phone; returns the exit code and what was said."""
    ata = house.command_line("operator")
    phone: Phone = house.phone("operator")
    command = ata.command("skill", "block", skill, "--reason", "by story", "--severity", "HIGH")
    with ata.running(*command) as process:
        assert process.stdout
        lines = []
        for line in process.stdout:
            lines.append(line)
            if found := WAITING.search(line):
                phone.answer(found[1], word)
                break
        rest, err = process.communicate(timeout=60)
    assert any(CODE.search(line) for line in lines), err
    return process.returncode, "".join(lines) + rest + err


def test_sign_in_decide_and_sign_out_from_a_terminal(house: House) -> None:
    ata = house.command_line("operator")
    assert ata("status").returncode == 1
    assert "Olu Operator" in ata.sign_in()
    status = json.loads(ata("status", "--json").stdout)
    assert (status["email"], status["roles"]) == ("operator@acme.example", ["operator"])
    assert (ata.home / ".ata" / "session.json").stat().st_mode & 0o777 == 0o600

    code, said = decide(house, "Approve", "terminal-approved")
    assert code == 0, said
    assert "terminal-approved" in house.stack.enforced("edge-1")
    code, said = decide(house, "Deny", "terminal-denied")
    assert code == 3, said
    assert "denied" in said

    out = ata("logout")
    assert out.returncode == 0, out.stderr
    assert not (ata.home / ".ata" / "session.json").exists()
    assert ata("status").returncode == 1


def test_wrong_use_of_the_command_line_is_said_with_exit_code_two(house: House) -> None:
    ata = house.command_line("member1")
    assert ata("skill", "block").returncode == 2
    unsigned = ata("skill", "block", "x", "--reason", "y")
    assert unsigned.returncode == 1
    assert "ata login" in unsigned.stderr
