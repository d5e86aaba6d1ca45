"""Story 6. An agent works through the broker until the person disconnects."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import expect

from tests.stories.house import House, fresh
from tests.stories.member import connect
from tests.support.chrome import shots


def given(process: int) -> str:
    """Arguments and environment of a process, as whoever shares its machine reads them."""
    folder = Path("/proc") / str(process)
    return ((folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()).decode(
        errors="replace"
    )


def with_the_broker(agent: int) -> list[int]:
    """The `ata` that an agent started, which speaks to the broker; not the server behind it."""
    children = Path(f"/proc/{agent}/task/{agent}/children").read_text().split()
    return [int(child) for child in children]


def test_an_agent_acts_until_its_person_disconnects(house: House) -> None:
    operator = house.command_line("operator").signed_in()
    code, said = operator.decide("Approve", "mcp", "allow", "github-mcp", "--reason", "reviewed")
    assert code == 0, said
    page = house.visit("member2").page
    own = connect(page, house, "github", "GitHub", fresh("milo-agent"))
    ata = house.command_line("member2").signed_in()
    agent = [
        sys.executable, "-m", "demo.agent", "--repeat", "2000", "--every", "0.5", "--",
        *ata.command("mcp", "run", "github-mcp", "--agent", "story-agent", "--"),
        sys.executable, "-m", "demo.mcp_server",
    ]  # fmt: skip
    with ata.running(*agent) as process:
        assert process.stdout
        first = [process.stdout.readline() for _ in range(3)]
        for process_id in (process.pid, *with_the_broker(process.pid)):
            house.keep("agent-process", given(process_id))
        assert "tokens in my own environment: none" in first[0], first
        assert "list_repositories answered" in first[2], first
        page.goto(house.url("/"))
        expect(page.get_by_role("heading", name="1 component can act for you")).to_be_visible()
        expect(page.locator("main .sub")).to_contain_text("Last used by github-mcp")
        shots(page, "6-agent-home")
        page.goto(house.url(own))
        expect(page.get_by_text("story-agent").first).to_be_visible()
        shots(page, "6-agent-connection")
        page.get_by_role("link", name="Disconnect…").click()
        page.get_by_role("button", name="Disconnect").click()
        expect(page.get_by_text("is disconnected.").first).to_be_visible()
        out, err = process.communicate(timeout=60)
    said = "".join(first) + out + err
    house.keep("agent-output", said)
    assert process.returncode != 0, said
    assert "connection_revoked" in err, err
    # The very next call failed: the one that was refused is the last.
    assert out.rstrip().endswith("demo-agent") or "failed" in err, said
