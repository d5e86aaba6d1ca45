"""What pages say about a policy is what the rule does: its time, its hold, its version."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from approvals import policy
from approvals.models import Approval, Ask, PolicyVersion
from approvals.policy import rule_summaries, sentences
from approvals.policy.document import DEFAULT, SCHEMA, Rule, read
from approvals.step_up import authorization_details
from approvals.views import inbox
from approvals.views.request_labels import changed_usual_time, policy_sentence
from audit.clock import uuid7
from tests.approvals.asking import ask
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import acting, known
from tests.approvals.policies import in_force, rule
from tests.support.pages import signed_in

pytestmark = pytest.mark.django_db


def test_the_time_of_a_request_is_that_of_its_rule_however_long_the_issuer_gave(
    lamps: Lamps,
) -> None:
    olu = acting("operator", "operator")
    known("operator2", "operator")
    approval = ask(olu)
    push = approval.asks.get()
    Ask.objects.update(
        started=approval.created, expires_at=approval.created + timedelta(seconds=19)
    )
    push.refresh_from_db()
    assert "within 5 minutes" in policy_sentence(approval, push)


def test_a_usual_time_that_changed_is_explained_under_the_same_policy(
    lamps: Lamps, settings: LazySettings
) -> None:
    client, olu = signed_in("operator", "operator"), acting("operator", "operator")
    known("operator2", "operator")
    settings.STEP_UP_EXPIRY_S = 20
    approval = ask(olu)
    assert changed_usual_time(approval) == ""
    settings.STEP_UP_EXPIRY_S = 300
    page = client.get(f"/approvals/{approval.pk}/").content.decode()
    assert "within 20 seconds" in page
    assert "counted: 20 seconds at the time of this request, 5 minutes now." in page
    policy_page = client.get("/approvals/policy/").content.decode()
    assert "uses the setting STEP_UP_EXPIRY_S, 5 minutes now." in policy_page


def test_a_code_is_shown_to_its_approver_however_many_requests_wait(lamps: Lamps) -> None:
    olu, oona = acting("operator", "operator"), acting("operator2", "operator")
    known("operator2", "operator")
    approval = ask(olu)
    row = {f.attname: getattr(approval, f.attname) for f in Approval._meta.concrete_fields}
    row |= {"open_key": "", "created": approval.created + timedelta(seconds=1)}
    more = [row | {"id": one, "intent_hash": one.hex} for one in (uuid7() for _ in range(201))]
    Approval.objects.bulk_create(Approval(**values) for values in more)
    assert approval.current is not None
    assert [row.code for row in inbox.inbox(oona).for_me] == [approval.current.code]


def test_a_time_that_a_rule_gives_or_another_policy_gave_is_not_explained(
    lamps: Lamps, settings: LazySettings
) -> None:
    olu = acting("operator", "operator")
    known("operator2", "operator")
    in_force(rule("all", within_s=40))
    approval = ask(olu)
    assert approval.rule["within_s"] == 40 and changed_usual_time(approval) == ""
    in_force(rule("all"))
    other = Approval.objects.get(pk=approval.pk)
    assert changed_usual_time(other) == ""


@pytest.mark.parametrize("place", [0, 2, 3, 4])
def test_a_rule_about_anything_says_which_requests_hold(place: int) -> None:
    document = read(DEFAULT)
    said = sentences.sentence(document.rules[place], document, 300)
    held = "a connection to be revoked or what is to be blocked is on hold meanwhile"
    assert f"{held}, and nothing else changes" in said
    assert "a denial ends that hold" in said and "; held meanwhile" not in said


def test_a_rule_that_holds_nothing_says_that_a_denial_ends_the_request() -> None:
    document = read(DEFAULT)
    said = sentences.sentence(document.rules[1], document, 300)
    assert "nothing changes meanwhile" in said and said.endswith("a denial ends the request.")
    assert "the policy, a passkey, an outpost, a gateway, a person’s data or a legal hold" in said


@pytest.mark.parametrize(
    ("said", "rule_says"),
    [
        ("Any decision", {}),
        ("Severity HIGH or CRITICAL", {"severities": ["HIGH", "CRITICAL"]}),
        ("Automatic requests from findings", {"automatic": True}),
        ("Any decision, requested by a person", {"automatic": False}),
        ("Anything about what another person restricted or owns", {"others": True}),
        ("Anything but what another person restricted or owns", {"others": False}),
        ("Blocking a skill, severity LOW", {"verbs": ["skill.block"], "severities": ["LOW"]}),
        ("Decisions about a skill", {"verbs": ["skill.*"]}),
        (
            "Unblocking anything, requested by an admin",
            {"verbs": ["*.unblock"], "roles": ["admin"]},
        ),
        (
            "Allowing a skill, where it concerns what another person restricted or owns",
            {"verbs": ["skill.allow"], "others": True},
        ),
    ],
)
def test_the_first_line_of_a_rule_says_all_that_it_matches(
    said: str, rule_says: dict[str, Any]
) -> None:
    made = Rule.model_validate({"id": "a", "verbs": ["*"], "approver": "another"} | rule_says)
    assert rule_summaries.summary(made, 300).about == said


def test_a_rule_about_findings_asks_a_person_and_no_other_one() -> None:
    made = Rule.model_validate(
        {"id": "a", "verbs": ["skill.block"], "automatic": True, "approver": "another"}
    )
    assert (
        rule_summaries.summary(made, 300).approver
        == "An operator approves by phone within 5 minutes."
    )
    [line] = rule_summaries.lines(
        read({"schema": SCHEMA, "number": 1, "rules": [made.model_dump()]}), 300
    )
    assert line.approver == "An operator"


@pytest.mark.parametrize("on_expiry", ["release", "keep_hold"])
@pytest.mark.parametrize("on_denial", ["release", "keep_hold"])
def test_what_ends_a_hold_at_an_outpost_is_said_once_for_all_rules(
    on_denial: str, on_expiry: str
) -> None:
    made = Rule.model_validate(
        {
            "id": "a",
            "verbs": ["skill.block"],
            "approver": "another",
            "on_denial": on_denial,
            "on_expiry": on_expiry,
        }
    )
    said = rule_summaries.about_holds([made])
    assert ("a denial ends the hold only if it is signed by passkey" in said) is (
        on_denial == "release"
    )
    assert ("the hold stays if no one answers" in said) is (on_expiry == "release")
    revokes = made.model_copy(update={"verbs": ["connection.revoke"]})
    assert "outpost" not in rule_summaries.about_holds([revokes])


@pytest.mark.parametrize("pattern", ["connection.resume", "*.resume", "access.revoke"])
def test_what_cannot_be_held_is_not_said_to_be(pattern: str) -> None:
    made = Rule.model_validate({"id": "a", "verbs": [pattern], "approver": "another"})
    assert "hold" not in sentences.sentence(made, read(DEFAULT), 300)


@pytest.mark.parametrize(
    ("on_denial", "said"),
    [("release", "ends the hold once it is proven"), ("keep_hold", "does not end the hold")],
)
def test_phone_and_page_say_the_same_about_a_denial(
    lamps: Lamps, on_denial: str, said: str
) -> None:
    in_force(rule("all", on_denial=on_denial))
    olu = acting("operator", "operator")
    known("operator2", "operator")
    approval = ask(olu)
    [sent] = authorization_details.for_ask(approval.asks.get())
    denied = f"Nothing happens. On hold meanwhile; a denial {said}. If no one answers, "
    assert sent["properties"]["if_denied"]["value"].startswith(denied)
    client = signed_in("operator", "operator")
    page = client.get(f"/approvals/{approval.pk}/").content.decode()
    assert sent["properties"]["if_denied"]["value"] in page


@pytest.fixture
def admin(db: None) -> Client:
    acting("operator2", "admin")
    return signed_in("admin", "admin")


def test_going_back_to_no_version_offers_none_and_raises_no_alarm(
    admin: Client, caplog: pytest.LogCaptureFixture
) -> None:
    for asked in ("", "?from=", "?from=0000", f"?from={policy.policy_digest()}"):
        answer = admin.get(f"/approvals/policy/review/{asked}")
        assert (answer.status_code, answer["Location"]) == (302, "/approvals/policy/")
    assert "the safest is used" not in caplog.text
    assert not Approval.objects.exists() and not PolicyVersion.objects.exists()


def test_a_rule_that_asks_no_one_says_that_the_minimum_may() -> None:
    made = Rule.model_validate({"id": "a", "verbs": ["skill.unblock"], "approver": "none"})
    said = rule_summaries.summary(made, 300)
    assert said.approver.endswith("unless the minimum under every policy asks for a person.")


def test_a_rule_for_blocks_and_other_decisions_says_which_of_them_are_on_hold() -> None:
    made = Rule.model_validate({"id": "a", "verbs": ["skill.*"], "approver": "another"})
    follows = dict(rule_summaries.summary(made, 300).follows)
    assert follows == {
        "Until then": "What is to be blocked is on hold, and nothing else changes.",
        "No answer": "The next on call is asked, and after the last one that hold stays until "
        "someone decides.",
        "Denied": "That hold ends once the denial is proven.",
    }
    block = made.model_copy(update={"verbs": ["skill.block"]})
    assert dict(rule_summaries.summary(block, 300).follows)["Until then"] == "It is on hold."
    allow = made.model_copy(update={"verbs": ["skill.allow"]})
    follows = dict(rule_summaries.summary(allow, 300).follows)
    assert follows["Until then"] == follows["Denied"] == "Nothing changes."


def test_pages_of_the_policy_say_why_a_request_may_have_had_another_time(admin: Client) -> None:
    said = "the setting STEP_UP_EXPIRY_S, 5 minutes now. A request keeps the time"
    for path in ("", "edit/", f"{policy.policy_digest()}/"):
        page = admin.get(f"/approvals/policy/{path}").content.decode()
        assert said in page and '/approvals/">Approvals</a></li>' not in page
    made = Rule.model_validate({"id": "a", "verbs": ["*"], "approver": "self", "within_s": 60})
    assert rule_summaries.about_time([made], 300) == ""
