"""DEMO gateways beside a gateway of one's own: neither is told what was decided for the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.conf import settings as django_settings

from approvals.models import Approval
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from connections.component_manifests import enforcement_decision_hook
from enforcement.decisions import block_allow_hold, decision_severity
from enforcement.gateways import decided_and_enforced_state, instances
from enforcement.models import Asset, Decision
from enforcement.views import finding_hold_and_decision_lists
from tests.enforcement.gateways import Edge, Town, settle
from tests.support.own_gateway import OwnGateway, own_gateway

Look = Callable[[], int]
Do = Callable[[], None]

pytestmark = pytest.mark.django_db


@pytest.fixture
def mine(town: Town, tmp_path: Path, settings: LazySettings) -> Iterator[OwnGateway]:
    """A gateway of one's own in the configured file; the DEMO gateways run, too (`DEMO=1`)."""
    with own_gateway() as made:
        configured = tmp_path / "instances.toml"
        configured.write_text(made.block(tmp_path))
        changed = {"DEFENSECLAW_INSTANCES_FILE": configured, "DEMO": True}
        settings.ENV = settings.ENV.model_copy(update=changed)
        yield made


def test_a_decision_about_every_instance_leaves_the_demo_gateways_out(
    mine: OwnGateway, town: Town, olu: Actor, do_due: Do
) -> None:
    perform(olu, "tool.hold", Target("tool", "shell.exec"), reason="while we look")
    do_due()
    assert [line.partition(" {")[0] for line in mine.changes] == ["POST /enforce/block"]
    assert all(not edge.blocked() for edge in town.edges.values())
    states = {
        at.instance.name: at.code
        for at in decided_and_enforced_state.everywhere("tool", "shell.exec")
    }
    assert states == {"mine": "held", "edge-1": "none", "edge-2": "none"}


def test_a_decision_about_every_instance_counts_where_only_demo_gateways_run(
    town: Town, olu: Actor, do_due: Do, settings: LazySettings
) -> None:
    """It is sent to them, so their page must not call it a block that is not the portal's."""
    settings.ENV = settings.ENV.model_copy(update={"DEMO": True})
    perform(olu, "tool.hold", Target("tool", "shell.exec"), reason="while we look")
    do_due()
    assert all(edge.blocked() for edge in town.edges.values())
    found = decided_and_enforced_state.everywhere("tool", "shell.exec")
    assert {(at.wanted, at.code) for at in found} == {("hold", "held")}
    [said] = finding_hold_and_decision_lists.decided_in_words([("tool", "shell.exec", ["edge-1"])])
    assert said.startswith("On hold")


def test_a_decision_about_a_demo_gateway_reaches_no_other(
    mine: OwnGateway, edge: Edge, olu: Actor, do_due: Do
) -> None:
    perform(olu, "tool.hold", Target("tool", "shell.exec", "edge-1"), reason="sample")
    do_due()
    assert list(edge.blocked()) == ["shell.exec"]
    assert mine.changes == []


@pytest.mark.parametrize("act", ["allow", "hold", "block"])
def test_a_decision_at_a_demo_gateway_counts_for_no_credential(
    mine: OwnGateway, olu: Actor, act: str
) -> None:
    settle(olu, Target("mcp", "files-mcp", "edge-1"), act)
    assert (
        enforcement_decision_hook.decision_of("mcp", "files-mcp") == enforcement_decision_hook.NONE
    )
    settle(olu, Target("mcp", "files-mcp", "mine"), "allow")
    assert (
        enforcement_decision_hook.decision_of("mcp", "files-mcp") == enforcement_decision_hook.ALLOW
    )


def test_an_allow_at_a_demo_gateway_asks_no_member_to_connect(
    mine: OwnGateway, olu: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Target] = []
    monkeypatch.setattr(block_allow_hold, "when_allowed", [asked.append])
    settle(olu, Target("mcp", "files-mcp", "edge-1"), "allow")
    assert not asked
    settle(olu, Target("mcp", "files-mcp", "mine"), "allow")
    assert asked == [Target("mcp", "files-mcp", "mine")]


@pytest.mark.parametrize("act", ["allow", "hold", "block"])
def test_where_only_demo_gateways_are_registered_their_decisions_count(
    town: Town, olu: Actor, act: str
) -> None:
    settle(olu, Target("mcp", "files-mcp", "edge-1"), act)
    assert enforcement_decision_hook.decision_of("mcp", "files-mcp") == act


