"""*Completed* has no request that waits for something, and a hold names where it counts."""

from __future__ import annotations

import pytest

from approvals import clock
from approvals.models import Approval, Ask, AskState, Effect
from approvals.views.request_steps import steps
from tests.approvals.asking import ask
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import acting, known
from tests.approvals.test_approvals_pages import deny_inferred
from tests.support.pages import signed_in


@pytest.fixture
def waiting(lamps: Lamps) -> Approval:
    """Olu asked; Oona has it on her phone."""
    known("operator2", "operator")
    approval = ask(acting("operator", "operator"))
    Ask.objects.update(state=AskState.WAITING, started=clock.now(), due=None)
    return approval


def test_a_denial_that_nobody_confirmed_is_not_among_what_is_completed(waiting: Approval) -> None:
    deny_inferred(waiting)
    other, asked = signed_in("operator", "operator"), signed_in("operator2", "operator")
    for client, may in ((other, False), (asked, True)):
        shown = client.get("/approvals/").content.decode()
        waits, _, over = shown.partition("Completed</h2>")
        assert "Denied, not confirmed yet" in waits and waiting.sentence in waits
        assert waiting.sentence not in over
        assert (f'href="/approvals/{waiting.pk}/" aria-label="Confirm: ' in waits) is may
    denied = other.get("/approvals/?status=denied").content.decode()
    assert "Completed</h2>" not in denied and waiting.sentence in denied.partition("Denied</h2>")[2]
    asked.post(f"/approvals/{waiting.pk}/denied/")
    shown = other.get("/approvals/").content.decode()
    assert "not confirmed yet" not in shown
    assert waiting.sentence in shown.partition("Completed</h2>")[2]


def test_a_hold_that_was_sent_to_no_gateway_names_where_it_counts(waiting: Approval) -> None:
    """One of a verb that holds nothing is no step at all."""
    for verb, target, said in (
        ("skill.block", "skill", "On hold in this portal; no gateway was sent it"),
        ("connection.revoke", "connection", "Suspended in this portal"),
        ("skill.allow", "skill", ""),
    ):
        one = Approval(
            pk=waiting.pk,
            verb=verb,
            target_kind=target,
            status="pending",
            rule={"while_pending": "hold"},
            created=clock.now(),
        )
        [first, *_] = steps(one, None, [], acting("operator", "operator"), ())
        assert first["text"] == (said or "Send the push")


def test_a_hold_that_a_later_decision_replaced_is_no_failure(waiting: Approval) -> None:
    replaced = {"state": "failed", "detail": "A later decision replaced it before it was sent."}
    for states, text, state in (
        (
            [replaced],
            "Hold not sent to 1 gateway: a later decision replaced it",
            "not",
        ),
        ([replaced, {"state": "done"}], "Hold acknowledged by 1 gateway", "done"),
        ([replaced, {"state": "failed", "detail": "refused"}], "Hold at 1 gateway", "failed"),
    ):
        effects = [
            Effect(event="skill.held", instance=f"edge-{n}", updated=clock.now(), **one)
            for n, one in enumerate(states)
        ]
        one = Approval(
            pk=waiting.pk,
            verb="skill.block",
            target_kind="skill",
            status="closed",
            outcome="approved",
            rule={"while_pending": "hold"},
            created=clock.now(),
        )
        [first, *_] = steps(one, None, effects, acting("operator", "operator"), ())
        assert (first["text"], first["state"]) == (text, state)
