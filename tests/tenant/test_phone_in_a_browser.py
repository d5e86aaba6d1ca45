"""The phone in Chromium: it is live without a reload, keeps what is being typed, fits a phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.chrome import chromium
from tests.support.tenant import LocalTenant
from tests.tenant.actors import Asker

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all of them."""
    with chromium() as found:
        yield found


@pytest.fixture
def asker(tenant_server: LocalTenant) -> Asker:
    """The application, at a time when nothing is open and nobody was notified lately."""
    tenant_server.advance(400)
    return Asker(tenant_server)


@pytest.fixture
def phone(browser: Browser, tenant_server: LocalTenant) -> Iterator[Page]:
    """Olu's phone, 390 px wide, picked up; any complaint of the browser fails the test."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{tenant_server.url}/phone/operator@acme.example/")
    page.get_by_role("button", name="Unlock").click()
    yield page
    context.close()
    assert complaints == []


def test_a_request_appears_by_itself_and_is_approved_with_one_tap(
    asker: Asker, phone: Page
) -> None:
    request = asker.ask()
    code = phone.locator(".ask .code")
    code.wait_for(timeout=20_000)
    assert code.inner_text() == "42-17-08"
    assert phone.title().startswith("(1) Olu’s phone")
    phone.locator(".ask").get_by_role("button", name="Approve").click()
    phone.get_by_text("The page that asked continues automatically.").wait_for()
    assert asker.poll(request).status_code == 200


def test_a_second_request_does_not_disturb_a_reason_being_typed(asker: Asker, phone: Page) -> None:
    first = asker.ask()
    card = phone.locator(".ask").filter(has_text="42-17-08")
    card.wait_for(timeout=20_000)
    card.get_by_text("Reason for denying (optional)").click()
    reason = card.get_by_label("Reason for denying", exact=True)
    reason.fill("not mi")
    asker.ask(binding_message="11-22-33")
    phone.locator(".ask").nth(1).wait_for(timeout=20_000)
    phone.keyboard.type("ne")
    assert reason.input_value() == "not mine"
    card.get_by_role("button", name="Deny").click()
    phone.get_by_text("“not mine”").first.wait_for()
    assert asker.poll(first).json()["error"] == "access_denied"


def test_an_expired_request_leaves_the_screen_and_the_countdown_runs(
    asker: Asker, phone: Page
) -> None:
    asker.ask(requested_expiry="60")
    clock = phone.locator("[data-clock]")
    clock.wait_for(timeout=20_000)
    before = clock.inner_text()
    expect(clock).not_to_have_text(before, timeout=20_000)
    assert clock.inner_text() < before
    asker.tenant.advance(61)
    phone.locator(".quiet").wait_for(timeout=20_000)
    assert phone.locator(".past li b").first.inner_text() == "Expired"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_answers_are_equally_large_reachable_and_nothing_overflows(
    asker: Asker, phone: Page, theme: Literal["light", "dark"]
) -> None:
    phone.emulate_media(color_scheme=theme)
    asker.ask()
    phone.locator(".ask").wait_for(timeout=20_000)
    boxes = [phone.locator(f".answers .{word}").bounding_box() for word in ("no", "yes")]
    assert boxes[0] and boxes[1]
    assert (boxes[0]["width"], boxes[0]["height"]) == (boxes[1]["width"], boxes[1]["height"])
    assert boxes[0]["height"] >= 48
    assert boxes[0]["y"] + boxes[0]["height"] <= 844
    wide = phone.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0
