"""A request that ended before its answer: phone and page say so, and nothing can be approved."""

from __future__ import annotations

import re

import httpx
import pytest
import respx

from approvals.cancel_resend_confirm_denial import cancel, send_again
from approvals.models import Approval
from approvals.pipeline.service import perform
from audit.recording.actors import Actor
from tests.approvals.asking import HALL, actions, ask, code_of, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import CONTROL, Phones
from tests.approvals.test_approvals_pages import text
from tests.approvals.working import Work
from tests.support.pages import signed_in
from tests.support.sign_in import SUBS

MAY_SHOW = "Oona Operator’s phone may still show this request. Approving it there does nothing."


@pytest.fixture
def pushed(lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work) -> Approval:
    """A request that Oona has on her phone."""
    approval = ask(olu)
    work()
    assert code_of(approval) in phones.waiting("operator2")
    return approval


def on_page(approval: Approval) -> str:
    return text(signed_in("operator", "operator").get(f"/approvals/{approval.pk}/"))


def ended_card(phones: Phones, consent: str) -> str:
    """The card of a request that is over on Oona's phone."""
    found = re.search(
        rf'<article class="ask ended" id="ended-{consent}">.*?</article>',
        phones.page("operator2"),
        re.S,
    )
    assert found
    return found[0]


def approve_anyway(phones: Phones, who: str, consent: str) -> int:
    url = f"{phones.tenant.url}/phone/{SUBS[who]}/{consent}/approve"
    return httpx.post(url, headers={"Tenant-Control-Token": CONTROL}).status_code


def test_a_withdrawn_request_is_over_on_the_phone_too(
    pushed: Approval, phones: Phones, olu: Actor, work: Work
) -> None:
    consent = phones.waiting("operator2")[code_of(pushed)]
    cancel(olu, str(pushed.pk))
    assert MAY_SHOW in on_page(pushed)
    work()
    ended = ended_card(phones, consent)
    assert "This request has ended. There is nothing to approve." in ended
    assert code_of(pushed) in ended and "<form" not in ended and "<button" not in ended
    assert approve_anyway(phones, "operator2", consent) == 409
    assert MAY_SHOW not in on_page(pushed)
    assert "approval.approved" not in actions()


def test_a_withdrawal_that_met_a_rate_limit_is_asked_for_again(
    pushed: Approval, phones: Phones, olu: Actor, work: Work
) -> None:
    consent = phones.waiting("operator2")[code_of(pushed)]
    cancel(olu, str(pushed.pk))
    with respx.mock(assert_all_called=False) as router:
        limited = httpx.Response(429, json={"error": "too_many_requests"})
        revoked = router.post(f"{phones.tenant.url}/oauth/revoke").mock(return_value=limited)
        router.route().pass_through()
        work(1)
    assert revoked.called and code_of(pushed) in phones.waiting("operator2")
    work()
    assert "This request has ended." in ended_card(phones, consent)


def test_a_request_that_another_decision_overtook_is_over_on_the_phone_too(
    pushed: Approval, phones: Phones, lamps: Lamps, olu: Actor, work: Work
) -> None:
    consent = phones.waiting("operator2")[code_of(pushed)]
    lamps.lit["hall"] = False
    perform(olu, "lamp.note", HALL)
    assert fresh(pushed).outcome == "failed"
    work()
    assert "This request has ended." in ended_card(phones, consent)


def test_only_the_newest_code_of_a_request_can_be_approved(
    pushed: Approval, phones: Phones, olu: Actor, work: Work
) -> None:
    before = code_of(pushed)
    send_again(olu, str(pushed.pk))
    work()
    shown = phones.waiting("operator2")
    assert code_of(pushed) in shown and before not in shown


def test_an_approval_given_before_it_was_taken_back_is_still_recorded_as_too_late(
    pushed: Approval, phones: Phones, olu: Actor, work: Work
) -> None:
    phones.answer("operator2", code_of(pushed), "approve")
    cancel(olu, str(pushed.pk))
    work()
    assert fresh(pushed).outcome == "cancelled"
    assert actions()[-1] == "approval.failed"


def test_a_page_of_what_changed_meanwhile_says_that_nothing_can_be_approved(
    pushed: Approval, lamps: Lamps
) -> None:
    assert "There is nothing to approve any more." not in on_page(pushed)
    lamps.lit["hall"] = False
    assert "There is nothing to approve any more." in on_page(pushed)
