"""Home: a welcome for strangers, and for everybody else what their role came for."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from approvals import clock
from audit.recording import action_registry
from audit.recording.actors import SYSTEM, Actor, Target
from audit.recording.record import record
from audit.sequencing import sequencer
from connections.models import ConnectedAccount, Freeze, Need, State
from enforcement.findings import decision_queue
from enforcement.models import Asset, Finding, Scan
from portal.home import auditor, daily_bars, exception_counts, page
from portal.home.panel_types import Home
from tests.support.pages import signed_in
from tests.support.sign_in import SUBS
from tests.ui.test_shell import found

pytestmark = pytest.mark.usefixtures("house")
NOON = datetime(2026, 11, 3, 12, 30, tzinfo=UTC)


def shown(client: Client) -> str:
    """Home as a reader sees it, in one line."""
    answer = client.get("/")
    assert answer.status_code == 200
    main = answer.content.decode().partition("<main")[2].partition("</main>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main))


def test_a_stranger_reads_what_this_is_and_how_to_enter(client: Client, settings: Any) -> None:
    welcome = shown(client)
    assert "the record says how well each decision is proven" in welcome and "Sign in" in welcome
    assert "LOCAL TENANT" in welcome
    settings.ENV = settings.ENV.model_copy(update={"AUTH0_ISSUER": "https://acme.auth0.com/"})
    assert "LOCAL TENANT" not in shown(client)


def test_home_takes_no_posts(client: Client) -> None:
    assert client.post("/").status_code == 405


def decided(evidenced: bool, name: str, *, source: str = "portal") -> None:
    olu = Actor(iss=django_settings.ENV.issuer, sub=SUBS["operator"], name="Olu Operator")
    record(olu, "skill.blocked", source=source, target=Target("skill", name), operation=name)
    if evidenced:
        from audit.models import EventRow

        EventRow.objects.filter(target_name=name).update(human="H1")
        row = EventRow.objects.get(target_name=name)
        from audit.search.index_tokens import value_token

        row.terms = row.terms.replace(value_token("human", "H0"), value_token("human", "H1"))
        row.save()


def test_an_auditor_reads_how_many_decisions_name_a_verified_human() -> None:
    decided(True, "a")
    decided(False, "b")
    decided(False, "c")
    sequencer.run_once()
    client = signed_in("auditor", "auditor")
    words = shown(client)
    assert "1 of 3 decisions made here name a verified person View the 2 without" in words
    assert "a verified person Build an audit file…" in words and "%" not in words
    link = re.search(r'href="(/audit/\?[^"]*human=H0[^"]*)"', client.get("/").content.decode())
    assert link and "action=skill.blocked" in link[1]
    assert "you rely on our word that everyone sees the same log" in words


@pytest.mark.parametrize(
    ("evidenced", "said"),
    [
        ([False], "0 of 1 at gateways names a verified person View the 1 without"),
        ([False] * 2, "none of 2 at gateways names a verified person View the 2 without"),
        ([True, False], "1 of 2 at gateways name a verified person View the 1 without"),
        ([True] * 2, "all 2 at gateways name a verified person Build an audit file…"),
    ],
)
def test_decisions_of_gateways_are_said_with_whether_they_name_a_person(
    evidenced: list[bool], said: str
) -> None:
    for number, one in enumerate(evidenced):
        decided(one, f"skill-{number}", source="defenseclaw")
    sequencer.run_once()
    words = shown(signed_in("auditor", "auditor"))
    assert f"No decision was made here, and {said}" in words


def test_one_sentence_has_the_decisions_made_here_and_those_at_gateways() -> None:
    for name in ("a", "b"):
        decided(True, name)
    for name in ("c", "d", "e"):
        decided(False, name, source="defenseclaw")
    sequencer.run_once()
    client = signed_in("auditor", "auditor")
    said = "All 2 decisions made here name a verified person, none of 3 at gateways does"
    assert f"<h1>{said}</h1>" in client.get("/").content.decode()
    home = client.get("/").content.decode()
    link = re.search(r'btn-primary" href="(/audit/[^"]*)">View the 3 without', home)
    assert link
    trail = client.get(unescape(link[1])).content.decode()
    assert re.search(r"<h1>3 of \d+ events match</h1>", trail), "the trail has the same number"
    decided(True, "f", source="defenseclaw")
    sequencer.run_once()
    cache.clear()
    assert "name a verified person, 1 of 4 at gateways do" in shown(client)


def test_before_the_first_decision_home_counts_none() -> None:
    words = shown(signed_in("auditor", "auditor"))
    assert "No decision is on record yet" in words and "of 0 decisions" not in words


def test_the_latest_decisions_are_told_once_each_with_what_they_came_to() -> None:
    olu = Actor(iss="i", sub="s", name="Olu Operator")
    target = Target("skill", "pdf-exfil")
    record(olu, "skill.blocked", outcome="pending", target=target, operation="op-1")
    for instance in ("edge-1", "edge-2"):
        record(
            olu,
            "skill.blocked",
            outcome="success",
            target=Target("skill", "pdf-exfil", instance),
            instance=instance,
            operation="op-1",
        )
    sequencer.run_once()
    lines = auditor.latest().lines
    assert len(lines) == 1
    assert lines[0].badge == "", "an outcome that simply happened is plain text"
    assert "edge-1" not in lines[0].text


def test_the_latest_decisions_are_strictly_by_the_time_that_is_shown() -> None:
    olu = Actor(iss=django_settings.ENV.issuer, sub=SUBS["operator"], name="Olu Operator")
    for minute, (name, instance) in enumerate(
        [("first", ""), ("second", ""), ("first", "edge-1"), ("third", "")]
    ):
        when, target = NOON + timedelta(minutes=minute), Target("skill", name, instance)
        record(olu, "skill.blocked", target=target, instance=instance, operation=name, time=when)
    late = NOON - timedelta(days=1)
    record(olu, "skill.blocked", target=Target("skill", "read late"), operation="late", time=late)
    lines = auditor.latest().lines
    times = [line.when for line in lines if line.when]
    assert [line.text.rsplit(" ", 1)[-1] for line in lines][:3] == ["third", "second", "first"]
    assert len(lines) == 4 and times == sorted(times, reverse=True)


def test_what_a_gateway_confirmed_is_not_among_the_latest_decisions() -> None:
    olu = Actor(iss="i", sub="s", name="Olu Operator", via="task")
    target = Target("skill", "pdf-exfil", "edge-1")
    record(olu, "skill.blocked", target=target, instance="edge-1", operation="op-1")
    sequencer.run_once()
    assert auditor.latest().lines == []


def test_an_operator_reads_what_needs_a_decision() -> None:
    scan = Scan.objects.create(
        instance="edge-1", scan_id="s", scanner="x", kind="skill", name="pdf-exfil",
        severity="CRITICAL", at=NOON, seen=NOON,
    )  # fmt: skip
    for severity, rank, status in (
        ("CRITICAL", 4, "open"),
        ("LOW", 1, "open"),
        ("HIGH", 3, "dismissed"),
    ):
        Finding.objects.create(
            instance="edge-1", finding_id=severity, scan=scan, kind="skill", name="pdf-exfil",
            title=f"a {severity} thing", severity=severity, rank=rank, at=NOON, status=status,
        )  # fmt: skip
    Asset.objects.create(
        kind="mcp", name="shadow-fs", holder="op", held_at=NOON, hold_reason="reads all of home"
    )
    words = shown(signed_in("operator", "operator"))
    assert "1 component needs a decision 1 on hold Decide… Block or allow" in words
    assert "pdf-exfil skill a CRITICAL thing · on edge-1" in words
    assert "a LOW thing" not in words and "a HIGH thing" not in words
    assert "shadow-fs MCP server reads all of home" in words


def account(who: str, state: State, **more: Any) -> ConnectedAccount:
    return ConnectedAccount.objects.create(
        iss=django_settings.ENV.issuer,
        sub=SUBS[who],
        connection="github",
        auth0_id=f"cac_{who}_{state}",
        state=state,
        state_since=NOON,
        source="management",
        seen_at=NOON,
        watched_since=NOON,
        **more,
    )


def test_an_admin_reads_the_inventory_and_what_is_unfinished() -> None:
    account("member1", State.CONNECTED)
    account("member2", State.CONNECTED)
    account("member2", State.REVOCATION_PENDING, deletion_detail="waits for Milo to sign in")
    found("pdf-exfil", "HIGH")
    words = shown(signed_in("admin", "admin"))
    assert "1 component needs a decision" in words.partition("View the findings")[0]
    assert "Agents can use 2 accounts of 2 people · 1 revocation in progress View" in words
    assert "waits for Milo to sign in" in words


def test_an_admin_reads_as_many_accounts_that_agents_can_use_as_the_access_page_counts() -> None:
    for who in ("member1", "member2", "auditor"):
        account(who, State.CONNECTED)
    account("operator", State.SUSPENDED)
    Freeze.objects.create(kind="person", name=SUBS["auditor"], by="auth0|amir", since=NOON)
    client = signed_in("admin", "admin")
    assert "Agents can use 2 accounts of 2 people" in shown(client)
    access = re.sub(r"<[^>]+>", " ", client.get("/connections/inventory/").content.decode())
    access = re.sub(r"\s+", " ", access)
    assert "Agents can use 2 accounts of 2 people" in access and "2 usable by agents" in access
    assert "4 accounts of 4 people: 2 connected, 1 suspended, 1 frozen" in access
    assert 'href="/connections/inventory/?state=connected' in client.get("/").content.decode()


def test_two_approvers_of_one_request_who_did_not_answer_are_counted_as_two_answers() -> None:
    target = Target("skill", "pdf-exfil")
    for _ in range(2):
        record(SYSTEM, "approval.expired", outcome="expired", target=target, approval="one")
    sequencer.run_once()
    [line] = [one for one in exception_counts.panel().lines if "approval.expired" in one.url]
    assert (line.text, line.count) == ("Answers that approvers did not give in time", "2")
    assert action_registry.get("approval.expired").label == "Approver did not answer"


def test_what_is_requested_of_an_admin_stands_above_recent_decisions() -> None:
    Need.objects.create(
        iss=django_settings.ENV.issuer, sub=SUBS["admin"], connection="slack", kind="mcp",
        name="standup", asked_at=NOON,
    )  # fmt: skip
    words = shown(signed_in("admin", "admin"))
    assert words.index("Waiting for you") < words.index("Recent decisions")


def test_two_roles_make_one_home_without_repeats() -> None:
    words = shown(signed_in("admin", "operator", "admin", "auditor"))
    assert words.count("Recent decisions") == 1
    for part in (
        "No finding needs a decision",
        "Needs a decision",
        "Exceptions in 30 days",
        "Access reviews",
    ):
        assert part in words


def test_a_part_that_cannot_be_read_does_not_take_home_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(me: Actor) -> Home:
        raise OSError("disk")

    monkeypatch.setattr(page, "_BY_ROLE", (("operator", "Enforcement", broken),))
    words = shown(signed_in("operator", "operator"))
    assert "This could not be read just now." in words and "<h1>" not in words


def test_what_waits_for_me_comes_first() -> None:
    from approvals.pipeline.service import perform
    from tests.approvals.lamps import furnish
    from tests.approvals.people_of import acting, known

    with pytest.MonkeyPatch.context() as patch:
        furnish(patch)
        known("operator2", "operator")
        olu = acting("operator", "operator")
        approval = perform(olu, "lamp.block", Target("lamp", "hall"), severity="CRITICAL").approval
        assert approval is not None and approval.current is not None
        words = shown(signed_in("operator2", "operator"))
        assert "1 request needs your answer" in words
        assert words.index("Waiting for your answer") < words.index("On hold")
        assert approval.current.code in words
        assert "Waiting for your answer" not in shown(signed_in("operator", "operator"))


def test_each_figure_of_an_operator_leads_to_the_rows_it_counts() -> None:
    found("pdf-exfil", "CRITICAL")
    found("mail-reader", "HIGH")
    Asset.objects.create(kind="skill", name="mail-reader", decision="block")
    Asset.objects.create(kind="skill", name="held", holder="hand", held_at=NOON)
    client = signed_in("operator", "operator")
    page = client.get("/").content.decode()
    assert '<a href="/enforcement/?list=held">1 on hold</a>' in page
    assert 'btn-primary" href="/enforcement/?list=undecided">Decide…</a>' in page
    listed = client.get("/enforcement/?list=undecided").content.decode()
    assert "pdf-exfil" in listed and "mail-reader" not in listed
    assert 'href="/enforcement/skill/pdf-exfil/#decide"' in page


@pytest.mark.parametrize(
    ("decision", "after", "needs"),
    [("block", False, False), ("allow", True, False), ("allow", False, True)],
)
def test_an_allow_answers_only_findings_that_came_before_it(
    decision: str, after: bool, needs: bool
) -> None:
    found("pdf-exfil", "HIGH")
    at = clock.now() + (timedelta(hours=1) if after else -timedelta(hours=1))
    Asset.objects.create(kind="skill", name="pdf-exfil", decision=decision, decided_at=at)
    assert decision_queue.undecided().exists() is needs


def test_home_costs_the_same_however_much_waits() -> None:
    client = signed_in("admin", "operator", "admin", "auditor")

    def cost() -> int:
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            shown(client)
        return len(queries)

    for number in range(2):
        found(f"skill-{number}", "HIGH")
        Asset.objects.create(kind="mcp", name=f"mcp-{number}", holder="op", held_at=NOON)
    cost()
    few = cost()
    for number in range(2, 9):
        found(f"skill-{number}", "HIGH")
        Asset.objects.create(kind="mcp", name=f"mcp-{number}", holder="op", held_at=NOON)
    assert cost() <= few


def test_decisions_a_day_are_drawn_by_how_well_the_person_is_proven() -> None:
    first = date(2026, 11, 1)
    drawn = daily_bars.drawn(first, [(first, "H2", 1), (first, "H0", 3)])
    assert [(part.level, part.height) for part in drawn.bars[0].segments] == [
        ("H2", daily_bars.HEIGHT / 4),
        ("H0", daily_bars.HEIGHT * 3 / 4),
    ]
    assert drawn.bars[0].total == 4 and drawn.bars[1].total == 0
    assert "after=2026-11-01&before=2026-11-02" in drawn.bars[0].url


def test_every_way_to_what_is_on_hold_lands_on_the_holds() -> None:
    Asset.objects.create(kind="mcp", name="fs", holder="op", held_at=NOON, hold_reason="reads")
    page = signed_in("operator", "operator").get("/").content.decode()
    assert page.count('href="/enforcement/?list=held"') == 2


def test_what_waits_moves_without_a_reload() -> None:
    client = signed_in("operator", "operator")
    assert 'id="home-waiting" hx-get="/"' in client.get("/").content.decode()
    part = client.get("/", HTTP_HX_REQUEST="true").content.decode()
    assert part.startswith('<div id="home-waiting"') and "<html" not in part


def test_tiles_panels_and_the_headline_move_without_a_reload() -> None:
    client = signed_in("operator", "operator")
    Asset.objects.create(kind="skill", name="pdf-exfil", holder="hand")
    part = client.get("/", HTTP_HX_REQUEST="true", HTTP_HX_TARGET="home-now").content.decode()
    assert part.startswith('<div id="home-now"') and "<html" not in part
    assert 'id="home-said" hx-swap-oob="true"' in part and "pdf-exfil" in part


def test_counts_of_menu_and_bar_move_on_every_page() -> None:
    client = signed_in("operator", "operator")
    page = client.get("/enforcement/fleet/").content.decode()
    assert re.search(r'id="counts" hidden hx-get="/\?seen=\w{8}" hx-trigger="every 15s"', page)
    assert re.search(r'<b id="nav-undecided"[^>]* hidden>0<', page)
    cache.clear()
    found("pdf-exfil", "HIGH")
    part = client.get("/", HTTP_HX_REQUEST="true", HTTP_HX_TARGET="counts").content.decode()
    assert re.search(r'<b id="nav-undecided"[^>]*hx-swap-oob="true">1<', part)
    assert 'id="nav-mine"' in part and 'id="bar-mine"' in part and "<html" not in part


def test_banners_are_sent_again_only_where_they_changed() -> None:
    client = signed_in("operator", "operator")
    page = client.get("/enforcement/fleet/").content.decode()
    poll = re.search(r'hx-get="(/\?seen=\w{8})"', page)
    assert poll
    asks = {"HX-Request": "true", "HX-Target": "counts"}
    assert 'id="banners"' not in client.get(poll[1], headers=asks).content.decode()
    part = client.get("/?seen=00000000", headers=asks).content.decode()
    assert '<div id="banners" hx-swap-oob="true">' in part and '<div id="counts"' in part
