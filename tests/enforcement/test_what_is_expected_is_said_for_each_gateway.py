"""Before a click, and on the phone: what a decision would come to at each gateway, and where it
would not be sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.conf import LazySettings

from approvals import clock
from approvals.models import Approval
from approvals.pipeline import recheck
from approvals.pipeline.service import perform
from approvals.step_up import authorization_details
from audit.recording.actors import Actor, Target
from enforcement.gateways import effects_at_gateways, health_checks, instances
from enforcement.models import Watch
from tests.enforcement.browsing import browser
from tests.enforcement.stand_ins import StandIn, register, running

EXPECTED = (
    "Expected: at laptop-1 it is stopped for Claude Code's tool calls; at edge-2 it is only "
    "recorded."
)
Start = Callable[..., list[StandIn]]


@pytest.fixture
def start(tmp_path: Path, settings: LazySettings, db: None) -> Iterator[Start]:
    """Start, register and ask stand-in gateways, each given as name, generation and options."""
    settings.VAR_DIR = tmp_path
    with ExitStack() as stack:

        def begin(*wanted: tuple[str, ...]) -> list[StandIn]:
            made = [stack.enter_context(running(tmp_path, *one)) for one in wanted]
            register(tmp_path, *made)
            for one in instances.fleet().instances:
                Watch.objects.create(name=one.name, due=clock.now())
                health_checks.note(one, health_checks.probe(one), clock.now())
            return made

        yield begin
    instances._cache.clear()


LAPTOP = ("laptop-1", "head", "--agent", "claudecode=action")
EDGE = ("edge-2", "0.2.0", "--take-action", "on", "--openclaw", "never")


def asked(olu: Actor, verb: str, name: str) -> Approval:
    done = perform(
        olu, verb, Target(verb.partition(".")[0], name), reason="Seen in a log", severity="HIGH"
    )
    assert done.approval is not None
    return done.approval


def on_phone(approval: Approval) -> dict[str, str]:
    ask = approval.current
    assert ask is not None
    [detail] = authorization_details.for_ask(ask)
    assert len(detail["properties"]) <= 10
    values = {name: row["value"] for name, row in detail["properties"].items()}
    assert all(len(value) <= 255 for value in values.values())
    return values


def test_the_phone_says_for_each_gateway_what_is_expected(
    start: Start, olu: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(LAPTOP, EDGE)
    approval = asked(olu, "mcp.block", "github")
    assert on_phone(approval)["if_approved"] == EXPECTED
    page = browser("operator", "operator").get(f"/approvals/{approval.pk}/").content.decode()
    assert EXPECTED.replace("'", "&#x27;") in page
    monkeypatch.setattr(effects_at_gateways, "_LONGEST_LINE", len(EXPECTED) - 1)
    general = on_phone(asked(olu, "mcp.block", "gitlab"))["if_approved"]
    assert general == (
        "Each gateway is asked to stop calls of this exact name; some agents name no server."
    )


def test_another_expectation_in_the_row_than_was_recorded_voids_the_request(
    start: Start, olu: Actor
) -> None:
    start(LAPTOP, EDGE)
    approval = asked(olu, "mcp.block", "github")
    assert recheck.intent_broken(approval) == ""
    for other in ("", EXPECTED.replace("only recorded", "stopped")):
        approval.if_approved = other
        assert recheck.intent_broken(approval) == "intent_differs"


def test_the_page_and_the_phone_say_where_a_step_would_not_be_sent(
    start: Start, olu: Actor
) -> None:
    laptop, _ = start(LAPTOP, EDGE)
    laptop.entry("skill", "mal-b", install="block", file="quarantine", runtime="disable")
    page = browser("operator", "operator").get("/enforcement/skill/mal-b/").content.decode()
    assert "At laptop-1: Not sent: skill mal-b is disabled there for all agents" in page
    assert "At edge-2: Not sent yet: this gateway was not connected to OpenClaw" in page
    said = on_phone(asked(olu, "skill.allow", "mal-b"))["if_approved"]
    assert said == "Expected: at laptop-1 nothing is sent; at edge-2 nothing stops it."
    said = on_phone(asked(olu, "skill.block", "mal-b"))["if_approved"]
    assert said.endswith("at edge-2 nothing is sent.")


def test_where_no_gateway_has_an_outpost_the_phone_names_none(
    start: Start, olu: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(LAPTOP, EDGE)
    monkeypatch.setattr(effects_at_gateways, "_LONGEST_LINE", 1)
    said = on_phone(asked(olu, "skill.block", "mal-b"))["if_approved"]
    assert said == (
        "It runs on where it is installed now. The gateway is asked to quarantine it when its "
        "folder is next created again or renamed."
    )


def test_the_names_of_several_gateways_read_as_one_list(start: Start) -> None:
    start(LAPTOP, EDGE, ("zen-3", "head", "--agent", "claudecode=action"))
    said = effects_at_gateways.expected("allow", "mcp", "timezone")
    assert said == "Expected: at laptop-1, edge-2 and zen-3 nothing stops it."
