"""Story 6. An agent works through the broker until the person disconnects."""

from __future__ import annotations

import sys

from playwright.sync_api import expect

from tests.stories.house import House
from tests.support.chrome import shots


def test_an_agent_acts_until_its_person_disconnects(house: House) -> None:
    ata = house.command_line("operator", "agent")
    ata.sign_in()
    code, said = ata.decide("Approve", "mcp", "allow", "github-mcp", "--reason", "reviewed")
    assert code == 0, said
    agent = [
        sys.executable, "-m", "demo.agent", "--repeat", "200", "--every", "0.5", "--",
        *ata.command("mcp", "run", "github-mcp", "--agent", "story-agent", "--"),
        sys.executable, "-m", "demo.mcp_server",
    ]  # fmt: skip
    with ata.running(*agent) as process:
        assert process.stdout
        first = [process.stdout.readline() for _ in range(3)]
        assert "tokens in my own environment: none" in first[0], first
        assert "list_repositories answered" in first[2], first
        page = house.visit("operator").page
        expect(page.locator("main")).to_contain_text("github-mcp")
        page.goto(house.url("/connections/"))
        expect(page.locator("main .sub")).to_contain_text("1 agent can act as you")
        expect(page.locator("main .sub")).to_contain_text("github-mcp")
        shots(page, "6-agent-connections")
        row = page.get_by_role("row").filter(has_text="GitHub")
        row.get_by_role("link", name="Disconnect…").first.click()
        page.get_by_role("button", name="Disconnect").click()
        expect(page.get_by_text("is disconnected.").first).to_be_visible()
        out, err = process.communicate(timeout=60)
    said = "".join(first) + out + err
    house.keep("agent-output", said)
    house.keep("sessions", (ata.home / ".ata" / "session.json").read_text())
    assert process.returncode != 0, said
    assert "connection_revoked" in err or "connection_not_linked" in err, err
    # The call that was refused was the last one: nothing worked after it.
    assert said.count("refused") + said.count("failed") >= 1, said
