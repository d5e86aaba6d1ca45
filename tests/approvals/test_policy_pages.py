"""The policy on the web: read by everybody, changed by admins, tried by anybody."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import SignedInSession
from approvals import policy
from approvals.models import Approval, PolicyVersion
from approvals.policy import policy_in_force
from audit.models import Event
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import acting
from tests.approvals.policies import in_force, rule
from tests.support.pages import signed_in

EDIT = "/approvals/policy/edit/"
PROPOSE = "/approvals/policy/propose/"


@pytest.fixture
def admin(db: None) -> Client:
    """An admin who signed in just now, with another one enrolled."""
    acting("operator2", "admin")
    return signed_in("admin", "admin")


def text(answer: Any) -> str:
    """The words of a page."""
    plain = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", html.unescape(plain))


def form(answer: Any) -> dict[str, list[str]]:
    """What a browser would send from the page's policy form."""
    page = answer.content.decode()
    fields: dict[str, list[str]] = {}
    for name, value in _controls(page):
        fields.setdefault(name, []).append(value)
    return fields


def _controls(page: str) -> Iterator[tuple[str, str]]:
    for tag in re.findall(r"<input[^>]*>", page):
        attributes = dict(re.findall(r'([a-z-]+)="([^"]*)"', tag))
        ticked = attributes.get("type") != "checkbox" or re.search(r"\schecked", tag)
        if "name" in attributes and ticked and attributes["name"] != "q":
            yield attributes["name"], html.unescape(attributes.get("value", ""))
    for name, inside in re.findall(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', page, re.S):
        options = re.findall(r"<option([^>]*)>([^<]*)", inside)
        chosen = next((o for o in options if "selected" in o[0]), options[0] if options else None)
        if chosen:
            value = re.search(r'value="([^"]*)"', chosen[0])
            yield name, html.unescape(value[1] if value else chosen[1])


def step(client: Client, sent: dict[str, list[str]], do: str, **changed: str) -> Any:
    """Press a button of the form."""
    more = {name.replace("__", "-"): value for name, value in changed.items()}
    return client.post(EDIT, sent | more | {"do": do})


@pytest.mark.parametrize("roles", [(), ("auditor",), ("operator",), ("admin",)])
def test_everybody_reads_it_and_only_admins_are_offered_to_change_it(
    db: None, roles: tuple[str, ...]
) -> None:
    client = signed_in("member1", *roles)
    page = client.get("/approvals/policy/")
    assert "No answer The next on call is asked, and after the last one" in text(page)
    may = "admin" in roles
    assert ("Change the policy" in text(page)) is may
    assert client.get(EDIT).status_code == (200 if may else 403)
    assert client.post(PROPOSE, {}).status_code == (302 if may else 403)


def test_the_form_begins_with_what_is_in_force_and_writes_nothing(admin: Client) -> None:
    before = Event.objects.count()
    sent = form(admin.get(EDIT))
    again = step(admin, sent, "review")
    assert "Nothing: that is the policy in force already." in text(again)
    assert Event.objects.count() == before and not PolicyVersion.objects.exists()


def test_each_rule_says_what_it_matches_who_approves_and_what_follows(admin: Client) -> None:
    page = text(admin.get(EDIT))
    assert "Automatic requests from findings findings-ask A person with the role approves" in page
    assert "Severity HIGH high The one who asked approves on their own phone within" in page
    assert "Denied That hold ends once the denial is proven. Edit rule 5" in page
    assert "Only a connection to be revoked or what is to be blocked can be on hold." in page
    policy_page = text(admin.get("/approvals/policy/"))
    assert "Anything about what another person restricted or owns others-things" in policy_page
    broken = text(step(admin, form(admin.get(EDIT)), "preview", r1__verbs="nonsense"))
    assert "Not a whole rule yet. policy-and-keys" in broken and "Edit rule 2" in broken


def test_rules_are_added_moved_and_removed_without_scripts(admin: Client) -> None:
    page = step(admin, form(admin.get(EDIT)), "add")
    sent = form(page)
    assert sent["r0-id"] == ["rule-1"] and sent["rules"] == ["6"]
    page = step(admin, sent, "down-0", r0__verbs="skill.block")
    sent = form(page)
    assert (sent["r0-id"], sent["r1-id"]) == (["findings-ask"], ["rule-1"])
    assert 'value="down-1" class="btn btn-s btn-icon" autofocus' in page.content.decode()
    sent = form(step(admin, sent, "remove-0"))
    assert (sent["r0-id"], sent["rules"]) == (["rule-1"], ["5"])


def test_errors_stand_beside_the_field_and_at_the_top_and_nothing_is_lost(admin: Client) -> None:
    sent = form(step(admin, form(admin.get(EDIT)), "add"))
    page = step(admin, sent, "review", r0__verbs="nonsense", r0__within_s="5", r0__id="mine")
    assert page.status_code == 422
    shown = page.content.decode()
    assert '<a href="#r0-verbs">' in shown and '<a href="#r0-within_s">' in shown
    assert 'id="r0-verbs-error"' in shown and 'aria-invalid="true"' in shown
    kept = form(page)
    assert (kept["r0-verbs"], kept["r0-within_s"], kept["r0-id"]) == (["nonsense"], ["5"], ["mine"])


def test_a_count_without_a_group_is_refused_and_kept(admin: Client) -> None:
    page = step(admin, form(admin.get(EDIT)), "review", r4__count="2")
    assert page.status_code == 422
    assert "2 needs a group: choose one under Who, or enter 1." in text(page)
    assert '<a href="#r4-count">' in page.content.decode()
    assert form(page)["r4-count"] == ["2"]


def test_a_rule_below_the_floor_is_told_at_its_place(admin: Client) -> None:
    sent = form(admin.get(EDIT))
    page = step(admin, sent, "review", r3__who="none")
    assert page.status_code == 422
    assert "No policy can go below that." in text(page)
    assert '<a href="#r3-who">' in page.content.decode()


def test_the_difference_is_shown_before_anybody_is_asked(admin: Client) -> None:
    sent = form(admin.get(EDIT))
    page = step(admin, sent, "review", r4__within_s="60")
    shown = text(page)
    assert "<h1>1 change, not proposed yet</h1>" in page.content.decode()
    same = step(admin, sent, "review").content.decode()
    assert "<h1>Nothing would change</h1>" in same and "btn-primary" not in same
    assert "Changed: rule high" in shown
    assert "within 5 minutes" in shown and "within 1 minute" in shown
    assert "The same people approve as under the policy in force" in shown
    assert "What changes is listed above." in shown and "The same as the policy" not in shown
    assert not Approval.objects.exists()
    asked = admin.post(PROPOSE, form(page) | {"reason": "faster"})
    approval = Approval.objects.get()
    assert asked["Location"] == f"/approvals/{approval.pk}/"
    assert (approval.verb, approval.reason) == ("policy.change", "faster")
    assert approval.asks.get().person.sub == acting("operator2", "admin").sub
    told = text(admin.get(asked["Location"]))
    assert "What would change in the policy: 1 change" in told and "within 1 minute" in told
    assert ">Change the approval policy: sending the request</h1>" in (
        admin.get(asked["Location"]).content.decode()
    )
    assert "A change waits for approval." in text(admin.get("/approvals/policy/"))


def test_a_draft_without_a_change_shows_the_way_on_without_an_accent(admin: Client) -> None:
    page = admin.get(EDIT)
    assert "<h1>No change to the policy yet</h1>" in page.content.decode()
    assert "btn-primary" not in page.content.decode() and "Discard changes" not in text(page)
    assert "Edit, add or move a rule below. Then review the changes" in text(page)
    for where in ("edit-actions", "edit-foot"):
        part = page.content.decode().partition(f'id="{where}"')[2].partition("</div>")[0]
        assert re.search(r'<button type="submit" form="policy"[^>]* value="review"', part)
    moved = step(admin, form(page), "up-1")
    assert step(admin, form(moved), "down-0").content.decode().count("btn-primary") == 0


def test_the_title_of_a_draft_counts_its_changes_and_offers_to_review_them(admin: Client) -> None:
    page = step(admin, form(admin.get(EDIT)), "preview", r4__within_s="60")
    body = page.content.decode()
    assert "<h1>1 change, not proposed yet</h1>" in body
    assert body.count("btn-primary") == 2 and body.count("Discard changes</a>") == 2
    assert "listed above" not in body


def test_a_draft_that_is_no_policy_or_below_the_floor_can_be_reviewed(admin: Client) -> None:
    sent = form(admin.get(EDIT))
    page = step(admin, sent, "preview", r4__within_s="soon").content.decode()
    assert "<h1>This draft is not a whole policy yet</h1>" in page and "btn-primary" in page
    page = step(admin, sent, "review", r3__who="none").content.decode()
    assert "a correction</h1>" in page and "btn-primary" in page


def test_a_change_of_the_form_moves_its_title_and_buttons(admin: Client) -> None:
    page = admin.get(EDIT).content.decode()
    found = re.search(r'hx-select="#preview" hx-select-oob="([^"]+)"', page)
    assert found
    assert all(f'id="{one.removeprefix("#")}"' in page for one in found[1].split(","))


def test_going_on_editing_keeps_the_change(admin: Client) -> None:
    page = step(admin, form(admin.get(EDIT)), "review", r4__within_s="60")
    back = admin.post(EDIT, form(page) | {"do": "back"})
    assert form(back)["r4-within_s"] == ["60"]


def test_a_change_made_meanwhile_is_said_and_nothing_is_lost(admin: Client) -> None:
    sent = form(admin.get(EDIT))
    in_force(rule("other"))
    page = step(admin, sent, "review", r4__within_s="60")
    assert "The policy was changed meanwhile." in text(page)
    assert "Gone: rule other" in text(page)
    stale = form(page) | {"base": "0" * 64}
    refused = admin.post(PROPOSE, stale)
    assert refused.status_code == 409
    assert "within 1 minute" in text(refused)


def test_an_old_sign_in_loses_nothing(admin: Client) -> None:
    page = step(admin, form(admin.get(EDIT)), "review", r4__within_s="60")
    session = SignedInSession.objects.get()
    SignedInSession.objects.update(auth_time=session.auth_time - timedelta(hours=1))
    refused = admin.post(PROPOSE, form(page) | {"reason": "faster"})
    assert refused.status_code == 401
    assert "Sign in again" in text(refused)
    kept = form(refused)
    assert json.loads(kept["document"][0])["rules"][4]["within_s"] == 60
    assert "faster" in refused.content.decode()
    assert admin.get(EDIT).status_code == 302
    assert not Approval.objects.exists()


def test_groups_and_the_order_on_call_are_edited(admin: Client) -> None:
    oona = acting("operator", "operator")
    sent = form(step(admin, form(admin.get(EDIT)), "addgroup"))
    key = f"{oona.iss} {oona.sub}"
    page = step(
        admin, sent | {"roster-add": [key]}, "personadd", g0__name="ops", g0__who="operator"
    )
    assert form(page)["roster"] == [key]
    page = step(admin, form(page), "review", r4__who="group:ops")
    shown = text(page)
    assert "New: group ops" in shown and "all operators" in shown
    assert "one of the operators (ops), all asked at once, approves" in shown
    assert "Olu Operator" in shown, "people are shown by name"


def test_what_would_happen_is_answered_and_nothing_written(db: None, lamps: Lamps) -> None:
    client = signed_in("member1")
    before = Event.objects.count()
    page = client.get(
        "/approvals/policy/?try-verb=lamp.block&try-severity=CRITICAL&try-who=operator"
    )
    shown = text(page)
    assert "an operator other than the one who asked approves by phone within 5 minutes" in shown
    assert "4. critical applies." in shown
    assert Event.objects.count() == before
    assert client.get("/approvals/policy/?try-verb=no.such&try-severity=X").status_code == 200


def test_the_draft_is_tried_before_it_is_proposed(admin: Client) -> None:
    sent = form(admin.get(EDIT)) | {"try-verb": ["skill.block"], "try-severity": ["HIGH"]}
    page = step(admin, sent, "try", r4__within_s="60")
    assert "within 1 minute" in text(page)
    assert form(page)["r4-within_s"] == ["60"]


def test_the_history_tells_versions_and_offers_to_go_back(admin: Client) -> None:
    first = in_force(rule("first"))
    in_force(rule("second"))
    page = text(admin.get("/approvals/policy/"))
    assert "Version 2" in page and "Version 1" in page and "Default policy" in page
    assert "Version 0" not in page
    one = admin.get(f"/approvals/policy/{first.digest}/")
    assert "New: rule first" in text(one) and "Propose this version again" in text(one)
    assert "A rule applies only to decisions that are final or relax something" in text(one)
    answer = "need an approver other than the requester"
    assert "Its rules say: Every approval is given by someone other than" in text(one)
    default = text(admin.get(f"/approvals/policy/{policy_in_force.default().digest}/"))
    assert f"Its rules say: Critical decisions {answer}. High ones need at least the" in default
    review = admin.get(f"/approvals/policy/review/?from={first.digest}")
    assert "Back to version 1?" in text(review) and "Gone: rule second" in text(review)
    admin.post(PROPOSE, form(review))
    made = Approval.objects.get().params["document"]
    assert (made["number"], made["rules"][0]["id"]) == (3, "first")
    assert admin.get("/approvals/policy/0000/").status_code == 404
    assert admin.get("/approvals/policy/review/?from=0000").status_code == 302


def test_a_form_that_says_anything_is_only_a_wrong_policy(admin: Client) -> None:
    odd = {
        "rules": "99999", "groups": "-3", "do": "up-99", "base": "x", "r0-within_s": "1e9",
        "r0-count": "²", "roster": ["nobody"], "never_scanned": "NEVER", "document": "[1]",
    }  # fmt: skip
    assert admin.post(EDIT, odd).status_code == 200
    assert admin.post(EDIT, odd | {"do": "review"}).status_code == 422
    long = {"rules": "1", "r0-within_s": "9" * 5000, "do": "review"}
    assert admin.post(EDIT, odd | long).status_code == 422
    assert admin.post(PROPOSE, {"document": "[1]"}).status_code == 302
    assert policy.in_force().document.number == 0


def test_the_form_lists_decisions_and_says_which_names_a_rule_may_have(admin: Client) -> None:
    page = step(admin, form(admin.get(EDIT)), "add")
    shown = page.content.decode()
    assert '<datalist id="decisions">' in shown and '<option value="skill.allow">' in shown
    assert 'href="#decisions-list"' in shown and 'id="decisions-list"' in shown
    assert "small letters, digits and hyphens" in text(page)


def test_a_rule_whose_decisions_hold_nothing_says_that_its_hold_has_no_effect(
    admin: Client,
) -> None:
    said = "None of these decisions puts anything on hold"
    sent = form(step(admin, form(admin.get(EDIT)), "add"))
    page = step(admin, sent, "preview", r0__verbs="skill.block", r0__while_pending="hold")
    some = text(page).count(said)
    page = step(admin, sent, "preview", r0__verbs="skill.allow", r0__while_pending="hold")
    assert text(page).count(said) == some + 1


def test_the_policy_says_that_a_change_asks_for_a_new_sign_in(db: None) -> None:
    said = "Changing the policy needs a sign-in with a second factor within the last ten minutes."
    for role in ("admin", "auditor"):
        page = text(signed_in(role, role).get("/approvals/policy/"))
        assert (said in page) is (role == "admin")