def test_an_allow_ends_with_the_registration_of_its_gateway_and_a_hold_does_not(
    mine: OwnGateway, olu: Actor
) -> None:
    settle(olu, Target("mcp", "files-mcp", "mine"), "allow")
    settle(olu, Target("mcp", "held-mcp", "mine"), "hold")
    rename(mine)
    assert (
        enforcement_decision_hook.decision_of("mcp", "files-mcp") == enforcement_decision_hook.NONE
    )
    assert (
        enforcement_decision_hook.decision_of("mcp", "held-mcp") == enforcement_decision_hook.HOLD
    )


def test_a_demo_allow_opens_nothing_while_the_file_of_other_gateways_cannot_be_read(
    mine: OwnGateway, olu: Actor
) -> None:
    settle(olu, Target("mcp", "files-mcp", "edge-1"), "allow")
    configured().write_text("not TOML")
    instances._cache.clear()
    assert (
        enforcement_decision_hook.decision_of("mcp", "files-mcp") == enforcement_decision_hook.NONE
    )


def configured() -> Path:
    path = django_settings.ENV.DEFENSECLAW_INSTANCES_FILE
    assert path is not None
    return path


def rename(mine: OwnGateway) -> None:
    """The gateway is registered under another name."""
    configured().write_text(mine.block(configured().parent, "renamed"))
    instances._cache.clear()


def test_what_a_demo_scanner_finds_is_held_at_that_demo_gateway_alone(
    mine: OwnGateway, town: Town, edge: Edge, look: Look, do_due: Do
) -> None:
    edge.scan("pdf-exfil")
    look()
    do_due()
    assert list(edge.blocked()) == ["pdf-exfil"]
    assert not town.edges["edge-2"].blocked()
    assert mine.changes == []
    assert Approval.objects.get().target_instance == "edge-1"


def test_a_second_scan_of_a_demo_gateway_joins_the_request_about_it(
    mine: OwnGateway, edge: Edge, look: Look, do_due: Do
) -> None:
    edge.scan("pdf-exfil")
    look()
    edge.scan("pdf-exfil")
    look()
    assert Approval.objects.count() == 1


def test_a_demo_scan_says_nothing_about_what_is_installed_elsewhere(
    mine: OwnGateway, edge: Edge, look: Look
) -> None:
    edge.scan("csv-cleaner", "LOW")
    look()
    assert (
        decision_severity.of_loosening(Target("skill", "csv-cleaner"), {}) == "HIGH"
    )  # never scanned
    assert decision_severity.of_loosening(Target("skill", "csv-cleaner", "mine"), {}) == "HIGH"
    assert decision_severity.of_loosening(Target("skill", "csv-cleaner", "edge-1"), {}) == "LOW"


def test_requests_and_holds_of_one_world_do_not_count_in_the_other(
    mine: OwnGateway, edge: Edge, look: Look, olu: Actor
) -> None:
    edge.scan("csv-cleaner", "LOW")
    look()
    skill, at_edge = Target("skill", "csv-cleaner"), Target("skill", "csv-cleaner", "edge-1")
    perform(olu, "skill.hold", skill, reason="odd", severity="CRITICAL")
    perform(olu, "skill.block", skill, reason="odd", severity="CRITICAL")
    assert decision_severity.of_loosening(at_edge, {}) == "LOW"
    assert decision_severity.of_loosening(skill, {}) == "CRITICAL"


def test_demo_scans_of_before_say_nothing_once_gateways_of_ones_own_are_registered(
    mine: OwnGateway, edge: Edge, look: Look, settings: LazySettings
) -> None:
    edge.scan("csv-cleaner", "LOW")
    look()
    settings.ENV = settings.ENV.model_copy(update={"DEMO": False})
    assert [i.name for i in instances.fleet().instances] == ["mine"]
    assert decision_severity.of_loosening(Target("skill", "csv-cleaner"), {}) == "HIGH"


def test_a_decision_about_every_instance_keeps_what_was_decided_for_a_demo_gateway(
    mine: OwnGateway, edge: Edge, olu: Actor
) -> None:
    settle(olu, Target("tool", "http.fetch", "edge-1"), "block")
    settle(olu, Target("tool", "http.fetch"), "allow")
    assert list(Asset.objects.order_by("instance").values_list("instance", "decision")) == [
        ("", Decision.ALLOW),
        ("edge-1", Decision.BLOCK),
    ]
