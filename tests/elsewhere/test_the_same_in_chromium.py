"""In real Chromium at another provider: sign in, connect, revoke for others, answer on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.elsewhere.whole_house import PUSH, SUBS, WholeHouse, limited
from tests.stories.house import code_on
from tests.support.chrome import Person, chromium, person
from tests.support.stack import eventually

pytestmark = pytest.mark.browser

ONE_CONNECTION = re.compile(r"/connections/[0-9a-f-]{36}/")


@dataclass
class Browsers:
    """A browser for each person and device, at the portal and at the provider."""

    place: WholeHouse
    engine: Browser
    present: list[Person] = field(default_factory=list)

    def opens(self, who: str, url: str) -> Page:
        """Somebody opens an address, and is asked by the provider who they are."""
        someone = person(self.engine, who)
        self.present.append(someone)
        someone.page.goto(url)
        assert someone.page.url.startswith(self.place.vault.issuer)
        someone.page.get_by_role("button", name=f"{who.title()} Elsewhere").click()
        return someone.page

    def visit(self, who: str, path: str) -> Page:
        """Somebody signs in to the portal."""
        page = self.opens(who, f"{self.place.address}/oidc/authenticate/?next={path}")
        page.wait_for_url(f"{self.place.address}{path}")
        return page


@pytest.fixture
def browsers(place: WholeHouse) -> Iterator[Browsers]:
    """Nothing that a page complains about is tolerated."""
    with chromium() as engine:
        opened = Browsers(place, engine)
        yield opened
        complaints = [words for someone in opened.present for words in someone.complaints]
    assert complaints == []


def test_an_account_is_connected_and_revoked_by_people_with_browsers(
    place: WholeHouse, browsers: Browsers
) -> None:
    place.vault.tell(next_login={SUBS["uma"]: "uma-at-slack"})
    uma = browsers.visit("uma", "/connections/")
    uma.goto(f"{place.address}/connections/connect/slack/")
    uma.get_by_role("button", name="Go to Slack").click()
    uma.wait_for_url(ONE_CONNECTION)
    expect(uma.get_by_text("Slack was connected.")).to_be_visible()
    assert [held["user"] for held in place.in_vault("uma")] == ["uma-at-slack"]
    at = ONE_CONNECTION.search(uma.url)
    assert at

    amir = browsers.visit("amir", at[0])
    amir.get_by_role("link", name="Revoke…").click()
    amir.get_by_label("Reason").fill("left the project")
    place.breaks(PUSH, limited(1), having=SUBS["anya"])
    amir.get_by_role("button", name="Suspend now and request revocation").click()
    amir.wait_for_url(re.compile(r"/approvals/[0-9a-f-]{36}/"))
    code = code_on(amir)
    assert place.state("uma", "slack") == "suspended", "refused at once"

    eventually(lambda: place.push("anya", code), "a push after the limit")
    phone = browsers.opens("anya", f"{place.vault.issuer}phone")
    asked = phone.locator("article").filter(has_text=code)
    expect(asked).to_contain_text("Revoke “Uma Elsewhere”'s Slack account uma-at-slack")
    asked.get_by_role("button", name="Approve").click()
    expect(asked).to_have_count(0)
    expect(amir.get_by_text("approved", exact=False).first).to_be_visible()
    expect(amir.locator(".code-big")).to_have_count(0)
    assert place.state("uma", "slack") == "revocation_pending"

    uma.goto(f"{place.address}/connections/")
    expect(uma.get_by_text("Amir Elsewhere revoked your Slack connection").first).to_be_visible()
    # It is deleted with her own token: by itself, or by a click where a visit tried just before.
    deleted = uma.get_by_text("was deleted at Auth0.")
    finish = uma.get_by_role("link", name="Finish now")
    expect(deleted.or_(finish).first).to_be_visible()
    if finish.is_visible():
        finish.click()
    expect(deleted).to_be_visible()
    assert (place.in_vault("uma"), place.state("uma", "slack")) == ([], "")
