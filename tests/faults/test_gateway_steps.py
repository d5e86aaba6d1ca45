"""Every step at a gateway under every fault: done once, said truthfully, reconciled afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from approvals import registry
from approvals.models import Effect
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from enforcement.decisions.steps import later_decision_wins
from enforcement.models import Finding
from tests.accounts.trail import events
from tests.enforcement.gateways import Edge, settle
from tests.faults import proxy
from tests.faults.fast import quick
from tests.faults.proxy import WORK_DONE, Fault, Wire

type Work = Callable[..., None]
SKILL = Target("skill", "pdf-exfil", "edge-1")
BLOCKED = "POST /enforce/block"
UNBLOCKED = "DELETE /enforce/block"
ALLOWED = "POST /enforce/allow"
STAMPED = "POST /api/v1/observability/cli"
DISPOSED = "POST /api/v1/alerts/disposition"


@dataclass(frozen=True, slots=True)
class Step:
    """How a step is caused, which call it makes, and how the gateway tells that it was done."""

    kind: str
    call: str
    cause: Callable[[Actor, Edge, Work], None]
    stands: Callable[[Edge], int]  # how many times the effect is there


def _block(olu: Actor, _edge: Edge, _work: Work) -> None:
    perform(olu, "skill.block", SKILL, reason="x")


def _unblock(olu: Actor, _edge: Edge, work: Work) -> None:
    settle(olu, SKILL, "block")
    work(2)
    settle(olu, SKILL, "unblock")


def _allow(olu: Actor, _edge: Edge, _work: Work) -> None:
    settle(olu, SKILL, "allow")


def _hold(olu: Actor, _edge: Edge, _work: Work) -> None:
    perform(olu, "skill.hold", SKILL)


def _release(olu: Actor, _edge: Edge, work: Work) -> None:
    perform(olu, "skill.hold", SKILL)
    work()
    settle(olu, SKILL, "release")


def _dispose(olu: Actor, edge: Edge, _work: Work) -> None:
    from enforcement.audit_database import periodic_scan_import
    from enforcement.models import Watch

    periodic_scan_import.poll_due()
    edge.scan("pdf-exfil", severity="LOW")
    Watch.objects.update(due="2026-01-01T00:00:00Z")
    periodic_scan_import.poll_due()
    found = Finding.objects.exclude(alert_id="").first()
    assert found is not None
    perform(olu, "alert.acknowledge", Target("alert", found.finding_id, "edge-1"))


def _listed(word: str) -> Callable[[Edge], int]:
    sql = f"SELECT 1 FROM actions WHERE json_extract(actions_json, '$.install') = '{word}'"
    return lambda edge: len(edge.rows(sql))


def _gone(edge: Edge) -> int:
    return int(not edge.blocked())


def _named(edge: Edge) -> int:
    return len(edge.rows("SELECT 1 FROM audit_events WHERE actor LIKE 'operator:%'"))


def _closed(edge: Edge) -> int:
    return len(edge.rows("SELECT 1 FROM alert_acknowledgement_operations"))


STEPS = {
    step.kind: step
    for step in (
        Step("gateway.block", BLOCKED, _block, _listed("block")),
        Step("gateway.unblock", UNBLOCKED, _unblock, _gone),
        Step("gateway.allow", ALLOWED, _allow, _listed("allow")),
        Step("gateway.hold", BLOCKED, _hold, _listed("block")),
        Step("gateway.release", UNBLOCKED, _release, _gone),
        Step("gateway.stamp", STAMPED, _block, _named),
        Step("gateway.dispose", DISPOSED, _dispose, _closed),
    )
}


def test_every_step_at_a_gateway_is_tried_under_every_fault() -> None:
    ours = {kind for kind in registry._HANDLERS if kind.startswith("gateway.")}
    # These send nothing: they wait for what a person's terminal did.
    ours -= {"gateway.terminal", "gateway.command"}
    assert ours == set(STEPS)
    assert set(later_decision_wins.STEPS) < ours | {"gateway.terminal"}


@pytest.mark.parametrize("fault", quick(Fault))
@pytest.mark.parametrize("kind", STEPS)
def test_a_step_ends_done_once_whatever_the_wire_does(
    edge: Edge, edge_wire: Wire, olu: Actor, work: Work, kind: str, fault: Fault
) -> None:
    step = STEPS[kind]
    step.cause(olu, edge, work)
    if kind == "gateway.stamp":  # the act itself first, over a good wire
        Effect.objects.filter(kind=kind).update(due=None)
        work()
        Effect.objects.filter(kind=kind).update(due="2026-01-01T00:00:00Z")
    edge_wire.forget()
    edge_wire.breaks(fault, step.call)
    work()

    row = Effect.objects.get(kind=kind)
    assert row.state in _truthful(kind, fault), (row.state, row.detail)
    assert row.detail
    assert "secret" not in row.detail.lower() and "t0ken" not in row.detail
    finished = [e for e in events(row.event) if e["data"].get("step") == kind]
    assert len(finished) == (row.state == "done")

    edge_wire.mend()
    work(3)
    row.refresh_from_db()
    assert (row.state, row.due) == ("done", None), row.detail
    assert len([e for e in events(row.event) if e["data"].get("step") == kind]) == 1
    assert step.stands(edge) == 1 if fault != Fault.TWICE else step.stands(edge) >= 1


def _truthful(kind: str, fault: Fault) -> set[str]:
    """What may be said right after the fault: never done for what is not, never nothing was sent
    for what may have been."""
    if fault == Fault.TWICE:
        return {"done"}
    if fault in {Fault.REFUSED, Fault.LIMITED, Fault.UNAVAILABLE}:
        return {"pending"}
    if kind == "gateway.stamp" and fault in {Fault.HTML, Fault.NOT_JSON, Fault.EMPTY}:
        return {"unknown", "pending"}
    if kind == "gateway.dispose" and fault not in WORK_DONE:
        return {"unknown", "pending"}
    return {"unknown"}


def test_a_replaced_step_whose_answer_was_lost_does_not_say_that_nothing_was_sent(
    edge: Edge, edge_wire: Wire, olu: Actor, work: Work
) -> None:
    edge_wire.breaks(Fault.LOST, BLOCKED)
    settle(olu, SKILL, "block")
    work()
    edge_wire.mend()
    settle(olu, SKILL, "unblock")
    work(2)
    replaced = Effect.objects.get(kind="gateway.block")
    assert (replaced.state, "before it was sent" in replaced.detail) == ("failed", False)
    assert not edge.blocked()


def test_a_gateway_that_asks_for_a_year_is_asked_again_within_minutes(
    edge: Edge, edge_wire: Wire, olu: Actor, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    year = (429, {"Retry-After": "31536000"}, b"{}")
    monkeypatch.setitem(proxy._STATUS, Fault.LIMITED, year)
    edge_wire.breaks(Fault.LIMITED, BLOCKED)
    perform(olu, "skill.block", SKILL)
    work()
    row = Effect.objects.get(kind="gateway.block")
    assert row.due is not None and (row.due - row.updated).total_seconds() <= 900


def test_an_alert_of_another_database_is_not_said_to_be_closed(
    edge: Edge, edge_wire: Wire, olu: Actor, work: Work, house: Path
) -> None:
    _dispose(olu, edge, work)
    elsewhere = house / "copy.db"
    with (
        closing(sqlite3.connect(edge.database)) as there,
        closing(sqlite3.connect(elsewhere)) as copy,
    ):
        there.backup(copy)
    listed = house / "demo" / "instances.toml"
    listed.write_text(listed.read_text().replace(str(edge.database), str(elsewhere)))
    work()
    row = Effect.objects.get(kind="gateway.dispose")
    assert row.state == "failed" and "offers no such alert to close" in row.detail
