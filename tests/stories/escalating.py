"""Story 9. An agent asks for more than its server declares; the owner and another answer."""

from __future__ import annotations

import subprocess
import sys

from playwright.sync_api import Page, expect

from tests.stories.house import WAITING, House, code_on, fresh
from tests.stories.member import connect
from tests.support.chrome import shots


def code_said(process: subprocess.Popen[str], said: list[str]) -> str:
    """The code that the waiting command shows, on standard error."""
    assert process.stderr
    for line in process.stderr:
        said.append(line)
        if found := WAITING.search(line):
            return found[1]
    raise AssertionError("".join(said))


def second_code(page: Page, first: str) -> str:
    """The code of whoever is asked after the owner, once the page shows it."""
    expect(page.get_by_role("heading", name="1 of 2 approved")).to_be_visible()
    expect(page.locator(".code-big").first).not_to_contain_text(first)
    return code_on(page)


def test_an_agent_gets_more_for_a_while_and_its_owner_ends_it(house: House) -> None:
    page = house.visit("member1").page
    own = connect(page, house, "github", "GitHub", fresh("mia-escalates"))
    house.visit("admin")  # somebody who can be asked after her
    ata = house.command_line("member1").signed_in()
    asking = (
        "mcp", "run", "github-mcp", "--agent", "story-agent", "--scope", "github:gist",
        "--account", fresh("mia-escalates"),
    )  # fmt: skip
    server = ("--", sys.executable, "-c", "pass")
    said: list[str] = []
    with ata.running(*ata.command(*asking, "--wait", *server)) as process:
        code = code_said(process, said)
        page.goto(house.url("/approvals/"))
        page.get_by_role("link", name="Let MCP server github-mcp").first.click()
        expect(page.get_by_role("heading", name="What would be allowed")).to_be_visible()
        expect(page.get_by_text("write gists").first).to_be_visible()
        shots(page, "9-escalation-asked")
        house.phone("member1").answer(code, "Approve")
        following = second_code(page, code)
        house.phone_asked_by(page, "member1").answer(following, "Approve")
        out, err = process.communicate(timeout=60)
    house.keep("ata-output", "".join(said) + out + err)
    assert process.returncode == 0, err
    page.goto(house.url(own))
    expect(page.get_by_role("heading", name="Allowed beyond manifests")).to_be_visible()
    shots(page, "9-escalation-allowed")
    page.get_by_role("button", name="Revoke", exact=True).click()
    expect(page.get_by_text("You took back what").first).to_be_visible()
    expect(page.get_by_role("heading", name="Allowed beyond manifests")).to_have_count(0)
    again = ata(*asking, *server)
    assert again.returncode != 0
    assert "scope_not_declared" in again.stderr
