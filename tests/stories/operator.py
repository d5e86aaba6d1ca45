"""Story 4. A scanner finds something CRITICAL; it is on hold before anybody is asked."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.stories.house import House, code_on, fresh
from tests.support.chrome import shots
from tests.support.stack import eventually


def decide(page: Page, house: House, path: str, act: str, reason: str, severity: str = "") -> None:
    """Fill the decide form of a name that nothing knows yet and press one of its buttons."""
    page.goto(house.url(path))
    page.get_by_role("checkbox", name="knows this name").check()
    page.get_by_label("Reason").fill(reason)
    if severity:
        # The buttons are asked for again and exchanged; one pressed meanwhile is gone.
        with page.expect_response(lambda answer: path in answer.url):
            page.get_by_label("Severity").select_option(severity)
        expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)
    page.locator(f"button[name=act][value={act}]").click()


def open_request(page: Page, house: House, skill: str) -> str:
    """The page of the request that a finding made; returns its code."""
    page.goto(house.url(f"/enforcement/skill/{skill}/"))
    page.get_by_role("link", name="See the request").click()
    page.wait_for_url(re.compile(r"/approvals/[0-9a-f-]{36}/"))
    return code_on(page)


def hold_of(house: House, skill: str) -> str:
    """The reason that the gateway gives for a block of ours, or nothing."""
    return house.stack.enforced("laptop-mia").get(skill, "")


def test_a_critical_finding_is_held_and_an_approved_block_stays(house: House) -> None:
    skill = fresh("pdf-exfil")
    house.stack.drop_malicious_skill(skill)
    eventually(lambda: hold_of(house, skill).startswith("ATA hold"), "a hold at laptop-mia")
    page = house.visit("operator").page
    expect(page.get_by_text(skill).first).to_be_visible()
    shots(page, "4-operator-home")
    page.goto(house.url(f"/enforcement/skill/{skill}/"))
    expect(page.locator("#state")).to_contain_text("on hold")
    shots(page, "4-operator-held")
    code = open_request(page, house, skill)
    shots(page, "4-operator-request")
    house.phone_asked_by(page, "operator").answer(code, "Approve")
    expect(page.locator(".code-big")).to_have_count(0, timeout=60_000)
    eventually(
        lambda: hold_of(house, skill) and "ATA hold" not in hold_of(house, skill),
        "the block at laptop-mia",
    )
    page.goto(house.url(f"/enforcement/skill/{skill}/"))
    expect(page.locator("#state")).to_contain_text("blocked")
    decided = re.compile(r"approved by (Olu|Oona) Operator .*: block at every gateway")
    expect(page.get_by_text(decided).first).to_be_visible()
    shots(page, "4-operator-blocked")


def test_a_denied_block_is_a_logged_override_and_the_hold_ends(house: House) -> None:
    skill = fresh("calendar-peek")
    house.stack.drop_malicious_skill(skill)
    eventually(lambda: hold_of(house, skill).startswith("ATA hold"), "a hold at laptop-mia")
    page = house.visit("operator").page
    code = open_request(page, house, skill)
    house.phone_asked_by(page, "operator").answer(code, "Deny")
    eventually(lambda: skill not in house.stack.enforced("laptop-mia"), "the hold gone")
    assert skill not in house.stack.enforced("laptop-mia", "allowed")
    expect(page.locator(".code-big")).to_have_count(0, timeout=60_000)
    shots(page, "4-operator-override")
    auditor = house.visit("auditor", "/audit/?action=skill.override_logged").page
    sentence = auditor.locator("#rows tr").filter(has_text=skill)
    expect(sentence).to_have_count(1)
    expect(sentence).to_contain_text(re.compile("(Olu|Oona) Operator"))


def test_a_mild_block_by_hand_commits_at_once(house: House) -> None:
    page = house.visit("operator").page
    tool = fresh("tab.capture")
    decide(page, house, f"/enforcement/tool/{tool}/", "block", "not needed here")
    expect(page.locator("#state")).to_contain_text("blocked")
    eventually(lambda: tool in house.stack.enforced("build-server"), "the block at build-server")
    assert house.stack.enforced("build-server")[tool]


def test_a_high_block_by_hand_waits_for_a_second_device(house: House) -> None:
    page = house.visit("operator").page
    plugin = fresh("clip-relay")
    path = f"/enforcement/plugin/{plugin}/"
    decide(page, house, path, "block", "relays the clipboard", "HIGH")
    page.wait_for_url(re.compile(r"/approvals/[0-9a-f-]{36}/"))
    code = code_on(page)
    assert "relays" not in house.stack.enforced("laptop-mia").get(plugin, "").split("until")[-1]
    house.phone_asked_by(page, "operator").answer(code, "Approve")
    expect(page.locator(".code-big")).to_have_count(0, timeout=60_000)
    page.goto(house.url(path))
    expect(page.locator("#state")).to_contain_text("blocked")


def test_an_allow_of_something_never_scanned_counts_as_high(house: House) -> None:
    page = house.visit("operator2").page
    server = fresh("never-scanned")
    decide(page, house, f"/enforcement/mcp/{server}/", "allow", "looked at it myself")
    page.wait_for_url(re.compile(r"/approvals/[0-9a-f-]{36}/"))
    code = code_on(page)
    house.phone_asked_by(page, "operator2").answer(code, "Approve")
    eventually(
        lambda: server in house.stack.enforced("laptop-mia", "allowed"), "the allow at laptop-mia"
    )
