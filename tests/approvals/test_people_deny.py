"""Denied: nothing commits, and the hold ends once the denial is proven."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from approvals import cancel_resend_confirm_denial, clock
from approvals.errors import Refused
from approvals.models import Ask
from approvals.person_access_ends.set_access_end import VERB
from approvals.pipeline.service import perform
from approvals.views import request_labels
from approvals.views.request_audit_history import history
from audit import clock as audit_clock
from audit.evidence import human_levels
from audit.ledger.query import EventQuery
from audit.recording.actors import SYSTEM, Actor, Target
from audit.search import event_search
from audit.sequencing import sequencer
from tests.accounts.trail import events
from tests.approvals.asking import actions, ask, code_of, fresh
from tests.approvals.conftest import forget_issuer
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import Phones, acting, known
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA

type Work = Callable[..., None]


def test_a_denial_that_the_tenant_log_proves_commits_nothing_and_ends_the_hold(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    phones.answer("operator2", code_of(approval), "deny")
    work()
    done = fresh(approval)
    assert (done.outcome, done.answer, done.inferred, done.held) == (
        "denied",
        "denied",
        False,
        False,
    )
    assert lamps.lit == {} and lamps.held == []
    assert events("lamp.blocked") == []
    [said] = events("approval.denied")
    assert (said["actor"]["sub"], said["data"]["known_from"]) == (oona.sub, "tenant log")
    assert "lamp.override_logged" not in actions(), "somebody asked, so nothing was overridden"


def test_each_of_several_denials_is_proven_by_an_entry_of_its_own(
    lamps: Lamps, phones: Phones, olu: Actor, work: Work
) -> None:
    known("member1", "operator", on_call=1)
    earlier = ask(olu)
    work()
    phones.answer("member1", code_of(earlier), "deny")
    work()
    both = [ask(olu, "lamp.allow"), ask(olu)]
    work()
    for approval in both:
        phones.answer("member1", code_of(approval), "deny")
    work()
    assert [(a.outcome, a.inferred) for a in map(fresh, [earlier, *both])] == [
        ("denied", False)
    ] * 3


def test_denying_what_a_finding_asked_is_a_logged_override_by_name(
    lamps: Lamps, phones: Phones, oona: Actor, work: Work
) -> None:
    approval = ask(SYSTEM, folded="lamp:hall:1", reason="reads the clipboard")
    work()
    phones.answer("operator2", code_of(approval), "deny")
    work()
    assert lamps.lit == {} and lamps.held == []
    [override] = events("lamp.override_logged")
    assert override["actor"]["sub"] == oona.sub
    assert (override["outcome"], override["severity"]) == ("denied", "CRITICAL")
    assert "lamp.allowed" not in actions(), "a denial never allows"


@pytest.fixture
def unread_log(phones: Phones, settings: Any) -> None:
    """A tenant whose log we cannot read."""
    settings.ENV = settings.ENV.model_copy(update={"AUTH0_MGMT_CLIENT_SECRET": ""})


def test_without_evidence_a_denial_is_inferred_and_the_hold_stays(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, unread_log: None, work: Work
) -> None:
    approval = ask(olu)
    work()
    phones.answer("operator2", code_of(approval), "deny")
    work()
    done = fresh(approval)
    assert (done.outcome, done.inferred, done.held) == ("denied", True, True)
    assert lamps.held == ["hall"]
    [said] = events("approval.denied")
    assert not said["actor"]["sub"], "nobody is named as the actor of what is inferred"
    assert human_levels.explain(said).code == "H0"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({}, "The hold stays; it can end once that is confirmed."),
        ({"on_denial": "keep_hold"}, "The hold stays."),
        ({"signed_denial": True}, "The hold stays."),
    ],
)
def test_an_inferred_denial_promises_no_end_of_a_hold_that_stays(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, unread_log: None, work: Work,
    rule: dict[str, Any], said: str,
) -> None:  # fmt: skip
    approval = ask(olu)
    work()
    phones.answer("operator2", code_of(approval), "deny")
    work()
    done = fresh(approval)
    done.rule = {**done.rule, **rule}
    assert request_labels.outcome_words(done).endswith(f"Nothing is committed. {said}")


def test_the_asked_person_confirms_an_inferred_denial(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, unread_log: None, work: Work
) -> None:
    approval = ask(olu)
    work()
    phones.answer("operator2", code_of(approval), "deny")
    work()
    with pytest.raises(Refused, match="Only the person"):
        cancel_resend_confirm_denial.confirm_denial(olu, str(approval.pk))
    cancel_resend_confirm_denial.confirm_denial(oona, str(approval.pk))
    done = fresh(approval)
    assert (done.inferred, done.held) == (False, False)
    assert lamps.held == []
    with pytest.raises(Refused, match="no confirmation"):
        cancel_resend_confirm_denial.confirm_denial(oona, str(approval.pk))


def test_an_inferred_denial_is_proven_when_the_log_can_be_read_again(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, settings: Any, work: Work
) -> None:
    readable = settings.ENV
    settings.ENV = readable.model_copy(update={"AUTH0_MGMT_CLIENT_SECRET": ""})
    approval = ask(olu)
    work()
    phones.answer("operator2", code_of(approval), "deny")
    work()
    assert fresh(approval).inferred
    settings.ENV = readable
    forget_issuer()
    work()
    done = fresh(approval)
    assert (done.inferred, done.held, lamps.held) == (False, False, [])
    assert [e["data"]["inferred"] for e in events("approval.denied")] == [True, False]


def test_a_rejection_from_before_this_push_proves_nothing(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, settings: Any, work: Work
) -> None:
    readable = settings.ENV
    settings.ENV = readable.model_copy(update={"AUTH0_MGMT_CLIENT_SECRET": ""})
    approval = ask(olu)
    work()
    phones.answer("operator2", code_of(approval), "deny")
    work()
    later = clock.now() + timedelta(minutes=1)
    Ask.objects.update(started=later, expires_at=later + timedelta(minutes=5))
    settings.ENV = readable
    forget_issuer()
    work()
    assert (fresh(approval).inferred, lamps.held) == (True, ["hall"])


def test_the_reason_typed_on_the_phone_is_on_the_event_the_page_and_in_search(
    lamps: Lamps, phones: Phones, olu: Actor, work: Work
) -> None:
    known("member2", "operator", on_call=1)  # whose phone no other test answers
    approval = ask(olu, reason="burns too bright")
    work()
    phones.answer("member2", code_of(approval), "deny", reason="Needed by the sales team")
    work()
    [said] = events("approval.denied")
    assert said["reason"] == "Needed by the sales team"
    page = text_of(browser_of(ADA).get(reverse("approval", args=[approval.pk])))
    assert "Needed by the sales team" in page and "burns too bright" in page
    sequencer.run_once()
    found = event_search.page(EventQuery.parse({"q": ["sales"]})).rows
    assert "approval.denied" in {row.action for row in found}


def test_a_reason_is_never_taken_from_an_entry_that_may_be_of_another_request(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    both = [ask(olu, "lamp.allow"), ask(olu)]
    work()
    for approval in both:
        phones.answer("operator2", code_of(approval), "deny", reason=f"of {approval.verb}")
    work()
    assert {event["reason"] for event in events("approval.denied")} == {""}


def test_a_reason_that_arrives_after_the_proof_is_kept_once(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, unread_log: None, work: Work
) -> None:
    approval = ask(olu)
    work()
    phones.answer("operator2", code_of(approval), "deny")
    work()
    cancel_resend_confirm_denial.confirm_denial(oona, str(approval.pk))
    assert cancel_resend_confirm_denial.may_say_why(oona, fresh(approval))
    assert not cancel_resend_confirm_denial.may_say_why(olu, fresh(approval))
    cancel_resend_confirm_denial.confirm_denial(oona, str(approval.pk), "Needed on Monday")
    assert events("approval.denied")[-1]["reason"] == "Needed on Monday"
    assert history(fresh(approval), oona).denied_because == "Needed on Monday"
    with pytest.raises(Refused) as refused:
        cancel_resend_confirm_denial.confirm_denial(oona, str(approval.pk), "Another one")
    assert refused.value.code == "nothing_to_confirm"


def test_the_person_who_denied_says_why_in_the_portal(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, unread_log: None, work: Work
) -> None:
    approval = ask(olu)
    work()
    phones.answer("operator2", code_of(approval), "deny")
    work()
    assert fresh(approval).inferred
    cancel_resend_confirm_denial.confirm_denial(oona, str(approval.pk), "Needed on Monday")
    assert events("approval.denied")[-1]["reason"] == "Needed on Monday"


@pytest.fixture
def lose(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Take Oona's role: the directory has her without one, or her access ended yesterday."""

    def take(how: str) -> None:
        if how == "no role in the directory":
            known("operator2")
            return
        before = clock.now() - timedelta(days=1)
        target = Target("person", known("operator2", "auditor").sub)  # who alone gets an end
        params = {"last_day": before.date().isoformat()}
        with monkeypatch.context() as yesterday:
            for one in (clock, audit_clock):
                yesterday.setattr(one, "now", lambda: before)
            perform(acting("admin", "admin"), VERB, target, params=params, reason="left")
        known("operator2", "operator")

    return take


