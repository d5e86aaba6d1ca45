"""The trail and the page of an event show what its operation came to, not `pending` for ever."""

from __future__ import annotations

from collections.abc import Callable

from django.urls import reverse

from approvals.pipeline.service import perform
from approvals.registry import EffectResult, EffectSpec
from audit.recording.actors import Actor, Target
from audit.sequencing import sequencer
from tests.accounts.trail import events
from tests.approvals.asking import HALL, ask, code_of
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import Phones
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA

type Work = Callable[..., None]


def row_of(action: str) -> str:
    """The trail's table of one action."""
    sequencer.run_once()
    page = text_of(browser_of(ADA).get(reverse("audit"), {"action": action}))
    return page.partition('<tbody id="rows">')[2].partition("</tbody>")[0]


def page_of(action: str) -> str:
    (event,) = events(action)[:1]
    return text_of(browser_of(ADA).get(reverse("audit-event", args=[event["id"]])))


def test_a_request_is_pending_until_it_is_answered_and_then_shows_the_answer(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    assert ">pending<" in row_of("approval.requested")
    phones.answer("operator2", code_of(approval), "approve")
    work()
    row = row_of("approval.requested")
    assert ">pending<" not in row and ">approved later<" in row
    page = page_of("approval.requested")
    assert ">approved later<" in page and ">success<" not in page
    assert "Outcome as recorded" in page and "pending" in page


def test_a_decision_whose_gateways_acknowledged_is_not_pending(
    lamps: Lamps, olu: Actor, work: Work
) -> None:
    lamps.effects = [EffectSpec("lamp.step", {}, "edge-1", "Tell it")]
    lamps.remote = [EffectResult("done", "acknowledged")]
    perform(olu, "lamp.hold", HALL, severity="LOW")
    assert ">pending<" in row_of("lamp.held")
    work()
    row = row_of("lamp.held")
    assert ">pending<" not in row and ">completed later<" in row.partition("</tr>")[2]


def test_a_step_that_failed_is_a_failure_of_its_operation(
    lamps: Lamps, olu: Actor, work: Work
) -> None:
    lamps.effects = [EffectSpec("lamp.step", {}, "edge-1", "Tell it")]
    lamps.remote = [EffectResult("failed", "it refused")]
    perform(olu, "lamp.hold", Target("lamp", "porch"), severity="LOW")
    work()
    assert ">failed later<" in row_of("lamp.held") and ">pending<" not in row_of("lamp.held")
