"""Story 3. An admin revokes a member's connection; another admin answers on their phone."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.stories.house import House, code_on, fresh
from tests.stories.member import connect
from tests.support.chrome import shots

ONE_CONNECTION = re.compile(r"/connections/[0-9a-f-]{36}/")


def ask_to_revoke(house: House, page: Page, path: str) -> str:
    """Revoke it as the signed-in admin; returns the code of the request now on the page."""
    page.goto(house.url(path))
    page.get_by_role("link", name="Revoke…").click()
    expect(page.get_by_role("heading", name="What happens next")).to_be_visible()
    shots(page, "3-admin-impact")
    page.get_by_label("Reason").fill("left the project")
    page.get_by_role("button", name="Suspend now and request revocation").click()
    page.wait_for_url(re.compile(r"/approvals/[0-9a-f-]{36}/"))
    return code_on(page)


def state_of(house: House, path: str) -> str:
    """What the broker goes by."""
    rows = house.stack.rows(
        "SELECT state FROM connections_connectedaccount WHERE id = ?",
        path.split("/")[2].replace("-", ""),
    )
    return str(rows[0]["state"])


def test_an_approved_revocation_ends_the_connection(house: House) -> None:
    member = house.visit("member2").page
    path = connect(member, house, "github", "GitHub", fresh("milo-at-github"))
    page = house.visit("admin", "/connections/inventory/").page
    expect(page.get_by_text(fresh("milo-at-github"))).to_be_visible()
    shots(page, "3-admin-inventory")
    broker = house.command_line("member2")
    assert broker.refused_by_broker("github", "mcp:github-mcp") == ""
    code = ask_to_revoke(house, page, path)
    assert broker.refused_by_broker("github", "mcp:github-mcp") == "connection_suspended"
    expect(page.get_by_role("timer").first).to_be_visible()
    shots(page, "3-admin-waiting")

    phone = house.phone("admin2")
    request = phone.page.locator("article.ask").filter(has_text=code)
    expect(request).to_contain_text("Amir Admin")
    expect(request.locator("[data-clock]")).to_be_visible()
    shots(phone.page, "3-admin-phone")
    phone.answer(code, "Approve")
    expect(page.get_by_text("approved", exact=False).first).to_be_visible()
    expect(page.locator(".code-big")).to_have_count(0)
    shots(page, "3-admin-approved")
    assert broker.refused_by_broker("github", "mcp:github-mcp") == "connection_revoked"
    assert state_of(house, path) in {"revocation_pending", "revoked"}
    # Only the owner's own token can delete it at Auth0: that ends at their next visit.
    member.goto(house.url("/connections/"))
    expect(member.get_by_text("Amir Admin revoked your GitHub connection").first).to_be_visible()
    shots(member, "3-member-told")
    resume_again(house, member, page)


def resume_again(house: House, member: Page, page: Page) -> None:
    """What its owner connects after a revocation is suspended until two admins resume it."""
    kept = "was connected and kept suspended"
    path = connect(member, house, "github", "GitHub", fresh("milo-again"), kept)
    assert state_of(house, path) == "suspended"
    page.goto(house.url(path))
    page.get_by_role("link", name="Resume…").click()
    page.get_by_label("Reason").fill("it is the owner’s own account again")
    page.get_by_role("button", name="Request approval").click()
    page.wait_for_url(re.compile(r"/approvals/[0-9a-f-]{36}/"))
    house.phone("admin2").answer(code_on(page), "Approve")
    expect(page.locator(".code-big")).to_have_count(0, timeout=60_000)
    assert state_of(house, path) == "connected"
    member.goto(house.url(path))
    member.get_by_role("link", name="Disconnect…").click()
    member.get_by_role("button", name="Disconnect").click()
    expect(member.get_by_text("is disconnected.").first).to_be_visible()


def test_a_denied_revocation_lifts_the_refusal(house: House) -> None:
    member = house.visit("member2").page
    path = connect(member, house, "google-oauth2", "Google", fresh("milo-calendar"))
    page = house.visit("admin").page
    code = ask_to_revoke(house, page, path)
    assert state_of(house, path) == "suspended"
    house.phone("admin2").answer(code, "Deny")
    expect(page.get_by_text("Denied", exact=False).first).to_be_visible()
    expect(page.locator(".code-big")).to_have_count(0, timeout=60_000)
    shots(page, "3-admin-denied")
    member.goto(house.url(path))
    expect(member.get_by_role("link", name="Disconnect…")).to_be_visible(timeout=60_000)
    assert state_of(house, path) == "connected"


def test_an_auditor_sees_a_connection_and_cannot_revoke_it(house: House) -> None:
    admin = house.visit("admin", "/connections/inventory/").page
    admin.locator("tr").filter(has_text="member1@acme.example").first.get_by_role(
        "link", name="Mia Member"
    ).click()
    admin.wait_for_url(ONE_CONNECTION)
    path = admin.url.removeprefix(house.stack.portal)
    someone = house.visit("auditor", path)
    expect(someone.page.get_by_role("main").get_by_text("Mia Member").first).to_be_visible()
    expect(someone.page.get_by_role("link", name="Revoke…")).to_have_count(0)
    token = someone.page.locator("input[name=csrfmiddlewaretoken]").first.get_attribute("value")
    refused = someone.context.request.post(
        house.url(f"{path}revoke/"),
        form={"csrfmiddlewaretoken": token or "", "reason": "no"},
        headers={"Referer": someone.page.url},
        max_redirects=0,
    )
    assert refused.status in {302, 403, 404}
    assert state_of(house, path) == "connected"