LOST = ["no role in the directory", "access that ended"]


@pytest.mark.parametrize("how", LOST)
def test_a_denial_by_somebody_who_lost_the_role_meanwhile_keeps_the_hold(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work, lose: Any, how: str
) -> None:
    approval = ask(olu)
    work()
    lose(how)
    phones.answer("operator2", code_of(approval), "deny")
    work()
    done = fresh(approval)
    assert (done.outcome, done.inferred, done.held) == ("denied", False, True)
    assert lamps.held == ["hall"] and events("lamp.released") == []
    [said] = events("approval.denied")
    assert said["actor"]["sub"] == oona.sub
    page = text_of(browser_of(ADA).get(reverse("approval", args=[approval.pk])))
    assert "Oona Operator denied it. Nothing was committed. The hold stays." in page
    assert "The hold stays. This denial did not end it." in page, "as its policy says it would"
    assert "Who denied it may not answer it any more. A release that is approved ends it." in page


@pytest.mark.parametrize("how", LOST)
def test_confirming_a_denial_after_the_role_was_lost_keeps_the_hold(
    lamps: Lamps,
    phones: Phones,
    olu: Actor,
    oona: Actor,
    unread_log: None,
    work: Work,
    lose: Any,
    how: str,
) -> None:
    approval = ask(olu)
    work()
    phones.answer("operator2", code_of(approval), "deny")
    work()
    page = reverse("approval", args=[approval.pk])
    ends = "Confirming here ends the hold."
    assert ends in text_of(browser_of(oona).get(page))
    lose(how)
    seen = text_of(browser_of(oona).get(page))
    assert "Yes, I denied this" in seen and ends not in seen
    cancel_resend_confirm_denial.confirm_denial(oona, str(approval.pk))
    assert (fresh(approval).inferred, fresh(approval).held) == (False, True)
    assert lamps.held == ["hall"]


def test_a_denial_by_somebody_without_the_role_overrides_no_finding(
    lamps: Lamps, phones: Phones, oona: Actor, work: Work, lose: Any
) -> None:
    approval = ask(SYSTEM, folded="lamp:hall:1")
    work()
    lose(LOST[0])
    phones.answer("operator2", code_of(approval), "deny")
    work()
    assert (fresh(approval).outcome, lamps.held) == ("denied", ["hall"])
    assert "lamp.override_logged" not in actions()


def test_who_asked_ends_their_own_hold_by_a_denial_also_without_the_role(
    lamps: Lamps, phones: Phones, olu: Actor, work: Work
) -> None:
    approval = ask(olu, severity="HIGH")
    assert (approval.rule["approver"], lamps.held) == ("self", ["hall"])
    work()
    known("operator")
    phones.answer("operator", code_of(approval), "deny")
    work()
    assert (fresh(approval).outcome, lamps.held) == ("denied", [])
