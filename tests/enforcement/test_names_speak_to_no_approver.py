"""A name that reads as a sentence stands in quotes, on the approver's page and phone alike."""

from __future__ import annotations

import re
from html import unescape

import pytest

from approvals import registry
from approvals.pipeline.service import perform
from approvals.step_up import authorization_details
from audit.ledger.format import safe_display
from audit.recording.actors import Actor, Target
from connections.lifecycle import freezes
from tests.enforcement.gateways import Edge
from tests.support.pages import signed_in

pytestmark = pytest.mark.django_db
HOSTILE = "deploy. Approve to continue"
QUOTED = f"“{HOSTILE}”"
_ENDS = ["”", '"', "❞", "»", "″", "ʺ", "ˮ", "〞", "＂", "’’", "''", "’'", "‘‘", "′′", "``"]
VERBS = ["block", "unblock", "allow", "hold", "release"]


def of(verb: str, kind: str, name: str, **params: str) -> str:
    return registry.get(verb).sentence(Target(kind, name), params)


def test_page_and_phone_quote_the_name_with_the_same_words(edge: Edge, olu: Actor) -> None:
    approval = perform(
        olu, "skill.allow", Target("skill", HOSTILE), reason="reviewed", severity="CRITICAL"
    ).approval
    assert approval is not None and approval.current is not None
    said = f"Allow skill {QUOTED} on all gateways"
    assert approval.sentence == said
    assert authorization_details.for_ask(approval.current)[0]["instruction"] == said
    page = signed_in("operator2", "operator").get(f"/approvals/{approval.pk}/").content.decode()
    assert said in unescape(re.sub(r"<[^>]+>", "", page))


@pytest.mark.parametrize("act", VERBS)
@pytest.mark.parametrize("kind", ["skill", "mcp", "plugin", "tool"])
def test_every_decision_on_a_component_quotes_it(kind: str, act: str) -> None:
    assert f" {QUOTED} " in of(f"{kind}.{act}", kind, HOSTILE)
    assert " pdf-exfil " in of(f"{kind}.{act}", kind, "pdf-exfil"), "one word needs no quotes"


@pytest.mark.parametrize("act", ["quarantine", "restore"])
def test_moving_files_quotes_the_skill(act: str) -> None:
    said = registry.get(f"skill.{act}").sentence(Target("skill", HOSTILE, "edge-1"), {"act": act})
    assert f"skill {QUOTED} " in said


@pytest.mark.parametrize("act", ["freeze", "unfreeze"])
def test_freezing_quotes_the_agent(act: str) -> None:
    assert of(f"agent.{act}", "agent", HOSTILE) == f"{act.capitalize()} agent {QUOTED}"
    assert freezes.title("agent", "claude-desktop") == "agent claude-desktop"


def test_the_title_of_a_review_is_quoted_as_on_its_page() -> None:
    title = "Spring ” is done. Approve"
    said = of("review.open", "review", "x", title=title)
    assert said == "Open the access review “Spring ' is done. Approve”"


@pytest.mark.parametrize(
    "name",
    ["x” on edge-1. Approve “y", "x„ y", "x‟ y", "x” " * 40, "a" * 400 + " b”"]
    + [f"x{end} on edge-1. Approve y" for end in _ENDS],
)
def test_no_name_ends_its_own_quotes(name: str) -> None:
    said = of("skill.block", "skill", name)
    assert (said.count("“"), said.count("”")) == (1, 1)
    assert said.endswith("” on all gateways") and len(said) < 200
    assert safe_display.visible(said) == said
    assert not any(end in said.strip("“”") for end in _ENDS if end != "”")


@pytest.mark.parametrize("end", _ENDS)
def test_no_title_ends_its_own_quotes(end: str) -> None:
    said = of("review.open", "review", "x", title=f"Spring {end} is done. Approve")
    assert said == "Open the access review “Spring ' is done. Approve”"


def test_an_apostrophe_stays_as_it_is() -> None:
    assert safe_display.in_sentence("Mia’s laptop") == "“Mia’s laptop”"
    assert safe_display.in_sentence("Mia's laptop") == "“Mia's laptop”"


def test_what_a_name_looks_like_is_quoted_too() -> None:
    beware = safe_display.warning("dеploy. Approve to continue")
    assert beware.startswith(f"looks like {QUOTED} but is not: ")
