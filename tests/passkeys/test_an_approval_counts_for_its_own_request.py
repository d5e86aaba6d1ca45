"""A signed approval stands on pages only at the request, and the words, that were signed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from approvals import policy
from approvals.erasure import stores
from approvals.models import Answer, Approval, Ask, AskState, Outcome, Status
from approvals.pipeline.intent import intent_hash
from approvals.pipeline.service import perform
from approvals.policy import policy_change
from approvals.views.policy import policy_page_context
from audit.erasure.subject_and_store_registry import Whose
from audit.models import EventRow
from audit.recording.actors import Actor, EvidenceRef, Target
from audit.recording.record import record
from enforcement.models import Asset
from enforcement.views.requester_and_approver import requested_and_approved
from tests.accounts.trail import events
from tests.approvals import policies
from tests.approvals.asking import fresh
from tests.approvals.people_of import acting
from tests.approvals.test_all_who_approved_are_named import text
from tests.passkeys.devices import answered_by, approver_key, ask, give, say
from tests.support.authenticator import Authenticator
from tests.support.pages import signed_in

SAID = "Oona Operator approved exactly this request"


def page_of(approval: Approval) -> str:
    return text(signed_in("auditor", "auditor"), f"/approvals/{approval.pk}/")


def is_written_as_approved(approval: Approval) -> None:
    """What someone with write access to the database can do."""
    Ask.objects.filter(approval=approval).update(state=AskState.APPROVED)
    Approval.objects.filter(pk=approval.pk).update(
        status=Status.CLOSED, answer=Answer.APPROVED, outcome=Outcome.APPROVED
    )


def test_a_decision_about_a_component_is_approved_by_its_own_request_alone(
    olu: Actor, oona: Actor, hers: Authenticator
) -> None:
    asked = [
        perform(
            olu, "skill.block", Target("skill", name), reason="odd", severity="CRITICAL"
        ).approval
        for name in ("pdf", "xlsx")
    ]
    for approval in asked:
        assert approval is not None
        give(oona, approval, hers)
    one, other = Asset.objects.order_by("name")
    both = requested_and_approved([one, other])
    assert both == dict.fromkeys(both, "requested by Olu Operator, approved by Oona Operator")
    unproven = "requested by Olu Operator, recorded as approved by Oona Operator; no proof found"
    for altered in ({"approval": other.approval}, {"decision": "allow"}, {"instance": "lab"}):
        Asset.objects.filter(pk=one.pk).update(**altered)
        assert requested_and_approved(Asset.objects.filter(pk=one.pk)) == {one.pk: unproven}
        Asset.objects.filter(pk=one.pk).update(**{key: getattr(one, key) for key in altered})


def test_a_version_of_the_policy_is_approved_by_the_request_for_it_alone(lamps: Any) -> None:
    amir, anya = acting("admin", "admin"), acting("member1", "admin")
    answered_by("ciba")
    _, key = approver_key(amir), approver_key(anya)
    answered_by("passkey")
    for within_s in (90, 120):
        made = policies.document(policies.rule("all", within_s=within_s, channel="passkey"))
        params = {"document": made, "base": policy.policy_digest()}
        approval = perform(amir, policy_change.VERB, policy_change.TARGET, params=params).approval
        assert approval is not None
        give(anya, approval, key)
    newest, earlier = policy_page_context.history()[:2]
    for version in (newest, earlier):
        assert policy_page_context.approver(version) == "approved by Mia Member"
    foreign = replace(newest, approval=earlier.approval)
    unproven = "recorded as approved by Mia Member; no proof found"
    assert policy_page_context.approver(foreign) == unproven


@pytest.fixture
def hers(lamps: Any, oona: Actor, olu: Actor) -> Authenticator:
    answered_by("ciba")
    made = approver_key(oona)
    answered_by("passkey")
    return made


@pytest.mark.parametrize(
    "altered",
    [
        {"sentence": "Allow lamp spotlight everywhere."},
        {"target_name": "spotlight"},
        {"reason": "signed off by legal"},
        {"severity": "LOW"},
        {"if_approved": "Nothing happens."},
        {"requested_by": "Legal"},
        {"risk": "none at all"},
        {"params": {"for": "ever"}},
        {"intent": "{}"},
        {"intent_hash": "0" * 64},
        {"intent": "[]", "intent_hash": intent_hash(b"[]")},
    ],
    ids=lambda altered: "".join(altered),
)
def test_no_one_approved_a_request_that_was_altered_afterwards(
    olu: Actor, oona: Actor, hers: Authenticator, altered: dict[str, Any]
) -> None:
    approval = ask(olu)
    give(oona, approval, hers)
    assert SAID in page_of(approval)
    Approval.objects.filter(pk=approval.pk).update(**altered)
    page = page_of(approval)
    assert SAID not in page and "no proof found" in page
    assert "no proof found" in text(signed_in("auditor", "auditor"), "/approvals/")


def test_an_approval_stays_said_after_its_requester_was_erased(
    olu: Actor, oona: Actor, hers: Authenticator
) -> None:
    approval = ask(olu)
    give(oona, approval, hers)
    stores._erase_requests(Whose(key=olu.key, people=((olu.iss, olu.sub),)))
    page = page_of(approval)
    assert SAID in page and "asked by a person who was erased" in page
    Approval.objects.filter(pk=approval.pk).update(sentence="Allow lamp spotlight everywhere.")
    assert SAID not in page_of(approval)


def test_a_signed_denial_is_no_approval_whatever_its_row_says(
    olu: Actor, oona: Actor, hers: Authenticator
) -> None:
    approval = ask(olu)
    give(oona, approval, hers, "deny")
    assert EventRow.objects.filter(action="approval.denied").update(action="approval.approved") == 1
    is_written_as_approved(approval)
    assert SAID not in page_of(approval)


def test_one_of_two_signatures_is_not_both(olu: Actor, oona: Actor, hers: Authenticator) -> None:
    answered_by("both")
    approval = ask(olu)
    give(oona, approval, hers)
    is_written_as_approved(approval)
    page = page_of(approval)
    assert SAID not in page and "Both signatures checked" not in page


def test_both_signatures_are_said_where_both_are_there(
    olu: Actor, oona: Actor, hers: Authenticator
) -> None:
    answered_by("both")
    approval = ask(olu)
    give(oona, approval, hers)
    assert say(approval, "approve") == ""
    page = page_of(approval)
    assert SAID in page and "Both signatures checked" in page


def test_one_approval_is_not_enough_where_two_are_needed(
    olu: Actor, oona: Actor, hers: Authenticator
) -> None:
    approval = ask(olu)
    give(oona, approval, hers)
    rule = fresh(approval).rule | {"count": 2, "approver": "group"}
    Approval.objects.filter(pk=approval.pk).update(rule=rule)
    assert SAID not in page_of(approval)


def test_what_was_signed_for_one_request_approves_no_other(
    olu: Actor, oona: Actor, lamps: Any
) -> None:
    answered_by("ciba")
    first = ask(olu)
    assert say(first, "approve") == ""
    assert SAID in page_of(first)
    event, second = events("approval.approved")[-1], ask(olu, name="stairs")
    record(
        oona,
        "approval.approved",
        target=Target("lamp", "hall"),
        operation=second.operation,
        approval=str(second.pk),
        intent_hash=first.intent_hash,
        data={name: value for name, value in event["data"].items() if name != "intent"},
        private={"intent": first.intent},
        evidence=[EvidenceRef(one["kind"], one["digest"]) for one in event["evidence"]],
    )
    is_written_as_approved(second)
    assert SAID not in page_of(second)
