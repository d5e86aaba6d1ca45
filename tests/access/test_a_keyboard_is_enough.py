"""The core of the stories with Tab, Enter, Space, arrows and Esc alone (WCAG 2.1.1, 2.4.7)."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.access.keys import Keys
from tests.access.world import open_review
from tests.stories.house import House, code_on, fresh
from tests.stories.member import connect

pytestmark = [pytest.mark.stack, pytest.mark.browser]


def test_an_auditor_filters_opens_closes_and_exports(house: House) -> None:
    page = house.visit("auditor", "/audit/").page
    keys = Keys(page)
    keys.press("Tab")
    assert keys.here() == "Skip to content"
    keys.press("/")
    keys.type("action:approval.denied")
    keys.press("Enter")
    expect(page).to_have_url(re.compile("action=approval.denied"))
    first = page.locator("#rows .row-link").first.inner_text().replace("\n", " ")[-30:]
    keys.to(re.escape(first))
    row = keys.here()
    keys.press("Enter")
    expect(page.locator("#drawer h2")).to_be_focused()
    keys.to("Close")
    keys.press("Escape")
    expect(page.locator("#drawer h2")).to_have_count(0)
    assert keys.here() == row
    keys.press("e")
    page.wait_for_url(re.compile("/audit/exports/new/"))
    keys.to("csv|CSV")
    keys.press("ArrowDown")
    keys.press("ArrowUp")
    keys.to("Download now")
    with page.expect_download() as waiting:
        keys.press("Enter")
    assert waiting.value.suggested_filename.endswith(".csv")


def test_an_operator_asks_and_a_phone_answers(house: House) -> None:
    tool = fresh("keyboard.block")
    page = house.visit("operator", f"/enforcement/tool/{tool}/").page
    keys = Keys(page)
    keys.to("^Reason$")
    keys.type("by keyboard")
    keys.to("^Severity")
    keys.type("raise to HIGH")
    keys.to("knows this name$")
    keys.press("Space")
    keys.to("^Block")
    keys.press("Space")
    page.wait_for_url(re.compile(r"/approvals/[0-9a-f-]{36}/"))
    code = code_on(page)
    phone = house.phone_asked_by(page, "operator").page
    asked = phone.locator("article.ask").filter(has_text=code)
    expect(asked).to_be_visible()
    thumb = Keys(phone)
    for _ in range(60):
        thumb.to("Approve$")
        if asked.locator(":focus").count():
            break
    thumb.press("Enter")
    expect(phone.locator("#said")).to_contain_text("Approved.")
    expect(page.locator(".code-big")).to_have_count(0, timeout=60_000)


def test_a_member_disconnects_and_takes_it_back(house: House) -> None:
    page = house.visit("member2", "/connections/").page
    login = fresh("milo-keys")
    path = connect(page, house, "google-oauth2", "Google", login)
    page.goto(house.url(path))
    keys = Keys(page)
    keys.to("^Disconnect…$")
    keys.press("Enter")
    page.wait_for_url(re.compile("/revoke/"))
    keys.to("^Disconnect$")
    keys.press("Enter")
    expect(page.locator("#ending .notice").filter(has_text=login)).to_be_visible()
    keys.to("^Undo$")
    keys.press("Enter")
    expect(page.locator("#ending .notice").filter(has_text=login)).to_have_count(0)
    page.goto(house.url(path))
    expect(page.get_by_role("link", name="Disconnect…")).to_be_visible()


def test_an_admin_goes_through_an_access_review(house: House) -> None:
    admin = house.visit("admin")
    open_review(admin, house, fresh("by keyboard"), "admins")
    page = admin.page
    keys = Keys(page)
    keys.to("^Decide on")
    keys.press("Enter")
    page.wait_for_url(re.compile(r"/connections/reviews/[0-9a-f-]{36}/[0-9a-f-]{36}/"))
    first = page.url
    keys.press("j")
    expect(page).not_to_have_url(first)
    keys.press("k")
    expect(page).to_have_url(first)
    keys.press("3")
    expect(page.get_by_text("Revoking needs a reason.")).to_be_visible()
    expect(page.get_by_label("Reason")).to_be_focused()
    keys.type("1 day in use")  # a key that decides nothing while it is typed
    expect(page.get_by_label("Reason")).to_have_value("1 day in use")
    keys.to("^Keep")
    keys.press("Enter")
    expect(page).not_to_have_url(first)
    second = page.url
    keys.press("1")
    expect(page).not_to_have_url(second)
    page.goto(second)
    expect(page.get_by_text("kept it")).to_be_visible()


def test_menus_and_dialogs_give_the_focus_back(house: House) -> None:
    page = house.visit("admin").page
    keys = Keys(page)
    keys.to("^LOCAL TENANT")
    keys.press("Enter")
    keys.to("Visit the tenant", within=4)
    keys.press("Escape")
    assert keys.here().startswith("LOCAL TENANT")
    keys.to("^Account of Amir Admin")
    account = keys.here()
    keys.press("Enter")
    keys.to("Keyboard shortcuts", within=12)
    keys.press("Enter")
    expect(page.locator("#help")).to_be_visible()
    keys.press("Escape")
    expect(page.locator("#help")).not_to_be_visible()
    # The menu closed with the dialog's opening: its button is the place to go on from.
    assert keys.here() == account
