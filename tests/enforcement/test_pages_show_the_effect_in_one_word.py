"""Next to a decision stands what it comes to, on the page of a component and in the lists."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from approvals import clock
from approvals.models import Effect
from enforcement.effects.all_agents_summary import (
    Overall,
    at_gateways,
    clause_after_decision,
    overall,
    overall_at,
)
from enforcement.models import Asset, ConcludedEffect, Watch
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Edge, Town
from tests.support.pages import keep_the_shell

Look = Callable[[], int]
Do = Callable[[], None]
NEW = {"new": "on"}  # nothing knows the name


@pytest.fixture
def olu_web(town: Town, db: None) -> Client:
    """Olu, an operator, in a browser."""
    return browser("operator", "operator")


def text(client: Client, path: str, **query: str) -> str:
    """A page as people read it."""
    page = client.get(path, query).content.decode()
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def block(client: Client, kind: str, name: str) -> None:
    client.post(f"/enforcement/{kind}/{name}/", NEW | {"act": "block", "reason": "odd"})


@pytest.mark.parametrize(
    ("summaries", "word"),
    [
        (["stopped", "stopped"], Overall.STOPPED),
        (["stopped", "open"], Overall.PARTLY_STOPPED),
        (["stopped", "unknown"], Overall.PARTLY_STOPPED),
        (["stopped_in_part"], Overall.PARTLY_STOPPED),
        (["recorded_only", "at_next_install", "only_in_action_mode"], Overall.NOT_STOPPED),
        (["open", "unknown"], Overall.NOT_STOPPED),
        (["unknown"], Overall.NOT_KNOWN),
        ([], Overall.NOT_KNOWN),
    ],
)
def test_one_word_claims_no_more_than_is_known(summaries: list[str], word: Overall) -> None:
    assert overall(summaries) == word


def test_a_gateway_that_names_no_agent_is_not_known() -> None:
    assert overall_at([["stopped"], []]) == Overall.PARTLY_STOPPED


@pytest.mark.parametrize(
    ("found", "installed", "where", "sentence"),
    [
        (Overall.STOPPED, True, "", "and every known use is stopped"),
        (Overall.PARTLY_STOPPED, True, "", "but some uses are not known to be stopped"),
        (Overall.NOT_STOPPED, True, "", "but agents can still use it where a copy is installed"),
        (Overall.NOT_STOPPED, False, " at edge-1", "but agents there can still use it"),
        (Overall.NOT_KNOWN, False, "", "but it is not known whether agents can still use it"),
    ],
)
def test_a_decision_and_its_effect_are_one_sentence(
    found: Overall, installed: bool, where: str, sentence: str
) -> None:
    assert clause_after_decision(found, installed=installed, where=where) == f", {sentence}"


def test_the_gateways_of_a_decision_are_named_or_counted_unless_it_is_all_of_them() -> None:
    assert at_gateways(["edge-1", "edge-2"], 2) == ""
    assert at_gateways(["edge-1", "edge-2"], 3) == " at edge-1 and edge-2"
    assert at_gateways(["edge-1", "edge-2", "edge-3"], 9) == " at 3 of 9 gateways"


def head(client: Client, path: str) -> str:
    """The first sentence of a page."""
    page = client.get(path).content.decode()
    found = re.search(r"<h1[^>]*>(.*?)</h1>", page, re.S)
    return " ".join(re.sub(r"<[^>]+>", "", found[1] if found else "").split())


def test_the_sentence_says_what_is_decided_and_what_is_so_at_gateways(
    edge: Edge, olu_web: Client, look: Look, do_due: Do
) -> None:
    page = "/enforcement/skill/notes/"
    assert head(olu_web, page) == "No decision about notes"
    edge.block("skill", "notes", "by hand")
    look()
    use = "can still use it where a copy is installed"
    assert head(olu_web, page) == f"notes is blocked at edge-1, but agents there {use}"
    olu_web.post(page, NEW | {"act": "hold", "reason": "odd", "instance": "edge-2"})
    assert head(olu_web, page) == f"A hold or block of notes is decided, but agents {use}"
    do_due()
    look()
    assert head(olu_web, page) == f"notes is on hold or blocked, but agents {use}"


def test_the_sentence_moves_with_the_states_that_are_polled(olu_web: Client) -> None:
    block(olu_web, "tool", "Bash")
    polled = olu_web.get("/enforcement/tool/Bash/", headers={"HX-Request": "true"})
    sentence = r'<h1 id="said"[^>]*hx-swap-oob="true"[^>]*>A block of Bash is decided'
    assert re.search(sentence, polled.content.decode())


def test_an_allow_and_what_is_lifted_have_their_sentence(
    olu_web: Client, look: Look, do_due: Do
) -> None:
    page = "/enforcement/tool/Bash/"
    now = clock.now()
    row = Asset.objects.create(kind="tool", name="Bash", decision="allow", decided_at=now)
    assert head(olu_web, page) == "An allow of Bash is decided, but is not in force everywhere"
    row.delete()
    block(olu_web, "tool", "Bash")
    do_due()
    look()
    assert head(olu_web, page) == "Bash is blocked, and every known use is stopped"
    Asset.objects.update(decision="none")
    Effect.objects.update(state="pending", kind="gateway.unblock")
    assert head(olu_web, page) == "The last decision about Bash is not lifted everywhere"


def test_the_head_leads_who_may_decide_to_the_form(olu_web: Client) -> None:
    page = "/enforcement/tool/Bash/"
    button = '<a class="btn btn-primary" href="#decide">Block, allow or hold…</a>'
    assert button in olu_web.get(page).content.decode()
    assert 'href="#decide"' not in browser("auditor", "auditor").get(page).content.decode()


def test_the_list_of_what_is_not_stopped_counts_what_it_shows(
    olu_web: Client, look: Look, do_due: Do
) -> None:
    for name in ("evil-skill", "odd-skill"):
        block(olu_web, "skill", name)
    do_due()
    look()
    listed = text(olu_web, "/enforcement/", list="not_stopped")
    assert "Agents may get past 2 holds and blocks" in listed
    assert "2 · An installed copy can still be used. What helps: Remove the copy" in listed
    found = text(olu_web, "/enforcement/", list="not_stopped", q="evil")
    assert "Of those that match, agents may get past 1 hold or block" in found


def test_an_acknowledged_block_that_stops_nothing_goes_on_warning(
    olu_web: Client, look: Look, do_due: Do
) -> None:
    block(olu_web, "skill", "evil-skill")
    do_due()
    look()
    shown = text(olu_web, "/enforcement/skill/evil-skill/")
    assert "acknowledged by 2 of 2 gateways" in shown
    row = "not stopped Claude Code: An installed copy can still be used. Remove the copy on that"
    assert shown.count(row) == 2


def test_a_block_that_stops_every_use_warns_of_nothing(
    olu_web: Client, look: Look, do_due: Do
) -> None:
    block(olu_web, "tool", "Bash")
    do_due()
    look()
    shown = text(olu_web, "/enforcement/tool/Bash/")
    assert "acknowledged by 2 of 2 gateways" in shown
    states = olu_web.get("/enforcement/tool/Bash/").context["states"]
    assert [(at.use, at.reasons) for at in states] == [(Overall.STOPPED, [])] * 2


def test_an_allow_is_not_said_to_stop_or_to_leave_open(olu_web: Client, do_due: Do) -> None:
    Asset.objects.create(kind="skill", name="notes", decision="allow", decided_at=clock.now())
    assert "where a copy is installed" not in head(olu_web, "/enforcement/skill/notes/")


def test_what_is_still_being_sent_is_to_be_waited_for(
    olu_web: Client, look: Look, do_due: Do
) -> None:
    look()
    block(olu_web, "tool", "Bash")
    sending = "No entry at the gateway restricts it yet. Wait: the decision is still being sent"
    shown = text(olu_web, "/enforcement/tool/Bash/")
    assert shown.count(sending) == 2 and "End the decision" not in shown
    do_due()
    look()
    assert "still being sent" not in text(olu_web, "/enforcement/tool/Bash/")


def test_gateways_without_a_decision_are_one_sentence_next_to_one_with_it(
    olu_web: Client, look: Look, do_due: Do
) -> None:
    look()
    olu_web.post(
        "/enforcement/tool/Bash/", NEW | {"act": "block", "reason": "odd", "instance": "edge-1"}
    )
    do_due()
    look()
    shown = text(olu_web, "/enforcement/tool/Bash/")
    assert "No decision, and nothing that restricts it, at edge-2" in shown
    assert "no decision not restricted" not in shown


def test_what_is_disabled_without_a_decision_is_not_said_to_be_unrestricted(
    edge: Edge, olu_web: Client, look: Look
) -> None:
    look()
    page = "/enforcement/skill/notes/"
    assert text(olu_web, page).count("no decision not restricted") == 2
    assert text(olu_web, page).count("Not restricted for Claude Code.") == 2
    with closing(sqlite3.connect(edge.database, timeout=5)) as source, source:
        source.execute(
            "INSERT INTO actions (id, target_type, target_name, actions_json, updated_at)"
            """ VALUES ('1', 'skill', 'notes', '{"runtime":"disable"}', '2026-11-28')"""
        )
    shown = text(olu_web, page)
    assert "no decision partly stopped" in shown
    assert "Skill tool and slash command; its files can still be read." in shown
    assert shown.count("Not restricted for Claude Code.") == 1, "at the other gateway"


def test_the_lists_say_the_word_of_each_pages_head(
    edge: Edge, olu_web: Client, look: Look, do_due: Do
) -> None:
    for kind, name in (("skill", "evil-skill"), ("tool", "Bash"), ("mcp", "shadow-proxy")):
        block(olu_web, kind, name)
    olu_web.post("/enforcement/skill/notes/", NEW | {"act": "hold", "reason": "odd"})
    edge.block("skill", "crypto-miner", "blocked by the watcher")
    do_due()
    look()
    blocked = text(olu_web, "/enforcement/", list="blocked")
    for line in (
        "skill evil-skill every gateway not stopped",
        "tool Bash every gateway stopped",
        "MCP server shadow-proxy every gateway partly stopped",
        "skill crypto-miner edge-1 see its page",
    ):
        assert line in blocked
    assert "skill notes not stopped" in text(olu_web, "/enforcement/", list="held")


def test_an_effect_that_was_read_long_ago_is_not_known(
    olu_web: Client, look: Look, do_due: Do
) -> None:
    block(olu_web, "tool", "Bash")
    do_due()
    look()
    Watch.objects.update(last_seen=clock.now() - timedelta(hours=1))
    assert "Bash every gateway effect not known" in text(olu_web, "/enforcement/", list="blocked")


@pytest.mark.parametrize("which", ["blocked", "held", "not_stopped"])
def test_a_long_list_costs_no_query_for_each_row(
    which: str, olu_web: Client, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_the_shell(monkeypatch)

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            olu_web.get("/enforcement/", {"list": which})
        return len(found)

    values = {"holder": "x"} if which == "held" else {"decision": "block"}
    now = clock.now()

    def decide(number: int) -> None:
        name = f"a-{number}"
        Asset.objects.create(kind="skill", name=name, decided_at=now, held_at=now, **values)
        if which == "not_stopped":
            agents = [{"agent": "claudecode", "summary": "at_next_install"}]
            about = {"instance": "edge-1", "kind": "skill", "name": name, "agents": agents}
            ConcludedEffect.objects.create(**about, since=now, read_at=now)

    look()
    for number in range(2):
        decide(number)
    queries()
    few = queries()
    for number in range(2, 42):
        decide(number)
    assert queries() <= few
    if which == "not_stopped":
        assert olu_web.get("/enforcement/?list=not_stopped").context["not_stopped_count"] == 42
