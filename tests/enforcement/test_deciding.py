"""Block, unblock, allow, hold and release: carried out at real gateways and said truthfully."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from approvals.errors import Refused
from approvals.models import Effect, EffectState
from approvals.pipeline.service import perform
from audit.models import EventRow
from audit.recording.actors import Actor, Target
from audit.recording.stored_event_loader import load
from enforcement.decisions import block_allow_hold, hold_and_release_at_gateway
from enforcement.gateways import decided_and_enforced_state, instances
from enforcement.gateways.client import Gateway
from enforcement.models import Asset
from tests.enforcement.gateways import Edge, Town, known, lift, sentences, settle
from tests.enforcement.stored_scans import insert

pytestmark = pytest.mark.django_db
SKILL = Target("skill", "pdf-exfil")
OF_ANOTHER_PORTAL = "ATA hold 01900000-0000-7000-8000-0000000000aa until released by hand"


def states(operation: str) -> set[tuple[str, str, str]]:
    return set(Effect.objects.filter(operation=operation).values_list("kind", "instance", "state"))


def release_theirs() -> None:
    instance = instances.fleet().named("edge-1")
    assert instance is not None
    Gateway(instance).unblock("skill", "pdf-exfil", "theirs")


def test_a_block_is_acknowledged_by_every_gateway_and_visible_there(
    town: Town, olu: Actor, do_due: Callable[[], None]
) -> None:
    done = perform(olu, "skill.block", SKILL, reason="steals PDFs")
    assert done.event_id and done.approval is None
    assert all(not e.blocked() for e in town.edges.values())  # nothing is done before it is done
    do_due()
    for edge in town.edges.values():
        (reason,) = edge.blocked().values()
        assert reason.startswith(f"[ATA {done.operation}.") and reason.endswith("] steals PDFs")
    assert {state for _, _, state in states(done.operation)} == {"done"}
    asset = Asset.objects.get(kind="skill", name="pdf-exfil", instance="")
    assert (asset.decision, asset.decided_by) == ("block", "Olu Operator")
    read = sentences("skill.blocked")
    assert read[0] == "Olu Operator decided to block skill pdf-exfil at 2 gateways"
    assert "edge-1 acknowledged the block of skill pdf-exfil (by Olu Operator)" in read
    assert "edge-2 acknowledged the block of skill pdf-exfil (by Olu Operator)" in read
    assert EventRow.objects.filter(action="skill.blocked", outcome="pending").count() == 1


def test_the_gateways_own_audit_log_names_the_person_and_our_operation(
    edge: Edge, olu: Actor, do_due: Callable[[], None]
) -> None:
    done = perform(olu, "skill.block", Target("skill", "pdf-exfil", "edge-1"), reason="why")
    do_due()
    actors = edge.rows("SELECT actor, action FROM audit_events WHERE action = 'skill-block'")
    assert actors == [(f"operator:{olu.sub.replace('|', '/')}", "skill-block")]
    joined = edge.rows("SELECT request_id FROM audit_events WHERE action = 'api-enforce-block'")
    ((request,),) = joined
    assert str(request).startswith(f"{done.operation}.")


def test_a_block_on_one_instance_leaves_the_others_alone(
    town: Town, olu: Actor, do_due: Callable[[], None]
) -> None:
    perform(olu, "mcp.block", Target("mcp", "shell-mcp", "edge-2"))
    do_due()
    assert not town.edges["edge-1"].blocked()
    assert list(town.edges["edge-2"].blocked()) == ["shell-mcp"]


def test_a_gateway_that_is_down_is_told_when_it_returns(
    town: Town, olu: Actor, do_due: Callable[[], None]
) -> None:
    town.edges["edge-2"].stop()
    done = perform(olu, "skill.block", SKILL)
    do_due()
    assert ("gateway.block", "edge-1", "done") in states(done.operation)
    assert ("gateway.block", "edge-2", "pending") in states(done.operation)
    waiting = Effect.objects.get(kind="gateway.block", instance="edge-2")
    assert waiting.detail == "edge-2 does not answer." and waiting.due is not None
    assert not [s for s in sentences("skill.blocked") if s.startswith("edge-2")]
    town.edges["edge-2"].start()
    do_due()
    assert ("gateway.block", "edge-2", "done") in states(done.operation)
    assert ("gateway.stamp", "edge-2", "done") in states(done.operation)
    assert list(town.edges["edge-2"].blocked()) == ["pdf-exfil"]


def test_a_late_block_never_replaces_a_later_one(
    town: Town, olu: Actor, do_due: Callable[[], None]
) -> None:
    edge = town.edges["edge-2"]
    edge.stop()
    blocked = perform(olu, "plugin.block", Target("plugin", "theme", "edge-2"))
    do_due()
    known("operator2", "operator")
    unblocked = perform(olu, "plugin.block", Target("plugin", "theme"), reason="again")
    edge.start()
    do_due()
    assert ("gateway.block", "edge-2", "failed") in states(blocked.operation)
    assert list(edge.blocked()) == ["theme"]
    assert edge.blocked()["theme"].startswith(f"[ATA {unblocked.operation}.")
    failed = [s for s in sentences("plugin.blocked") if "later decision" in s]
    assert failed == [
        "edge-2 did not block plugin theme for Olu Operator: "
        "A later decision replaced it before it was sent"
    ]


def test_a_hold_by_hand_commits_at_once_and_is_visible_as_a_hold(
    edge: Edge, olu: Actor, do_due: Callable[[], None]
) -> None:
    done = perform(olu, "skill.hold", SKILL, reason="looks odd")
    do_due()
    (reason,) = edge.blocked().values()
    assert reason.startswith(f"ATA hold {done.operation} until released by hand [ATA ")
    assert Asset.objects.get(name="pdf-exfil").standing == "hold"
    assert sentences("skill.held")[0] == (
        "Olu Operator decided to hold skill pdf-exfil at 2 gateways"
    )


@pytest.mark.parametrize("reason", ["blocked at the gateway", OF_ANOTHER_PORTAL])
def test_a_hold_is_not_sent_over_a_block_of_somebody_else_and_is_sent_once_that_is_gone(
    edge: Edge, olu: Actor, do_due: Callable[[], None], look: Callable[[], int], reason: str
) -> None:
    edge.block("skill", "pdf-exfil", reason)
    perform(olu, "skill.hold", SKILL)
    do_due()
    look()
    assert edge.blocked() == {"pdf-exfil": reason}
    here = decided_and_enforced_state.everywhere("skill", "pdf-exfil")[0]
    assert here.code == "not_enforced"
    assert here.words == f"Not enforced yet: {hold_and_release_at_gateway.NOT_SENT}"
    assert not [said for said in sentences("skill.held") if "edge-1 acknowledged" in said]
    release_theirs()
    look()
    do_due()
    assert edge.blocked()["pdf-exfil"].startswith("ATA hold ")
    assert decided_and_enforced_state.everywhere("skill", "pdf-exfil")[0].code == "held"


def test_a_hold_that_waited_too_long_for_the_block_of_another_is_sent_all_the_same(
    edge: Edge, olu: Actor, do_due: Callable[[], None], look: Callable[[], int]
) -> None:
    edge.block("skill", "pdf-exfil", OF_ANOTHER_PORTAL)
    perform(olu, "skill.hold", SKILL)
    do_due()
    waiting = Effect.objects.filter(kind="gateway.hold", instance="edge-1")
    assert waiting.update(state=EffectState.FAILED, due=None)
    release_theirs()
    look()
    do_due()
    assert edge.blocked()["pdf-exfil"].startswith("ATA hold ")


def test_a_hold_that_was_never_sent_ends_where_somebody_else_blocks(
    edge: Edge, olu: Actor, do_due: Callable[[], None], look: Callable[[], int]
) -> None:
    edge.block("skill", "pdf-exfil", OF_ANOTHER_PORTAL)
    perform(olu, "skill.hold", SKILL)
    do_due()
    lift(olu, SKILL)
    do_due()
    assert edge.blocked() == {"pdf-exfil": OF_ANOTHER_PORTAL}
    release_theirs()
    look()
    do_due()
    assert not edge.blocked()


@pytest.mark.parametrize(
    ("act", "target", "params", "code"),
    [
        ("skill.block", Target("skill", "x", "edge-9"), {}, "unknown_instance"),
        ("skill.block", Target("mcp", "x"), {}, "bad_target"),
        ("skill.block", Target("skill", "a\nb"), {}, "bad_target"),
        ("skill.block", SKILL, {"finding_id": "nope"}, "unknown_finding"),
        ("skill.block", SKILL, {"because": "x"}, "bad_params"),
        ("skill.release", SKILL, {}, "nothing_to_do"),
        ("alert.dismiss", Target("alert", "nope"), {}, "unknown_finding"),
    ],
)
def test_what_no_gateway_could_carry_out_is_refused_at_the_door(
    town: Town, olu: Actor, act: str, target: Target, params: dict[str, str], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        perform(olu, act, target, params=params)
    assert refused.value.code == code
    assert not Effect.objects.exists() and not Asset.objects.exists()


def test_without_a_gateway_a_decision_stands_and_says_that_nobody_enforces_it(
    town: Town, olu: Actor
) -> None:
    (town.folder / "instances.toml").write_text("")
    done = perform(olu, "skill.block", SKILL)
    assert done.effects == () and Asset.objects.get().decision == "block"
    assert done.event_id is not None
    assert "where no gateway was registered" in EventRow.objects.get(event=done.event_id).sentence


def test_an_unreadable_gateway_file_stops_decisions_and_says_why(town: Town, olu: Actor) -> None:
    (town.folder / "instances.toml").write_text("[[instance]\n")
    with pytest.raises(Refused) as refused:
        perform(olu, "skill.block", SKILL)
    assert refused.value.code == "gateways_unreadable"


@pytest.mark.parametrize("role", ["auditor", "admin"])
def test_only_operators_decide(town: Town, role: str) -> None:
    person = known(role, role).as_actor(via="web")
    with pytest.raises(Refused) as refused:
        perform(person, "skill.block", SKILL)
    assert refused.value.code == "not_permitted"


def test_a_wrong_token_is_pending_and_names_the_fix(
    town: Town, olu: Actor, do_due: Callable[[], None]
) -> None:
    (town.folder / "token").write_text("old-token")
    done = perform(olu, "tool.block", Target("tool", "shell", "edge-1"))
    do_due()
    waiting = Effect.objects.get(operation=done.operation, kind="gateway.block")
    assert waiting.state == "pending"
    assert waiting.detail == (
        "edge-1 refuses our token (HTTP 401); gateway_token_file needs its current one."
    )


def test_an_allow_records_what_other_rooms_say_is_still_missing(
    town: Town, olu: Actor, do_due: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        block_allow_hold, "prerequisites", [lambda target: [f"connect {target.name}"]]
    )
    settle(olu, Target("mcp", "github-mcp"), "allow")
    event = EventRow.objects.get(action="mcp.allowed")
    assert load(event.event)["data"]["needs"] == ["connect github-mcp"]


def test_a_block_of_one_agent_by_somebody_else_keeps_no_hold_from_being_sent_and_released(
    edge: Edge, olu: Actor, do_due: Callable[[], None]
) -> None:
    insert(
        edge, "actions", id="of-cursor", target_type="skill", target_name="pdf-exfil",
        actions_json='{"install": "block"}', reason="blocked for cursor", connector="cursor",
        updated_at="2026-11-28T11:48:30Z",
    )  # fmt: skip
    rows = "SELECT connector FROM actions WHERE reason LIKE 'ATA hold %'"
    perform(olu, "skill.hold", SKILL)
    do_due()
    assert edge.rows(rows) == [("",)]
    lift(olu, SKILL)
    do_due()
    assert edge.rows(rows) == []
    assert list(edge.blocked().values()) == ["blocked for cursor"]
