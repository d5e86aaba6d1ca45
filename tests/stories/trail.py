"""Story 7. Every act is on the trail with its person, provable at once, and survives a restart."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from playwright.sync_api import expect

from tests.stories.house import CommandLine, House, code_on, fresh
from tests.stories.operator import decide
from tests.support.chrome import shots
from tests.support.sign_in import SUBS
from tests.support.stack import eventually

APPROVAL = re.compile(r"/approvals/([0-9a-f-]{36})/")


def search(ata: CommandLine, *filters: str) -> list[dict[str, Any]]:
    """Events as `ata audit search` gives them."""
    found = ata("audit", "search", "--json", "--limit", "500", *filters)
    assert found.returncode == 0, found.stdout + found.stderr
    return list(json.loads(found.stdout)["items"])


def finished(ata: CommandLine, approval: str) -> list[dict[str, Any]]:
    """The events of an approval, once it was committed."""
    events = search(ata, f"approval={approval}")
    actions = {event["action"] for event in events}
    return events if {"skill.blocked", "approval.approved"} <= actions else []


def test_one_act_is_one_operation_with_its_person_on_every_event(house: House) -> None:
    page = house.visit("operator").page
    decide(
        page,
        house,
        f"/enforcement/skill/{fresh('on-the-trail')}/",
        "block",
        "for the record",
        "HIGH",
    )
    page.wait_for_url(APPROVAL)
    found = APPROVAL.search(page.url)
    assert found
    house.phone("operator").answer(code_on(page), "Approve")
    expect(page.locator(".code-big")).to_have_count(0, timeout=60_000)

    auditor = house.command_line("auditor").signed_in()
    events = eventually(lambda: finished(auditor, found[1]), "the events of the act")
    assert len({event["operation"] for event in events}) == 1
    story = search(auditor, f"operation={events[0]['operation']}")
    actions = {event["action"] for event in story}
    assert {"approval.requested", "approval.approved", "skill.blocked"} <= actions
    for event in story:
        if event["source"] != "portal" or not event["actor"]["sub"]:
            continue
        assert event["actor"]["iss"] == f"{house.stack.tenant}/"
        assert event["actor"]["sub"] == SUBS["operator"]
        assert event["actor"]["name"] == "Olu Operator"
        assert event["actor"]["roles"] == ["operator"]
    # What each gateway answered is an event of its own, with its instance.
    committed = next(e for e in story if e["action"] == "skill.blocked" and not e["instance"])
    assert committed["human"] in {"H2", "H3"}
    assert committed["intent_hash"]


def test_an_act_is_provable_within_seconds(house: House) -> None:
    someone = house.visit("auditor")
    operator = house.command_line("operator2").signed_in()
    block = ("tool", "block", "--new", "--reason", "not needed", "--json")
    done = operator(*block, fresh("mic.listen"))
    committed = time.monotonic()
    event = json.loads(done.stdout)["event_id"]
    eventually(
        lambda: someone.context.request.get(house.url(f"/audit/events/{event}/proof")).ok,
        "a proof of the act",
        20,  # of the ten minutes that an idle log takes
    )
    assert time.monotonic() - committed < 20


def test_a_restart_loses_nothing_and_a_waiting_approval_goes_on(house: House) -> None:
    page = house.visit("operator").page
    skill = fresh("over-a-restart")
    decide(page, house, f"/enforcement/skill/{skill}/", "block", "before", "HIGH")
    page.wait_for_url(APPROVAL)
    address, code = page.url, code_on(page)
    newest = "SELECT state FROM approvals_ask ORDER BY id DESC LIMIT 1"
    # A push that was still being sent would rightly be sent anew, under another code.
    eventually(lambda: house.stack.rows(newest)[0]["state"] == "waiting", "the push")
    (before,) = house.stack.rows("SELECT count(*) AS n, max(seq) AS top FROM audit_entry")
    page.goto("about:blank")  # a page that polls would complain that nobody answers

    assert house.stack.stop() == 0
    house.stack.start()

    page.goto(address)
    assert code_on(page) == code
    (after,) = house.stack.rows("SELECT count(*) AS n FROM audit_entry")
    assert after["n"] >= before["n"]
    house.phone("operator").answer(code, "Approve")
    expect(page.locator(".code-big")).to_have_count(0, timeout=60_000)
    eventually(lambda: skill in house.stack.enforced("laptop-mia"), "the block at laptop-mia")
    shots(page, "7-trail-after-restart")
    verified = house.stack.run("manage.py", "verify_ledger")
    assert verified.returncode == 0, verified.stdout + verified.stderr
