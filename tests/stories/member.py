"""Story 2. A member sees which agents can act in their name, connects, and disconnects."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.stories.house import House, fresh
from tests.support.chrome import shots


def connect(
    page: Page, house: House, service: str, title: str, login: str, end: str = "was connected."
) -> str:
    """Connect an account through the provider's own page; returns its path at the portal."""
    page.goto(house.url(f"/connections/connect/{service}/"))
    page.get_by_label("Name for this account").fill(login)
    page.get_by_role("button", name=f"Go to {title}").click()
    page.wait_for_url(f"{house.stack.tenant}/connected-accounts/**")
    expect(page.get_by_role("heading", name="Let Auth0-ATA use")).to_be_visible()
    page.get_by_label("Another account name").fill(login)
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url(re.compile(r"/connections/[0-9a-f-]{36}/"))
    expect(page.get_by_text(f"{title} {end}")).to_be_visible()
    return page.url.removeprefix(house.stack.portal)


def test_a_member_connects_through_the_provider_and_disconnects_in_one_click(house: House) -> None:
    page = house.visit("member2", "/connections/").page
    shots(page, "2-member-connections")
    login = fresh("milo-on-slack")
    own = connect(page, house, "slack", "Slack", login)
    expect(page.get_by_text("send messages as you").first).to_be_visible()
    shots(page, "2-member-connected")

    page.get_by_role("link", name="Disconnect…").click()
    shots(page, "2-member-disconnect")
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_text("is disconnected.").first).to_be_visible()
    shots(page, "2-member-disconnecting")
    # After the time to undo it is deleted at Auth0 with the member's own token: by itself, or
    # by a click when the page tried that for another connection only a moment ago.
    deleted = page.get_by_text("Your Slack connection was deleted at Auth0.")
    # Another story's disconnection may be ending at the same time.
    ending = page.locator("#ending .notice").filter(has_text=login)
    finish = ending.get_by_role("link", name="Finish now")
    expect(deleted.or_(finish)).to_be_visible(timeout=60_000)
    if finish.is_visible():
        finish.click()
    expect(deleted).to_be_visible()
    shots(page, "2-member-disconnected")
    page.goto(house.url(own))
    expect(page.get_by_text("revoked").first).to_be_visible()
    left = house.stack.rows(
        "SELECT count(*) AS n FROM connections_connectedaccount WHERE id = ? AND state = 'revoked'",
        own.split("/")[2].replace("-", ""),
    )
    assert left[0]["n"] == 1


def test_a_disconnection_can_be_undone_while_there_is_time(house: House) -> None:
    page = house.visit("member2", "/connections/").page
    login = fresh("milo-at-work")
    own = connect(page, house, "google-oauth2", "Google", login)
    page.get_by_role("link", name="Disconnect…").click()
    page.get_by_role("button", name="Disconnect").click()
    # Another story's disconnection may be ending at the same time.
    ending = page.locator("#ending .notice").filter(has_text=login)
    ending.get_by_role("button", name="Undo").click()
    page.goto(house.url(own))
    expect(page.get_by_role("link", name="Disconnect…")).to_be_visible()


def test_a_member_sees_nobody_elses_connection(house: House) -> None:
    other = house.visit("member1", "/connections/").page
    other.locator("tbody .row-link").first.click()
    other.wait_for_url(re.compile(r"/connections/[0-9a-f-]{36}/"))
    path = other.url.removeprefix(house.stack.portal)
    someone = house.visit("member2")
    answer = someone.page.goto(house.url(path))
    assert answer
    assert answer.status in {403, 404}
