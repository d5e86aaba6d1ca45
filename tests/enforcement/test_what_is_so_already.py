"""What is so already: nothing is recorded, nobody is asked, nothing is held (OPB-B6)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from approvals.errors import NothingToDo, Refused
from approvals.models import Approval, Effect
from approvals.pipeline.service import perform
from audit.models import EventRow
from audit.recording.actors import Actor, Target
from enforcement.models import Asset, Finding
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Edge, Town, settle

pytestmark = pytest.mark.django_db
SKILL = Target("skill", "pdf-exfil")
Look = Callable[[], int]
Do = Callable[[], None]


def needless(actor: Actor, verb: str, target: Target = SKILL, severity: str = "LOW") -> str:
    """What the pipeline says to a decision that changes nothing, and that it left no trace."""
    before = EventRow.objects.count(), Effect.objects.count()
    with pytest.raises(NothingToDo) as so:
        perform(actor, verb, target, severity=severity)
    assert so.value.code == "nothing_to_do"
    assert (EventRow.objects.count(), Effect.objects.count()) == before
    assert not Approval.objects.exists()
    return so.value.detail


def test_a_block_of_something_blocked_everywhere_asks_nobody_and_holds_nothing(
    edge: Edge, look: Look, olu: Actor, do_due: Do
) -> None:
    edge.scan("pdf-exfil", severity="HIGH")
    look()
    settle(olu, SKILL, "block")
    do_due()
    said = needless(olu, "skill.block", severity="HIGH")
    assert said.startswith("skill pdf-exfil is already blocked on all gateways: by Olu Operator")
    assert not Asset.objects.exclude(holder="").exists()
    assert "already blocked on all gateways" in needless(
        olu, "skill.block", Target("skill", "pdf-exfil", "edge-1")
    )
    assert "already blocked" in needless(olu, "skill.hold")


def test_a_block_is_needed_until_it_stands_everywhere(town: Town, olu: Actor, do_due: Do) -> None:
    perform(olu, "skill.block", Target("skill", "pdf-exfil", "edge-1"))
    do_due()
    assert perform(olu, "skill.block", SKILL).event_id
    assert "already blocked" in needless(olu, "skill.block")


def test_a_block_that_a_gateway_lost_can_be_taken_again(
    edge: Edge, look: Look, olu: Actor, do_due: Do
) -> None:
    perform(olu, "skill.block", SKILL)
    do_due()
    edge.forget("pdf-exfil")
    look()
    assert perform(olu, "skill.block", SKILL).event_id


def test_an_unblock_of_what_was_never_blocked_rings_no_phone(
    edge: Edge, look: Look, olu: Actor
) -> None:
    edge.scan("pdf-exfil", severity="HIGH")
    look()
    said = needless(olu, "skill.unblock")
    assert said == "skill pdf-exfil is neither blocked nor allowed on all gateways."


def test_an_unblock_is_needed_where_a_gateway_itself_blocks(
    edge: Edge, look: Look, olu: Actor
) -> None:
    edge.block("skill", "pdf-exfil", "by the watcher")
    look()
    assert perform(olu, "skill.unblock", SKILL).approval


def test_allowing_twice_and_holding_twice_changes_nothing(
    town: Town, olu: Actor, do_due: Do
) -> None:
    settle(olu, SKILL, "allow")
    do_due()
    assert "already allowed on all gateways: by Olu Operator" in needless(olu, "skill.allow")
    held = Target("skill", "notes")
    perform(olu, "skill.hold", held)
    assert "already on hold on all gateways: by Olu" in needless(olu, "skill.hold", held)


def test_a_release_of_what_nobody_holds_changes_nothing(town: Town, olu: Actor) -> None:
    assert needless(olu, "skill.release") == "skill pdf-exfil is not on hold on all gateways."
    perform(olu, "skill.hold", Target("skill", "pdf-exfil", "edge-2"))
    with pytest.raises(Refused, match="but on edge-2: name that") as refused:
        perform(olu, "skill.release", SKILL)
    assert refused.value.code == "nothing_held"


def test_a_dismissed_finding_names_who_dismissed_it(edge: Edge, look: Look, olu: Actor) -> None:
    edge.scan("notes", severity="LOW")
    look()
    alert = Target("alert", Finding.objects.filter(name="notes")[0].finding_id)
    perform(olu, "alert.acknowledge", alert)
    assert "is already acknowledged by Olu Operator" in needless(olu, "alert.acknowledge", alert)
    settle(olu, alert, "dismiss")
    assert "is already dismissed by Olu Operator" in needless(olu, "alert.dismiss", alert)


def test_the_page_says_so_and_records_nothing(town: Town, olu: Actor, do_due: Do) -> None:
    client: Client = browser("operator", "operator", name="Olu Operator")
    page = "/enforcement/skill/pdf-exfil/"
    client.post(page, {"act": "block", "reason": "x", "new": "on"})
    do_due()
    before = EventRow.objects.count()
    answer = client.post(page, {"act": "block", "reason": "again"}, follow=True)
    assert answer.status_code == 200
    assert "skill pdf-exfil is already blocked on all gateways" in answer.content.decode()
    assert EventRow.objects.count() == before
