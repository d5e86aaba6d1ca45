"""What the URLconf does not list: the tenant's pages, refusals, and what opens over a page."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
from django.template.loader import render_to_string
from playwright.sync_api import Page, expect

from tests.access.examine import Window
from tests.stories.house import NAMES, House

type Findings = Iterator[list[str]]

REFUSED = (
    "/nothing-here/",
    "/approvals/policy/edit/",  # is for admins
    "/audit/views/?q=%00",
    "/connections/freeze/now/",  # takes forms only
    "/account/passkeys/new/",  # wants a fresh sign-in
    "/oidc/callback/?code=of-nobody&state=of-nothing",
)
#: Rendered by hand: the house has to be broken to show them.
BROKEN = ("errors/500.html", "errors/503.html")
#: What opens over a page, and by which button.
OVER_A_PAGE = (
    ("/styleguide/", "[data-dialog='confirm-sample']"),
    ("/styleguide/", ".who-btn"),
    ("/styleguide/", "[popovertarget='tenant-menu']"),
)


def tenant_pages(window: Window, house: House) -> Iterator[Findings]:
    """Every page of the local tenant that a visitor meets, from its home to the sign-out."""
    page, tenant = window.page, house.stack.tenant
    for path in ("/", "/phone/", "/phone/member1@acme.example/", "/switch", "/activate"):
        yield window.visit(f"{tenant}{path}")
    yield window.visit(f"{tenant}/authorize?client_id=nobody")
    page.goto(house.url("/oidc/authenticate/?next=/connections/connect/slack/"))
    yield window.look("the tenant's sign-in")
    page.get_by_role("button", name=NAMES["member1"]).first.click()
    page.get_by_role("button", name="Go to Slack").click()
    page.wait_for_url(f"{tenant}/connected-accounts/**")
    yield window.look("a provider's consent")
    asked = httpx.post(f"{tenant}/oauth/device/code", data={"client_id": "ata-cli"}).json()
    page.goto(asked["verification_uri_complete"])
    yield window.look("a device that asks")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Device connected")
    yield window.look("a device that may")
    yield window.visit(f"{tenant}/phone/member1@acme.example/")  # in hand now
    yield window.visit(f"{tenant}/oidc/logout")


def refusals(window: Window, house: House) -> Iterator[Findings]:
    """A member who asks for what is not there, not theirs, too late, or not to be had now."""
    page = window.page
    for path in REFUSED:
        yield window.visit(house.url(path))
    page.goto(house.url("/styleguide/"))
    page.evaluate(
        "() => { const form = document.createElement('form'); form.method = 'post';"
        " form.action = '/connections/freeze/me/'; document.body.append(form); form.submit(); }"
    )
    expect(page.get_by_role("heading", level=1)).to_contain_text("can’t be accepted")
    yield window.look("a form without its token")
    for template in BROKEN:
        yield window.visit(_shown_by_hand(page, house, template))


def _shown_by_hand(page: Page, house: House, template: str) -> str:
    address = house.url(f"/{template}")
    html = render_to_string(template, {"reference": "0" * 32})
    page.route(
        address,
        lambda route: route.fulfill(status=500, content_type="text/html; charset=utf-8", body=html),
    )
    return address


def overlays(window: Window, house: House) -> Iterator[Findings]:
    """Dialogs and menus while they are open."""
    page = window.page
    for path, opener in OVER_A_PAGE:
        page.goto(house.url(path))
        page.locator(opener).first.click()
        yield window.look(f"{path} with {opener}")
    page.goto(house.url("/styleguide/"))
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    yield window.look("the keys")
