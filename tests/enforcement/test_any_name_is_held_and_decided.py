"""A component of any name is put on hold, blocked and released."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from approvals.errors import Refused
from approvals.models import Approval, Outcome
from approvals.pipeline.service import Performed, perform
from audit.models import EventRow
from audit.recording.actors import Actor, Target
from enforcement.findings import automatic_requests
from enforcement.gateways import decided_and_enforced_state
from enforcement.models import Asset
from tests.enforcement.answering import approve
from tests.enforcement.gateways import Edge, known
from tests.enforcement.test_hostile_rows_hide_nothing import change_newest

pytestmark = pytest.mark.django_db
type Look = Callable[[], int]
NAMES = {
    "invisible behind a known name": "pdf" + "\u200b" * 65,
    "invisible in turns": "\u200b\u200c" * 150,
    "300 invisible": "\u200b" * 300,
    "5,000 invisible": "\u200b" * 5000,
    "300 variation selectors": "\ufe0f" * 300,
    "200 controls": "\x01" * 200,
    "right-to-left": "\u202e" * 100,
    "look-alike": "а" * 300,
}


@pytest.mark.parametrize("how", NAMES)
def test_a_critical_scan_of_any_name_holds_and_asks(
    edge: Edge, look: Look, olu: Actor, how: str
) -> None:
    edge.scan("odd", severity="CRITICAL")
    change_newest(edge, "target = ?", f"/skills/{NAMES[how]}")
    look()
    asked = Approval.objects.get()
    assert len(asked.sentence) <= 500
    assert Asset.objects.get().holder == str(asked.pk)
    assert approve(asked).outcome == Outcome.APPROVED


@pytest.mark.parametrize("how", [name for name in NAMES if "5,000" not in name])
@pytest.mark.parametrize("act", ["block", "release"])
def test_a_component_of_any_name_on_hold_by_hand_is_blocked_and_released(
    edge: Edge, look: Look, olu: Actor, act: str, how: str
) -> None:
    edge.scan("odd", severity="HIGH")
    change_newest(edge, "target = ?", f"/skills/{NAMES[how]}")
    look()
    target = Target("skill", NAMES[how])
    oona = known("operator2", "operator", name="Oona Operator").as_actor(via="web")
    perform(olu, "skill.hold", target, reason="look")
    asked = perform(oona, f"skill.{act}", target, reason="clear").approval
    assert asked is not None and len(asked.sentence) <= 500
    approve(asked)
    assert not Asset.objects.exclude(holder="").exists()


def test_a_hold_of_a_shortened_name_is_not_said_to_be_enforced(
    edge: Edge, look: Look, olu: Actor, do_due: Callable[[], None]
) -> None:
    edge.scan("odd", severity="CRITICAL")
    change_newest(edge, "target = ?", f"/skills/{'b' * 400}")
    look()
    do_due()
    states = decided_and_enforced_state.everywhere(
        "skill", Asset.objects.exclude(holder="").get().name
    )
    assert {at.code for at in states} == {decided_and_enforced_state.NOT_ENFORCED}
    assert all("not the name of the component" in at.words for at in states)


def test_what_nobody_can_be_asked_about_is_held_and_listed_with_the_reason(
    edge: Edge, look: Look, olu: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses_blocks(actor: Actor, verb: str, *given: Any, **more: Any) -> Performed:
        if verb == "skill.block":
            raise Refused("too_much_to_show", "Too long to show.")
        return perform(actor, verb, *given, **more)

    monkeypatch.setattr(automatic_requests, "perform", refuses_blocks)
    edge.scan("odd", severity="CRITICAL")
    look()
    held = Asset.objects.exclude(holder="").get()
    assert "No one was asked to block it: Too long to show." in held.hold_reason
    assert EventRow.objects.filter(action="skill.held").exists()
