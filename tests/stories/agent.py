"""Story 6. An agent works through the broker until the person disconnects."""

from __future__ import annotations

import re
import sys

from playwright.sync_api import expect

from tests.stories.house import House, code_on
from tests.stories.operator import decide
from tests.support.chrome import shots


def allow(house: House, name: str) -> None:
    """An operator allows an MCP server that was never scanned, on a second device."""
    page = house.visit("operator").page
    decide(page, house, f"/enforcement/mcp/{name}/", "allow", "reviewed for this story")
    page.wait_for_url(re.compile(r"/(approvals|enforcement)/"))
    if "/approvals/" in page.url:
        code = code_on(page)
        house.phone_asked_by(page, "operator").answer(code, "Approve")
        expect(page.locator(".code-big")).to_have_count(0, timeout=30_000)


def test_an_agent_acts_until_its_person_disconnects(house: House) -> None:
    allow(house, "github-mcp")
    ata = house.command_line("operator")
    ata.sign_in()
    agent = [
        sys.executable, "-m", "demo.agent", "--repeat", "200", "--every", "0.5", "--",
        *ata.command("mcp", "run", "github-mcp", "--agent", "story-agent", "--"),
        sys.executable, "-m", "demo.mcp_server",
    ]  # fmt: skip
    with ata.running(*agent) as process:
        assert process.stdout
        first = [process.stdout.readline() for _ in range(4)]
        assert "none" in first[0], first
        assert "list_repositories answered" in "".join(first), first
        page = house.visit("operator", "/connections/").page
        expect(page.locator("main .sub")).to_contain_text("github-mcp")
        shots(page, "6-agent-connections")
        page.get_by_role("row").filter(has_text="GitHub").get_by_role(
            "link", name="Disconnect…"
        ).first.click()
        page.get_by_role("button", name="Disconnect").click()
        expect(page.get_by_text("is disconnected.").first).to_be_visible()
        out, err = process.communicate(timeout=60)
    said = "".join(first) + out + err
    (house.homes / "agent-output.txt").write_text(said)
    assert process.returncode != 0, said
    assert "connection_revoked" in err or "connection_not_linked" in err, err
    # At most one call could have been under way while the button was pressed.
    assert "failed" in err.splitlines()[-1] or "failed" in out.splitlines()[-1], said


def test_home_says_who_can_act_as_you(house: House) -> None:
    page = house.visit("operator", "/connections/").page
    expect(page.locator("main")).to_contain_text("github-mcp")
