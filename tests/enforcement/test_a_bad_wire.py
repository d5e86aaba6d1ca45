"""Lost answers, old gateways, refusals: no step is done twice, and none is said to be done."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from approvals.models import Effect
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from enforcement.models import Asset, Finding
from tests.enforcement.gateways import Edge, Town, lift, settle
from tests.enforcement.wire import Wire, wire_to

pytestmark = pytest.mark.django_db
SKILL = Target("skill", "pdf-exfil", "edge-1")
Do = Callable[..., None]


@pytest.fixture
def wire(town: Town, edge: Edge) -> Iterator[Wire]:
    """The portal reaches edge-1 over this wire only."""
    with wire_to(edge.port) as made:
        text = (town.folder / "instances.toml").read_text()
        (town.folder / "instances.toml").write_text(text.replace(str(edge.port), str(made.port)))
        yield made


def step(kind: str) -> tuple[str, str]:
    effect = Effect.objects.get(kind=kind)
    return effect.state, effect.detail


def test_a_lost_answer_is_read_back_and_not_sent_again(
    edge: Edge, wire: Wire, olu: Actor, do_due: Do
) -> None:
    wire.lose_answers_of.add("POST /enforce/block")
    perform(olu, "skill.block", SKILL, reason="x")
    do_due(rounds=1)
    assert step("gateway.block") == ("unknown", "edge-1 does not answer.")
    assert list(edge.blocked()) == ["pdf-exfil"]  # it did act
    do_due()
    state, detail = step("gateway.block")
    assert (state, detail.partition(".")[0]) == ("done", "blocked, as read back from the gateway")
    assert wire.calls.count("POST /enforce/block") == 1
    assert step("gateway.stamp")[0] == "done"


def test_a_lost_release_is_looked_up_before_it_is_tried_again(
    edge: Edge, wire: Wire, olu: Actor, do_due: Do
) -> None:
    perform(olu, "skill.hold", SKILL)
    do_due()
    wire.lose_answers_of.add("DELETE /enforce/block")
    lift(olu, SKILL)
    do_due()
    assert step("gateway.release") == ("done", "nothing is held here")
    assert wire.calls.count("DELETE /enforce/block") == 1 and not edge.blocked()


def test_a_gateway_before_v8_gets_the_person_as_a_plain_row(
    edge: Edge, wire: Wire, olu: Actor, do_due: Do
) -> None:
    wire.answer_instead["POST /api/v1/observability/cli"] = (404, {}, b"404 page not found\n")
    perform(olu, "mcp.block", Target("mcp", "shell-mcp", "edge-1"), reason="why")
    do_due()
    rows = edge.rows("SELECT actor, details FROM audit_events WHERE action = 'block-mcp'")
    operation = Effect.objects.filter(kind="gateway.block").values_list("operation", flat=True)[0]
    ((actor, details),) = rows
    assert actor == olu.sub and str(details).startswith(f"[ATA {operation}.")
    assert str(details).endswith(f"] type=mcp reason=why operation={operation}")


def test_a_refusal_is_final_and_the_person_is_not_named_for_what_did_not_happen(
    edge: Edge, wire: Wire, olu: Actor, do_due: Do
) -> None:
    wire.answer_instead["POST /enforce/block"] = (400, {}, b'{"error":"no"}')
    perform(olu, "skill.block", SKILL)
    do_due()
    assert step("gateway.block") == ("failed", "edge-1 refused with HTTP 400.")
    assert step("gateway.stamp") == ("failed", "The act itself was not carried out here.")
    assert not edge.rows("SELECT 1 FROM audit_events WHERE action = 'skill-block'")


@pytest.mark.parametrize(
    ("status", "headers", "body", "state"),
    [
        (503, {"Retry-After": "7"}, b"{}", "pending"),
        (502, {}, b"{}", "unknown"),
        (200, {}, b'{"status":"queued"}', "unknown"),
        (200, {}, b"<html>", "unknown"),
    ],
)
def test_an_answer_that_does_not_acknowledge_is_never_done(
    wire: Wire,
    olu: Actor,
    do_due: Do,
    status: int,
    headers: dict[str, str],
    body: bytes,
    state: str,
) -> None:
    wire.answer_instead["POST /enforce/block"] = (status, headers, body)
    perform(olu, "skill.block", SKILL)
    do_due(rounds=1)
    assert step("gateway.block")[0] == state
    if "Retry-After" in headers:
        effect = Effect.objects.get(kind="gateway.block")
        assert effect.due is not None
        assert 5 < (effect.due - effect.updated).total_seconds() < 8


def test_a_hold_on_an_allowed_thing_says_that_it_replaced_the_allow(
    edge: Edge, olu: Actor, do_due: Do
) -> None:
    settle(olu, SKILL, "allow")
    do_due()
    assert edge.rows("SELECT 1 FROM actions WHERE actions_json LIKE '%allow%'")
    perform(olu, "skill.hold", SKILL)
    do_due()
    lift(olu, SKILL)
    do_due()
    assert not edge.rows("SELECT 1 FROM actions WHERE target_name = 'pdf-exfil'")
    assert Asset.objects.get(name="pdf-exfil").standing == "none"  # no allow is ever written back


def test_a_thing_with_only_mild_findings_is_loosened_without_a_step_up(
    edge: Edge, olu: Actor, do_due: Do, look: Callable[[], int]
) -> None:
    edge.scan("pdf-exfil", severity="LOW")
    look()
    done = perform(olu, "skill.allow", Target("skill", "pdf-exfil"), reason="reviewed")
    assert done.approval is None
    do_due()
    listed = edge.rows("SELECT reason FROM actions WHERE actions_json LIKE '%allow%'")
    ((reason,),) = listed
    assert str(reason).startswith(f"[ATA {done.operation}.") and str(reason).endswith("] reviewed")


def test_an_alert_that_the_gateway_never_closes_fails_at_once_and_says_so(
    edge: Edge, wire: Wire, olu: Actor, look: Callable[[], int], do_due: Do
) -> None:
    body = b'{"error":"one or more exact alert IDs are unavailable"}'
    wire.answer_instead["POST /api/v1/alerts/disposition"] = (409, {}, body)
    edge.scan("pdf-exfil", severity="HIGH")
    look()
    finding = Finding.objects.exclude(alert_id="").first()
    assert finding is not None
    perform(olu, "alert.acknowledge", Target("alert", finding.finding_id, "edge-1"))
    do_due(1)
    state, detail = step("gateway.dispose")
    assert state == "failed"
    assert detail.startswith("edge-1 offers no such alert to close")
    assert wire.calls.count("POST /api/v1/alerts/disposition") == 1


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_a_refusal_that_cannot_change_ends_the_step_at_its_first_try(
    edge: Edge, wire: Wire, olu: Actor, do_due: Do, status: int
) -> None:
    wire.answer_instead["POST /enforce/block"] = (status, {}, b'{"error":"no"}')
    perform(olu, "mcp.block", Target("mcp", "shell-mcp", "edge-1"), reason="why")
    do_due()
    assert step("gateway.block") == ("failed", f"edge-1 refused with HTTP {status}.")
    assert wire.calls.count("POST /enforce/block") == 1
