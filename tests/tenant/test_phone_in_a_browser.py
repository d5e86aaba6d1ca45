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


def two_cards(asker: Asker, phone: Page) -> tuple[str, str]:
    """Two requests on the screen; the second arrived while the first stood there."""
    first = asker.ask()
    phone.locator(".ask").wait_for(timeout=20_000)
    second = asker.ask(binding_message="11-22-33")
    phone.locator(".ask").nth(1).wait_for(timeout=20_000)
    return first, second


def centre(phone: Page, code: str, button: str) -> tuple[float, float]:
    """Where a button is on the screen."""
    card = phone.locator(".ask").filter(has_text=code)
    box = card.get_by_role("button", name=button).bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_request_that_arrives_moves_nothing_under_the_finger(asker: Asker, phone: Page) -> None:
    first = asker.ask()
    phone.locator(".ask").wait_for(timeout=20_000)
    spot = centre(phone, "42-17-08", "Approve")
    second = asker.ask(binding_message="11-22-33")
    phone.locator(".ask").nth(1).wait_for(timeout=20_000)
    assert centre(phone, "42-17-08", "Approve") == spot
    phone.mouse.click(*spot)
    phone.locator("#said").wait_for()
    assert asker.poll(first).status_code == 200
    assert asker.poll(second).json()["error"] == "authorization_pending"


@pytest.mark.parametrize("upper", [True, False])
def test_a_second_tap_at_the_same_spot_answers_no_other_request(
    asker: Asker, phone: Page, upper: bool
) -> None:
    requests = two_cards(asker, phone)
    codes = ("42-17-08", "11-22-33") if upper else ("11-22-33", "42-17-08")
    phone.locator(".ask").filter(has_text=codes[0]).get_by_role("button", name="Approve").hover()
    spot = centre(phone, codes[0], "Approve")
    for _ in range(2):
        phone.mouse.click(*spot)
    expect(phone.locator("#said")).to_contain_text("Approved.")
    expect(phone.locator(".answers")).to_have_count(0)
    phone.mouse.click(*spot)
    answers = [asker.poll(one) for one in (requests if upper else requests[::-1])]
    assert answers[0].status_code == 200
    assert answers[1].json()["error"] == "authorization_pending"
    phone.get_by_role("link", name="Show the request that waits").click()
    expect(phone.locator(".ask .code")).to_have_text(codes[1])


def test_what_arrives_after_an_answer_waits_for_a_tap(asker: Asker, phone: Page) -> None:
    asker.ask()
    phone.locator(".ask").get_by_role("button", name="Approve").click()
    phone.get_by_role("link", name="Done").wait_for()
    asker.ask(binding_message="11-22-33")
    phone.get_by_role("link", name="Show the request that waits").wait_for(timeout=20_000)
    assert phone.locator(".ask").count() == 0 and phone.title().startswith("(1) ")


def test_a_request_that_ends_keeps_its_place_while_another_waits(asker: Asker, phone: Page) -> None:
    ending = asker.ask(requested_expiry="60")
    phone.locator(".ask").wait_for(timeout=20_000)
    asker.ask(binding_message="11-22-33")
    phone.locator(".ask").nth(1).wait_for(timeout=20_000)
    spot = centre(phone, "11-22-33", "Approve")
    asker.tenant.advance(61)
    phone.locator(".ask.ended").wait_for(timeout=20_000)
    assert centre(phone, "11-22-33", "Approve") == spot
    over = phone.locator(".ask.ended")
    assert "42-17-08" in over.inner_text() and over.get_by_role("button").count() == 0
    assert asker.poll(ending).json()["error"] == "access_denied"


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
