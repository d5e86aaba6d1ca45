"""What people read of a request says that a hold was asked for, never that it stands there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from approvals import policy, registry
from approvals.models import Approval
from approvals.pipeline.service import perform
from approvals.step_up import authorization_details, facts_shown_to_approver
from audit.recording.actors import Actor, Target
from tests.enforcement.gateways import Edge, Town
from tests.support.pages import signed_in

pytestmark = pytest.mark.django_db
SKILL = Target("skill", "pdf-exfil")
ASKED = "A hold was asked for; a denial ends it once it is proven."
UNTIL_THEN = "Gateways are asked to hold it until then."


def asked_while_down(town: Town, edge: Edge, look: Callable[[], int], olu: Actor) -> Approval:
    edge.scan("pdf-exfil")
    look()
    Approval.objects.all().delete()
    for one in town.edges.values():
        one.stop()
    asked = perform(olu, "skill.block", SKILL, reason="x", severity="CRITICAL").approval
    assert asked is not None and asked.rule["while_pending"] == "hold"
    return asked


def test_phone_and_page_claim_no_hold_that_no_gateway_acknowledged(
    town: Town, edge: Edge, look: Callable[[], int], olu: Actor
) -> None:
    asked = asked_while_down(town, edge, look, olu)
    [sent] = authorization_details.for_ask(asked.asks.get())
    said = sent["properties"]["if_denied"]["value"]
    assert said.startswith(f"Nothing is blocked. {ASKED} ") and "meanwhile" not in said.lower()
    shown = signed_in("operator2", "operator").get(f"/approvals/{asked.pk}/").content.decode()
    assert said in shown and UNTIL_THEN in shown
    assert "On hold until then" not in shown and "On hold meanwhile" not in shown


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"on_denial": "release"}, ASKED),
        ({"on_denial": "keep_hold"}, "A hold was asked for; a denial does not end it."),
        (
            {"on_denial": "release", "signed_denial": True},
            "A hold was asked for; a denial signed with a passkey ends it.",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["skill", "mcp", "plugin", "tool"])
def test_each_end_of_a_hold_is_said_of_one_that_was_asked_for(
    kind: str, rule: dict[str, object], said: str
) -> None:
    verb = registry.get(f"{kind}.block")
    made = policy.if_denied({"while_pending": "hold", **rule}, verb)
    assert made == f"Nothing is blocked. {said}"


def test_a_hold_of_the_portal_itself_stands_at_once() -> None:
    said = policy.if_denied(
        {"while_pending": "hold", "on_denial": "release"}, registry.get("connection.revoke")
    )
    assert "On hold meanwhile; a denial ends the hold once it is proven." in said


def test_the_longest_row_about_a_denial_fits_on_a_phone(
    town: Town, edge: Edge, look: Callable[[], int]
) -> None:
    edge.scan("pdf-exfil")
    look()
    found = Approval.objects.get()  # a finding asked, which makes the row longer
    found.rule = {**found.rule, "signed_denial": True, "on_denial": "release", "escalate": True}
    [row] = [one for one in facts_shown_to_approver.facts(found, None) if one.name == "if_denied"]
    assert not row.whole and len(row.text) <= facts_shown_to_approver.MAX_TEXT
    assert "as an override in the name of who denies" in row.text
    assert row.text.endswith("the hold stays until someone decides.")
