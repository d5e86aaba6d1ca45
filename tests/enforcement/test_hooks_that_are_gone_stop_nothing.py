"""A block stops nothing for an agent whose hook was taken out, whatever mode is reported.

After `guardrail disable` and a restart, 0.8.4 and HEAD take the hooks out of the agents' settings
and go on reporting mode action (real gateways, 29 November 2026).
"""

from __future__ import annotations

from typing import Any

import pytest

from enforcement.effects import conclude_effect
from enforcement.effects.conclude_effect import Summary
from enforcement.effects.gateway_facts import Entry, GatewayFacts
from enforcement.gateways.reported_settings import ReportedSettings
from enforcement.models import Outpost
from enforcement.outposts import reported_facts
from tests.enforcement import gateway_statuses

OFF = {"guardrail": {"state": "disabled"}}


def concluded(settings: ReportedSettings) -> dict[str, Summary]:
    """What a block of the tool Bash means for each agent."""
    blocked = (Entry("Bash", install="block"),)
    facts = GatewayFacts(settings.generation, "tool", "Bash", blocked, settings.agents)
    return {one.agent: one.summary for one in conclude_effect.conclude(facts)}


@pytest.mark.parametrize(
    "status", [gateway_statuses.head("action"), gateway_statuses.V084], ids=["head", "0.8.4"]
)
def test_with_the_guardrail_off_a_block_is_recorded_only(status: dict[str, Any]) -> None:
    assert concluded(ReportedSettings.from_status(status))["claudecode"] == Summary.STOPPED
    off = status | {"health": status["health"] | OFF}
    assert concluded(ReportedSettings.from_status(off))["claudecode"] == Summary.RECORDED_ONLY


def test_an_outpost_that_found_no_hook_makes_a_block_recorded_only() -> None:
    outpost = Outpost(id="0" * 32, instance="edge-9", generation="head")
    config = gateway_statuses.OUTPOST_CONFIG | {"modes": {"claudecode": "action"}}
    read = reported_facts.settings_of(outpost, config)
    assert concluded(read) == {"claudecode": Summary.STOPPED}
    gone = reported_facts.settings_of(outpost, config | {"hooks": {}})
    assert concluded(gone) == {"claudecode": Summary.RECORDED_ONLY}
