"""A passkey in real Chromium: enrolled, confirmed by a second person, signs beside the phone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from playwright.sync_api import Page, expect

from approvals.pipeline.intent import digest
from approvals.policy.document import DEFAULT
from tests.stories.house import NAMES, House, code_on, fresh
from tests.stories.operator import decide
from tests.support.chrome import person, shots

DEVICE = {
    "protocol": "ctap2",
    "ctap2Version": "ctap2_1",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def arrive_freshly(house: House, name: str, path: str) -> Page:
    """Somebody signs in with a second factor, in a browser of its own, on the way to `path`."""
    someone = person(house.engine, name)
    house.present.append(someone)
    page = someone.page
    page.goto(house.url(f"/oidc/authenticate/?fresh=1&next={path}"))
    page.get_by_role("button", name=NAMES[name]).first.click()
    page.wait_for_url(house.url(path))
    return page


def plug_in(page: Page, **other: Any) -> Callable[[], None]:
    """A virtual authenticator in this browser (Chrome DevTools Protocol, domain WebAuthn); what is
    returned unplugs it."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    made = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": {**DEVICE, **other}})

    def unplug() -> None:
        devtools.send("WebAuthn.removeVirtualAuthenticator", made)
        devtools.send("WebAuthn.disable")

    return unplug


def make_passkey(page: Page, house: House, name: str) -> None:
    """Fill in the page and let the device answer."""
    page.get_by_role("main").get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Create passkey").click()
    page.wait_for_url(house.url("/account/"))
    expect(page.get_by_text(f"{name} was enrolled for your own requests.")).to_be_visible()


def by_phone_and_passkey(house: House, verb: str) -> None:
    """An admin changes the policy for one verb and another admin approves by phone."""
    newest = house.stack.rows("SELECT document FROM approvals_policyversion ORDER BY id DESC")
    now = json.loads(newest[0]["document"]) if newest else DEFAULT
    rule = {"id": "two-channels", "verbs": [verb], "approver": "another", "channel": "both"}
    rules = [rule, *(one for one in now["rules"] if one["id"] != rule["id"])]
    document = {**now, "number": now["number"] + 1, "rules": rules}
    page = arrive_freshly(house, "admin", "/approvals/policy/edit/")
    given: dict[str, str | float | bool] = {
        "document": json.dumps(document),
        "base": digest(now),
        "reason": "two devices for tools",
        "csrfmiddlewaretoken": page.locator("[name=csrfmiddlewaretoken]").first.input_value(),
    }
    asked = page.request.post(
        house.url("/approvals/policy/propose/"), form=given, headers={"Referer": page.url}
    )
    page.goto(asked.url)
    house.phone_asked_by(page, "admin").answer(code_on(page), "Approve")
    expect(page.get_by_text("was applied")).to_be_visible(timeout=60_000)


def event_of(house: House, target: str) -> str:
    """The page of the event that closed the request about this thing."""
    query = "SELECT event_id FROM approvals_approval WHERE target_name = ?"
    (row,) = house.stack.rows(query, target)
    return f"/audit/events/{UUID(row['event_id'])}/"


def test_a_passkey_and_the_phone_together_prove_an_approval_twice(house: House) -> None:
    oona = arrive_freshly(house, "operator2", "/account/passkeys/new/")
    plug_in(oona)
    shots(oona, "9-passkey-new")
    name = fresh("Laptop")
    make_passkey(oona, house, name)
    mine = oona.get_by_role("table", name="Your passkeys").locator("tr").filter(has_text=name)
    expect(mine).to_contain_text("your own requests only")
    mine.get_by_role("link", name="Let it approve for others").click()
    oona.get_by_role("button", name="Ask for the confirmation").click()
    oona.wait_for_url(re.compile(r"/approvals/[0-9a-f-]{36}/"))
    house.phone_asked_by(oona, "operator2").answer(code_on(oona), "Approve")
    expect(oona.get_by_text("was applied")).to_be_visible(timeout=60_000)
    oona.goto(house.url("/account/"))
    expect(mine).to_contain_text("what others ask for, too")
    shots(oona, "9-passkey-account")

    by_phone_and_passkey(house, "tool.allow")
    tool = fresh("sheet.append")
    olu = house.visit("operator").page
    decide(olu, house, f"/enforcement/tool/{tool}/", "allow", "needed for the close")
    olu.wait_for_url(re.compile(r"/approvals/[0-9a-f-]{36}/"))
    oona.goto(olu.url)
    code = code_on(oona)
    shots(oona, "9-passkey-asked")
    oona.get_by_role("button", name=f"Approve {code} with your passkey").click()
    expect(oona.get_by_text("You signed an approval of")).to_be_visible()
    expect(oona.get_by_role("heading", name="waiting for your phone")).to_be_visible()
    house.phone("operator2").answer(code, "Approve")
    expect(oona.get_by_text("was applied")).to_be_visible(timeout=60_000)

    auditor = house.visit("auditor", event_of(house, tool)).page
    proven = auditor.get_by_role("main")
    expect(proven).to_contain_text("H3")
    expect(proven).to_contain_text("The passkey of Oona Operator")
    shots(auditor, "9-passkey-event")

    oona.goto(house.url("/account/"))
    mine.get_by_role("button", name="Revoke").click()
    expect(oona.get_by_text(f"Passkey {name} was revoked.")).to_be_visible()
    auditor.reload()
    expect(proven).to_contain_text("H3")
    expect(proven).to_contain_text("revoked later")
    told = auditor.request.get(house.url("/account/passkeys/trust-file/")).json()
    (entry,) = (one for one in told["passkeys"] if one["name"] == name)
    assert entry["enrolled_event"] and entry["approver_event"] and entry["revoked_at"]


def test_every_refusal_of_a_device_is_said_in_words(house: House) -> None:
    page = arrive_freshly(house, "member1", "/account/passkeys/new/")
    says = page.locator("[data-passkey-says]")
    make = page.get_by_role("button", name="Create passkey")
    unplug = plug_in(page, hasUserVerification=False, isUserVerified=False)
    make.press("Enter")
    expect(says).to_contain_text(re.compile("Nothing was signed|PIN, fingerprint or face"))
    expect(make).to_be_focused()
    unplug()
    plug_in(page)
    make_passkey(page, house, fresh("Key ring"))
    page.goto(house.url("/account/passkeys/new/"))
    make.press("Enter")
    expect(says).to_contain_text("already holds a passkey of yours")
    page.add_init_script("delete globalThis.PublicKeyCredential")
    page.reload()
    expect(page.get_by_text("This browser has no passkeys here.")).to_be_visible()
    expect(make).to_be_hidden()
