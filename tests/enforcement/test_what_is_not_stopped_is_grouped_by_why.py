"""Lists, Home and requests say why a hold or block does not stop every agent, and what helps."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client

from approvals import clock, policy, registry
from approvals.models import Approval, Outcome, Status
from audit.recording.actors import Actor, Target
from enforcement.effects import remedies
from enforcement.effects.all_agents_summary import Overall
from enforcement.effects.conclude_effect import AgentEffect, Summary
from enforcement.gateways.decided_and_enforced_state import At
from enforcement.gateways.instances import Instance
from enforcement.models import Asset, Watch
from enforcement.views import effects_of_decisions
from enforcement.views.component import use_now
from enforcement.views.effects_of_any_name import _listed
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Edge, Town

Look = Callable[[], int]
Do = Callable[[], None]
COPY = "An installed copy can still be used."
PARTS = "Only some ways to use it are stopped."


@pytest.fixture
def olu_web(town: Town, db: None) -> Client:
    """Olu, an operator, in a browser."""
    return browser("operator", "operator")


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


@pytest.fixture
def blocked(olu_web: Client, look: Look, do_due: Do) -> None:
    """Two skills and a server that stay in use, and a tool that is stopped."""
    for kind, name in (("skill", "a"), ("skill", "b"), ("mcp", "pdf-server"), ("tool", "Bash")):
        said = {"act": "block", "reason": "odd", "new": "on"}
        olu_web.post(f"/enforcement/{kind}/{name}/", said)
    do_due()
    look()


def test_each_is_in_one_group_with_its_remedy_and_the_counts_add_up(
    blocked: None, olu_web: Client
) -> None:
    answer = olu_web.get("/enforcement/?list=not_stopped")
    groups = [(reason.why, len(items)) for reason, items in answer.context["not_stopped"]]
    assert groups == [(COPY, 2), (PARTS, 1)]
    shown = text(answer.content.decode())
    assert shown.count("Agents may get past 3 holds and blocks") == 1
    assert "Each hold or block once, under its main reason." in shown
    assert f"2 · {COPY} What helps: Remove the copy on that machine, or enrol an outpost" in shown
    assert f"1 · {PARTS} What helps: Nothing here stops the others." in shown


def test_a_block_of_all_is_not_blamed_for_gateways_that_are_excepted(
    blocked: None, olu_web: Client
) -> None:
    for name in ("edge-1", "edge-2"):
        Asset.objects.create(kind="skill", name="a", instance=name, decided_at=clock.now())
    answer = olu_web.get("/enforcement/?list=not_stopped")
    groups = [(reason.why, len(items)) for reason, items in answer.context["not_stopped"]]
    assert sorted(groups) == sorted([(COPY, 1), (PARTS, 1)])


def test_home_has_the_same_groups_with_their_remedies_and_no_rows(
    blocked: None, olu_web: Client
) -> None:
    home = olu_web.get("/").content.decode()
    panel = home.partition("Agents may get past 3 holds and blocks")[2]
    panel = text(panel.partition("</section>")[0])
    assert f"2 {COPY} Remove the copy on that machine" in panel
    assert f"1 {PARTS} Nothing here stops the others." in panel
    assert "pdf-server" not in panel and "skill a" not in panel


def test_home_counts_what_its_panel_leaves_out(
    blocked: None, olu_web: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.home.operator.MOST", 1)
    assert "1 more for other reasons." in text(olu_web.get("/").content.decode())


def test_a_row_has_one_step_and_the_other_reasons_stand_on_its_page(
    blocked: None, edge: Edge, olu_web: Client
) -> None:
    found = effects_of_decisions.not_fully_stopped()
    Watch.objects.filter(name="edge-1").update(last_seen=None)
    Watch.objects.filter(name="edge-2").delete()
    groups = effects_of_decisions.by_reason(found)
    assert {reason.why for reason, _ in groups} == {COPY, PARTS}
    page = text(olu_web.get("/enforcement/skill/a/").content.decode())
    assert COPY in page and remedies.NEVER_READ.why in page


def test_each_row_leads_to_what_helps_and_an_admin_to_the_outpost_that_does(
    blocked: None, olu_web: Client
) -> None:
    page = "/enforcement/?list=not_stopped"
    listed = olu_web.get(page).content.decode()
    assert listed.count(">See what helps</a>") == 3 and "btn-primary" not in listed
    assert 'href="/enforcement/skill/a/" aria-label="See what helps: a"' in listed
    led = 'btn-primary" href="/enforcement/outposts/new/">Enrol an outpost…</a>'
    admin = browser("admin", "admin")
    assert led in admin.get(page).content.decode()
    assert led not in admin.get(f"{page}&q=pdf-server").content.decode(), "an outpost helps none"


def test_what_no_longer_has_a_reason_is_said_to_be_read_again(blocked: None) -> None:
    tool = Asset.objects.get(kind="tool")
    [(reason, [item])] = effects_of_decisions.by_reason([(tool, Overall.NOT_STOPPED)])
    assert reason == remedies.CHANGED and item.asset == tool


def test_a_request_says_why_and_what_helps_next_to_the_effect_now(
    blocked: None, olu_web: Client
) -> None:
    now = clock.now()
    olu = Actor(iss="https://issuer", sub="olu", roles=frozenset({"operator"}))
    rule = policy.decide(olu, registry.get("skill.block"), Target("skill", "a"), "CRITICAL")
    approval = Approval.objects.create(
        pk=uuid4(),
        verb="skill.block",
        target_kind="skill",
        target_name="a",
        rule=rule.as_json(),
        status=Status.CLOSED,
        outcome=Outcome.APPROVED,
        created=now,
        expires_at=now,
    )
    shown = text(olu_web.get(f"/approvals/{approval.pk}/").content.decode())
    assert f"Effect now not stopped {COPY} Remove the copy on that machine" in shown


def test_the_page_of_any_name_lists_what_was_decided_last(blocked: None, olu_web: Client) -> None:
    Asset.objects.create(kind="plugin", name="held", holder="olu", held_at=clock.now())
    Asset.objects.create(kind="skill", name="free", decision="allow", decided_at=clock.now())
    shown = olu_web.get("/enforcement/effects/").content.decode()
    words = text(shown)
    assert "Decided last" in words and "skill a blocked every gateway not stopped" in words
    assert "skill free allowed every gateway" in words and "tool Bash blocked" in words
    assert "plugin held on hold" in words
    assert 'href="/enforcement/effects/?kind=tool&amp;name=Bash"' in shown
    answered = text(olu_web.get("/enforcement/effects/?kind=tool&name=Bash").content.decode())
    assert "Bash is stopped in every known way of use" in answered
    assert "Decided last" not in answered
    opened = text(olu_web.get("/enforcement/effects/?kind=skill&name=a").content.decode())
    assert "Agents can use a in 6 of 6 ways" in opened


def test_at_most_ten_components_are_listed_newest_first(db: None, town: Town) -> None:
    for number in range(12):
        Asset.objects.create(
            kind="skill", name=f"s-{number}", decision="block", decided_at=clock.now()
        )
    names = [row["name"] for row in _listed()]
    assert names == [f"s-{number}" for number in range(11, 1, -1)]


def test_a_component_that_needs_a_decision_names_each_of_its_gateways(
    town: Town, look: Look, olu_web: Client
) -> None:
    for one in town.edges.values():
        one.scan("deploy", severity="HIGH")
    look()
    [row] = _listed()
    assert row["where"] == "edge-1 and edge-2"
    listed = text(olu_web.get("/enforcement/?list=undecided").content.decode())
    assert "edge-1 and edge-2" in listed, "as the list of findings says"


def test_components_that_need_a_decision_come_first_and_once(
    edge: Edge, look: Look, olu_web: Client
) -> None:
    for name in ("one", "two"):
        edge.scan(name, severity="HIGH")
    look()
    now = clock.now()
    Asset.objects.create(kind="skill", name="two", holder="olu", held_at=now)
    Asset.objects.create(kind="skill", name="three", decision="allow", decided_at=now)
    assert next(row["name"] for row in _listed()) == "one"
    assert sorted(row["name"] for row in _listed()) == ["one", "three", "two"]
    shown = text(olu_web.get("/enforcement/effects/").content.decode())
    assert "skill one needs a decision edge-1" in shown
    assert "skill two on hold needs a decision every gateway" in shown
    for number in range(11):  # the hold is no longer among what was decided last
        Asset.objects.create(
            kind="skill", name=f"n{number}", decision="allow", decided_at=clock.now()
        )
    shown = text(olu_web.get("/enforcement/effects/").content.decode())
    assert "skill two on hold needs a decision every gateway" in shown


@pytest.mark.parametrize(
    ("summaries", "sentence"),
    [
        ((), None),
        ((["stopped"], ["stopped"]), "Every known use of X is stopped"),
        ((["stopped"], ["open"]), "Agents can use X at e1 where a copy is installed"),
        (
            (["open"], ["unknown"], ["open"], ["open"]),
            "Agents can use X at 3 of 4 gateways where a copy is installed",
        ),
        ((["recorded_only", "unknown"],), "Agents can use X where a copy is installed"),
        ((["stopped", "open"], ["stopped"]), "Some uses of X at e0 are not known to be stopped"),
        (
            (["stopped"], []),
            "It is not known whether agents can use X at e1 where a copy is installed",
        ),
    ],
)
def test_where_agents_can_use_it_is_one_sentence(
    summaries: tuple[list[str], ...], sentence: str | None
) -> None:
    states = [
        At(
            Instance(name=f"e{number}", base_url="http://127.0.0.1:1"),
            "none",
            "none",
            "",
            agents=tuple(AgentEffect("codex", Summary(one), ()) for one in some),
        )
        for number, some in enumerate(summaries)
    ]
    found = use_now(states, installed=True)
    whole = None if found is None else f"{found[0]} X{found[1]}"
    assert whole == sentence


def test_the_preview_opens_with_where_agents_can_use_it(
    edge: Edge, look: Look, olu_web: Client
) -> None:
    edge.scan("notes", severity="LOW")
    look()
    shown = olu_web.get("/enforcement/preview/skill/notes/").content.decode()
    first = re.search(r"<h1[^>]*>(.*?)</h1>", shown)
    assert first and first[1] == "Agents can use notes where a copy is installed"
    assert "Decide about it: nothing restricts it there." in text(shown)
    assert 'btn-primary" href="/enforcement/skill/notes/#decide"' in shown
    assert (
        "#decide"
        not in browser("auditor", "auditor")
        .get("/enforcement/preview/skill/notes/")
        .content.decode()
    )
