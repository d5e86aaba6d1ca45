"""Enforcement pages: whose answer it is, when it was asked, what an acknowledgement proves."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.html import escape

from approvals import clock
from approvals.models import Approval
from approvals.views.policy.policy_page_context import ALWAYS
from audit.clock import uuid7
from audit.importing import decision_tag_hmac
from audit.importing.decision_tag_hmac import Content
from audit.recording.actors import SYSTEM, Target
from audit.recording.record import record
from enforcement.effects.conclude_effect import AgentEffect, Summary
from enforcement.gateways import attempt_tags, decided_and_enforced_state, effects_at_gateways
from enforcement.gateways.client import Gateway
from enforcement.gateways.effects_at_gateways import GatewayEffect
from enforcement.gateways.instances import Instance
from enforcement.models import Finding, Watch
from tests.approvals.policies import in_force, rule
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Edge, Town

Look = Callable[[], int]
Do = Callable[[], None]
PAGE = "/enforcement/skill/notes/"


@pytest.fixture
def olu_web(db: None) -> Client:
    """Olu, an operator, in a browser."""
    return browser("operator", "operator")


def text(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def test_an_acknowledged_hold_is_not_said_to_stop_a_use(
    edge: Edge, look: Look, olu_web: Client, do_due: Do
) -> None:
    edge.scan("notes", severity="LOW")
    look()
    olu_web.post(PAGE, {"act": "hold", "reason": "odd"})
    do_due()
    shown = text(olu_web, PAGE)
    assert "The gateway acknowledged the hold." in shown
    assert "Not stopped for Claude Code: an installed copy can still be used." in shown
    assert escape(decided_and_enforced_state.REACH) in shown
    assert "It does not reach tokens already issued, nor what runs past a gateway" in shown


def test_lists_that_are_old_or_were_never_read_are_said_to_be(
    edge: Edge, look: Look, olu_web: Client
) -> None:
    edge.block("skill", "notes", "by hand")
    look()
    assert "Blocked at the gateway itself, not by this portal" in text(olu_web, PAGE)
    Watch.objects.update(listed_at=clock.now() - timedelta(minutes=2))
    said = "Blocked at the gateway itself when its lists were last read, not by this portal"
    assert said in text(olu_web, PAGE)
    Watch.objects.update(listed_at=None)
    shown = text(olu_web, PAGE)
    assert "Whether the gateway restricts it was not read." in shown
    assert escape("the gateway's own policy applies") not in shown


def test_an_answer_that_this_portals_hold_decides_is_not_called_the_gateways_own_policy(
    edge: Edge, look: Look, olu_web: Client, do_due: Do
) -> None:
    edge.scan("notes", severity="LOW")
    look()
    path = "/enforcement/preview/skill/notes/"
    before = text(olu_web, path)
    assert ">Agents can use notes where a copy is installed</h1>" in before
    assert "Would admit it with a warning." in before and "Would scan it first." in before
    assert re.search(r"Asked .*UTC", before)
    assert "own policy" not in before and "counts in this answer" not in before
    olu_web.post(PAGE, {"act": "hold", "reason": "odd"})
    do_due()
    after = text(olu_web, path)
    assert "A decision of this portal counts in this answer: it is on hold there." in after
    assert "own policy" not in text(olu_web, PAGE)


def test_what_gateways_answer_leads_to_the_request_that_waits(
    edge: Edge, look: Look, olu_web: Client
) -> None:
    edge.scan("notes", severity="CRITICAL")
    look()
    request = Approval.objects.get()
    shown = text(olu_web, "/enforcement/preview/skill/notes/")
    assert f'btn-primary" href="/approvals/{request.pk}/">See the request</a>' in shown
    assert "#decide" not in shown


def test_a_hold_that_a_gateway_repeats_is_not_shown_by_its_id_and_time(
    edge: Edge, look: Look, olu_web: Client, do_due: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/enforcement/preview/skill/notes/"
    olu_web.post(PAGE, {"act": "hold", "reason": "odd", "new": "on"})
    do_due()
    look()
    own = "ATA hold 01900000-0000-7000-8000-0000000000aa until 2026-12-03T01:24:23+00:00"
    monkeypatch.setattr(Gateway, "preview", lambda *_: ("blocked", own))
    shown = text(olu_web, path)
    assert "ATA hold" not in shown and "<code>blocked</code>" in shown
    assert "it is on hold there" in shown and "#decide" not in shown, "deciding does not help"
    assert "<strong>What helps:</strong> Remove the copy" in shown
    led = 'btn-primary" href="/enforcement/outposts/new/">Enrol an outpost…</a>'
    assert led in text(browser("admin", "admin"), path) and led not in shown


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("allowed", "Would admit it without a scan."),
        ("blocked", "Would refuse to admit it."),
        ("clean", "Would admit it."),
        ("rejected", "Would refuse to admit it."),
        ("scan", "Would scan it first."),
        ("warning", "Would admit it with a warning."),
        ("deferred", "Answered with a verdict that this portal does not know."),
        ("", "Its answer has no verdict."),
    ],
)
def test_each_verdict_is_said_in_words_next_to_what_agents_can_do(
    edge: Edge,
    look: Look,
    olu_web: Client,
    monkeypatch: pytest.MonkeyPatch,
    verdict: str,
    said: str,
) -> None:
    look()
    monkeypatch.setattr(Gateway, "preview", lambda *_: (verdict, "by policy"))
    page = text(olu_web, "/enforcement/preview/skill/notes/")
    assert said in page
    assert (f"<code>{verdict}</code>: by policy" in page) == bool(verdict)
    assert "Not stopped for Claude Code: no entry there restricts it." in page
    assert f'<a href="{PAGE}">skill notes</a>' in page
    assert re.search(r'data-when="absolute">[^<.]+</time> UTC', page)


def test_a_gateway_is_said_to_be_set_to_be_read_and_when_it_was(
    edge: Edge, look: Look, olu_web: Client
) -> None:
    look()
    shown = text(olu_web, f"/enforcement/fleet/{edge.name}/settings/")
    assert re.search(
        r"Set to be read every 2 s\.\s+Last recorded read", re.sub("<[^>]+>", "", shown)
    )
    assert "Read every" not in shown and "without a break" not in shown
    plain = re.sub(r"\s+", " ", re.sub("<[^>]+>", "", shown))
    assert re.search(r"Last recorded read [^;.]+; no gap over 60 s since [^.]+ UTC\.", plain)


def test_a_gateway_says_since_when_it_is_read_without_a_break(edge: Edge, look: Look) -> None:
    def watched() -> Watch:
        return Watch.objects.get(name=edge.name)

    look()
    began = watched().read_since
    assert began is not None and began == watched().read_at
    Watch.objects.update(read_at=began + timedelta(seconds=-15))
    look()
    assert watched().read_since == began, "it went on"
    Watch.objects.update(source="the file is not there")
    look()
    again = watched().read_since
    assert again is not None and again > began, "it could not be read in between"
    Watch.objects.update(read_at=again - timedelta(minutes=2))
    look()
    last = watched().read_since
    assert last is not None and last > again, "no worker read it in between"


def test_dismissing_says_that_it_ends_no_hold_and_the_policy_says_by_what_it_counts(
    edge: Edge, look: Look, olu_web: Client
) -> None:
    edge.scan("notes", severity="LOW")
    look()
    finding = Finding.objects.first()
    assert finding is not None
    path = f"/enforcement/findings/{finding.pk}/"
    assert "Neither acknowledging nor dismissing ends a hold or block." in text(olu_web, path)
    link = f'href="{PAGE}#decide">Block, hold or allow this skill…</a>'
    assert link in text(olu_web, path)
    assert link not in text(browser("auditor", "auditor"), path)
    [said] = [one for one in ALWAYS if "What relaxes" in one]
    assert "What relaxes a component" in said
    assert "Dismissing a finding counts as that finding, and ends no hold" in said


def test_a_tag_that_was_copied_to_another_name_leads_to_no_decision() -> None:
    tag = decision_tag_hmac.mint(
        str(uuid7()), 1, Content(attempt_tags.BLOCK, "skill", "notes", "edge-1")
    )
    reason = f"[ATA {tag}] reads all of home"
    assert attempt_tags.operation_of(reason, "skill", "notes", "edge-1") == tag.partition(".")[0]
    assert not attempt_tags.operation_of(reason, "skill", "other", "edge-1")
    assert not attempt_tags.operation_of(reason, "skill", "notes", "edge-2")
    assert not attempt_tags.operation_of("no tag", "skill", "notes", "edge-1")


def test_a_component_with_scans_in_the_trail_alone_is_not_called_never_scanned(
    edge: Edge, look: Look, olu_web: Client
) -> None:
    record(
        SYSTEM,
        "defenseclaw.scan",
        source="defenseclaw",
        instance=edge.name,
        target=Target("mcp", "github-mcp"),
    )
    shown = text(olu_web, "/enforcement/mcp/github-mcp/")
    assert "reported scan of mcp github-mcp" in shown
    assert "never scanned" not in shown and "MCP server · no scan result read" in shown
    said = "Only scans that this portal read from a gateway count; those that are only in the audit"
    assert said in shown and "relaxes a restriction counts as HIGH." in shown


def test_the_level_that_the_policy_gives_to_what_has_no_scan_is_named(
    edge: Edge, olu_web: Client
) -> None:
    in_force(rule("all"), never_scanned_loosening="CRITICAL")
    assert "relaxes a restriction counts as CRITICAL." in text(olu_web, PAGE)


def test_a_name_that_no_gateway_reported_is_said_to_be_one_first(
    edge: Edge, look: Look, olu_web: Client, do_due: Do
) -> None:
    said = (
        "No gateway has reported a skill with this name, so it is not known whether a copy is "
        "installed. A hold or block takes effect at its next"
    )
    assert said in text(olu_web, PAGE)
    olu_web.post(PAGE, {"act": "hold", "reason": "odd", "new": "on"})
    do_due()
    look()
    shown = text(olu_web, PAGE)
    assert shown.index(said) < shown.index("Not stopped for")
    assert "No gateway has reported" not in text(olu_web, "/enforcement/tool/Bash/")
    edge.scan("notes", severity="LOW")
    look()
    assert "No gateway has reported" not in text(olu_web, PAGE)


def test_equal_effects_of_acts_and_gateways_are_one_paragraph(
    town: Town, look: Look, olu_web: Client
) -> None:
    look()
    shown = text(olu_web, PAGE)
    afterwards = shown.partition("What agents could do after Block or Hold:")[2]
    assert afterwards.count("is moved to quarantine") == 1
    assert "At edge-1 and edge-2: Not stopped for" in afterwards


def test_what_a_block_leaves_open_is_a_warning_above_its_button(
    edge: Edge, look: Look, olu_web: Client
) -> None:
    look()
    warning, _, button = text(olu_web, PAGE).partition('name="act" value="block"')
    assert "What agents could do after Block" not in button
    notice = warning.partition('<div class="notice t-warn">')[2]
    assert "What agents could do after Block or Hold:" in notice and "Not stopped for" in notice
    assert "What agents could do after Allow:" in warning.rpartition('"notice t-info"')[2]


def test_gateways_that_differ_in_their_agents_alone_share_a_sentence() -> None:
    def at(name: str, watched: str, *others: str) -> GatewayEffect:
        agents = [AgentEffect(watched, Summary.AT_NEXT_INSTALL, ())]
        agents += [AgentEffect(o, Summary.RECORDED_ONLY, (), "it is not watched") for o in others]
        return GatewayEffect(Instance(name=name, base_url="http://127.0.0.1:1"), tuple(agents))

    found = [at("a", "claudecode", "codex", "cursor"), at("b", "claudecode", "codex"), at("c", "x")]
    assert effects_at_gateways.grouped(found) == [
        "Not stopped for Claude Code at a and b, for x at c: an installed copy can still be used. "
        "The next time its folder is created or renamed, it is moved to quarantine.",
        "Not stopped for Codex and Cursor at a, for Codex at b: it is not watched.",
    ]
    assert effects_at_gateways.grouped(
        [at("a", "codex", "cursor"), at("b", "codex", "cursor")]
    ) == [
        "At a and b: Not stopped for Codex: an installed copy can still be used. The next time "
        "its folder is created or renamed, it is moved to quarantine. Not stopped for Cursor: it "
        "is not watched."
    ]
