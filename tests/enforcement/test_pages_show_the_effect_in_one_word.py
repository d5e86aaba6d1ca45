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
from enforcement.effects.conclusion import AgentEffect, Summary
from enforcement.effects.overall_effect import (
    Overall,
    in_a_sentence,
    overall,
    overall_at,
    where_not_stopped,
)
from enforcement.models import Asset, Watch
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
    stopped = [AgentEffect("codex", Summary.STOPPED, ())]
    assert where_not_stopped({"edge-1": stopped, "edge-2": []}) == "Not known at edge-2."
    assert where_not_stopped({"edge-1": stopped}) == ""


def test_agents_for_which_it_is_not_stopped_are_named_once_for_all_their_gateways() -> None:
    some = [
        AgentEffect("claudecode", Summary.OPEN, ()),
        AgentEffect("codex", Summary.STOPPED_IN_PART, ()),
    ]
    assert where_not_stopped({"edge-1": some, "edge-2": some[:1]}) == (
        "Not stopped for Claude Code at edge-1 and edge-2; partly stopped for Codex at edge-1."
    )
    many = {f"edge-{number}": some[:1] for number in range(9)}
    assert where_not_stopped(many).endswith("edge-3, edge-4 and 4 more gateways.")


@pytest.mark.parametrize(
    ("found", "installed", "sentence"),
    [
        (Overall.STOPPED, True, ""),
        (Overall.PARTLY_STOPPED, True, "On hold, but some uses are not known to be stopped."),
        (Overall.NOT_STOPPED, True, "On hold, but agents can still use copies that are installed."),
        (Overall.NOT_STOPPED, False, "On hold, but agents can still use it."),
        (
            Overall.NOT_KNOWN,
            False,
            "On hold, but it is not known whether agents can still use it.",
        ),
    ],
)
def test_a_decision_and_its_effect_are_one_sentence(
    found: Overall, installed: bool, sentence: str
) -> None:
    assert in_a_sentence("On hold", found, installed=installed) == sentence


def test_the_sentence_says_what_is_decided_and_what_is_so_at_gateways(
    edge: Edge, olu_web: Client, look: Look, do_due: Do
) -> None:
    page = "/enforcement/skill/notes/"
    but = ", but agents can still use copies that are installed. Not stopped for Claude Code at "
    but += "edge-1"
    edge.block("skill", "notes", "by hand")
    look()
    assert f"Blocked{but}." in text(olu_web, page)
    olu_web.post(page, NEW | {"act": "hold", "reason": "odd", "instance": "edge-2"})
    assert f"A hold or block is decided{but} and edge-2." in text(olu_web, page)
    do_due()
    look()
    assert f"On hold or blocked{but} and edge-2." in text(olu_web, page)


def test_the_list_of_what_is_not_stopped_counts_what_it_shows(
    olu_web: Client, look: Look, do_due: Do
) -> None:
    for name in ("evil-skill", "odd-skill"):
        block(olu_web, "skill", name)
    do_due()
    look()
    listed = text(olu_web, "/enforcement/", list="not_stopped")
    assert "2 holds and blocks are not known to stop every agent." in listed
    found = text(olu_web, "/enforcement/", list="not_stopped", q="evil")
    assert "Of those that match, 1 hold or block is not known to stop every agent" in found


def test_an_acknowledged_block_that_stops_nothing_goes_on_warning(
    olu_web: Client, look: Look, do_due: Do
) -> None:
    block(olu_web, "skill", "evil-skill")
    do_due()
    look()
    shown = text(olu_web, "/enforcement/skill/evil-skill/")
    assert "acknowledged by 2 of 2 gateways effect on agents not stopped" in shown
    assert "blocked not stopped" in shown
    assert "Not stopped for Claude Code at edge-1 and edge-2." in shown


def test_a_block_that_stops_every_use_warns_of_nothing(
    olu_web: Client, look: Look, do_due: Do
) -> None:
    block(olu_web, "tool", "Bash")
    do_due()
    look()
    shown = text(olu_web, "/enforcement/tool/Bash/")
    assert (
        "acknowledged by 2 of 2 gateways effect on agents stopped" in shown
        and "blocked stopped" in shown
    )
    assert olu_web.get("/enforcement/tool/Bash/").context["not_stopped"] == ""


def test_an_allow_is_not_said_to_stop_or_to_leave_open(olu_web: Client, do_due: Do) -> None:
    Asset.objects.create(kind="skill", name="notes", decision="allow", decided_at=clock.now())
    assert "overall" not in olu_web.get("/enforcement/skill/notes/").context


def test_what_is_disabled_without_a_decision_is_not_said_to_be_unrestricted(
    edge: Edge, olu_web: Client, look: Look
) -> None:
    look()
    page = "/enforcement/skill/notes/"
    assert text(olu_web, page).count("no decision not restricted for Claude Code") == 2
    with closing(sqlite3.connect(edge.database, timeout=5)) as source, source:
        source.execute(
            "INSERT INTO actions (id, target_type, target_name, actions_json, updated_at)"
            """ VALUES ('1', 'skill', 'notes', '{"runtime":"disable"}', '2026-11-28')"""
        )
    shown = text(olu_web, page)
    assert "no decision partly stopped No decision:" in shown
    assert "Skill tool and slash command; its files can still be read." in shown
    assert shown.count("no decision not restricted for Claude Code") == 1, "at the other gateway"


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


@pytest.mark.parametrize("which", ["blocked", "held"])
def test_a_long_list_costs_no_query_for_each_row(
    which: str, olu_web: Client, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_the_shell(monkeypatch)

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            olu_web.get("/enforcement/", {"list": which})
        return len(found)

    values = {"decision": "block"} if which == "blocked" else {"holder": "x"}
    now = clock.now()
    for number in range(2):
        Asset.objects.create(
            kind="skill", name=f"a-{number}", decided_at=now, held_at=now, **values
        )
    queries()
    few = queries()
    for number in range(40):
        Asset.objects.create(
            kind="skill", name=f"b-{number}", decided_at=now, held_at=now, **values
        )
    assert queries() <= few
