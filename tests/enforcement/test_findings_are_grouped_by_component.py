"""Findings are listed and counted by the component that a person decides about."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from approvals import clock
from approvals.models import Approval
from audit.ledger.format.allowed_field_values import severity_rank
from enforcement.findings import decision_queue
from enforcement.models import Asset, Finding, Scan
from enforcement.views import finding_hold_and_decision_lists
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Town
from tests.support.pages import keep_the_shell

Look = Callable[[], int]
Do = Callable[[], None]


@pytest.fixture
def olu_web(town: Town, db: None) -> Client:
    """Olu, an operator, in a browser."""
    return browser("operator", "operator")


def found(
    name: str, title: str, severity: str = "HIGH", *, at: str = "edge-1", kind: str = "skill"
) -> Finding:
    """An open finding."""
    said: dict[str, Any] = {"instance": at, "kind": kind, "name": name, "severity": severity}
    key, now = f"{name} {title} {at}", clock.now()
    scan = Scan.objects.create(**said, scan_id=key, scanner="x", at=now, seen=now)
    rank = severity_rank(severity)
    return Finding.objects.create(**said, finding_id=key, scan=scan, title=title, rank=rank, at=now)


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def head(client: Client, path: str) -> str:
    """The first sentence of a page."""
    cache.clear()
    one = re.search(r"<h1[^>]*>(.*?)</h1>", client.get(path).content.decode(), re.S)
    return text(one[1]) if one else ""


def tab(client: Client, path: str, label: str) -> str:
    page = client.get(path).content.decode()
    one = re.search(rf'{label}<span class="count count-calm">([^<]*)<', page)
    return one[1] if one else ""


def badge(client: Client) -> str:
    one = re.search(r'<b id="nav-undecided"[^>]*>(\d+)<', client.get("/").content.decode())
    return one[1] if one else ""


def undecided_everywhere(client: Client) -> None:
    found("pdf", "sends data")
    found("pdf", "reads keys", "CRITICAL")
    found("pdf", "reads keys", "LOW", at="edge-2")
    found("deploy", "opens files", at="edge-2")
    found("deploy", "opens files")
    found("quiet", "a detail", "LOW")


def test_a_component_is_one_row_however_many_findings_and_gateways_it_has(
    olu_web: Client,
) -> None:
    undecided_everywhere(olu_web)
    listed = olu_web.get("/enforcement/?list=undecided").content.decode()
    shown = text(listed)
    assert re.search(r"skill pdf No decision reads keys and 1 more edge-1 \S", shown)
    assert re.search(r"skill deploy No decision opens files and 1 more edge-1 and edge-2", shown)
    assert listed.count("#decide") == 2 and "skill quiet" not in shown
    home = text(olu_web.get("/").content.decode())
    assert "pdf skill reads keys and 1 more · on edge-1" in home
    assert "deploy skill opens files and 1 more · on edge-1 and edge-2" in home


def test_badge_tab_title_and_panel_of_home_count_the_same_rows(olu_web: Client) -> None:
    undecided_everywhere(olu_web)
    for number, title in enumerate(("curl piped to shell", "sudo")):
        found("claude:PreToolUse", title, kind="call", at=f"edge-{number + 1}")
    for client in (olu_web, browser("auditor", "auditor")):
        cache.clear()
        assert badge(client) == tab(client, "/enforcement/", "Need a decision") == "4"
    said = "2 components and 2 other findings need a decision"
    assert head(olu_web, "/") == head(olu_web, "/enforcement/?list=undecided") == said
    assert said in text(browser("admin", "admin").get("/").content.decode())
    listed = olu_web.get("/enforcement/?list=undecided").context["components"]
    [panel] = [p for p in olu_web.get("/").context["home"].panels if p.title == "Needs a decision"]
    names = [one.gravest.name if one.decidable else one.gravest.title for one, _ in listed]
    assert [line.text for line in panel.lines] == names and len(names) == 4


@pytest.mark.parametrize(
    ("components", "others", "subject"),
    [
        (1, 0, "1 component"),
        (3, 1, "3 components and 1 other finding"),
        (1234, 2, "1,234 components and 2 other findings"),
        (0, 1, "1 finding"),
    ],
)
def test_what_is_no_component_is_counted_as_findings(
    components: int, others: int, subject: str
) -> None:
    assert decision_queue.Undecided(components, others).subject == subject


def test_home_says_how_many_components_its_panel_leaves_out(olu_web: Client) -> None:
    for number in range(8):
        found(f"skill-{number}", "reads keys")
    assert "2 more." in text(olu_web.get("/").content.decode())


def test_open_findings_are_below_their_component_with_its_decision_said_once(
    olu_web: Client,
) -> None:
    undecided_everywhere(olu_web)
    now = clock.now()
    Asset.objects.create(kind="skill", name="pdf", instance="edge-1", holder="x", held_at=now)
    shown = text(olu_web.get("/enforcement/").content.decode())
    assert shown.count("skill pdf") == 1
    assert "skill pdf On hold at edge-1, but" in shown and "No decision for edge-2" in shown
    order = ["skill pdf", "reads keys", "sends data", "skill deploy", "skill quiet"]
    assert sorted(order, key=shown.index) == order
    assert "edge-2 · " not in shown, "without a location only the gateway is named"


def test_the_title_counts_findings_and_the_components_that_they_are_in(olu_web: Client) -> None:
    assert head(olu_web, "/enforcement/") == "No open finding"
    assert head(olu_web, "/enforcement/?list=undecided") == "No finding needs a decision"
    undecided_everywhere(olu_web)
    assert head(olu_web, "/enforcement/") == "6 open findings in 3 components"
    assert head(olu_web, "/enforcement/?severity=LOW") == "2 findings match in 2 components"
    assert head(olu_web, "/enforcement/?q=detail") == "1 finding matches in 1 component"
    assert head(olu_web, "/enforcement/?q=nothing") == "No finding matches"
    unread = "No finding is shown until the filter can be read"
    assert head(olu_web, "/enforcement/?severity=hihg") == unread
    found("claude:PreToolUse", "sudo", "LOW", kind="call")
    assert head(olu_web, "/enforcement/") == "7 open findings, 6 of them in 3 components"
    assert head(olu_web, "/enforcement/?kind=call") == "1 finding matches"


def test_the_title_of_each_other_list_says_how_many_it_has(
    olu_web: Client, look: Look, do_due: Do
) -> None:
    empty = {
        "held": "Nothing is on hold",
        "blocked": "No block is listed",
        "allowed": "Nothing has been allowed manually",
        "not_stopped": "No agent is known to get past a hold or block",
    }
    for name, title in empty.items():
        assert head(olu_web, f"/enforcement/?list={name}") == title
    said = {"reason": "odd", "new": "on"}
    olu_web.post("/enforcement/skill/a/", said | {"act": "block"})
    olu_web.post("/enforcement/skill/b/", said | {"act": "hold"})
    Asset.objects.create(kind="tool", name="Bash", decision="allow", decided_at=clock.now())
    do_due()
    look()
    titles = {
        "held": "1 on hold",
        "blocked": "1 blocked",
        "allowed": "1 allowed",
        "not_stopped": "Agents may get past 2 holds and blocks",
    }
    for name, title in titles.items():
        assert head(olu_web, f"/enforcement/?list={name}") == title
    found_here = "1 row of this list matches"
    assert head(olu_web, "/enforcement/?list=not_stopped&q=a") == found_here
    assert head(olu_web, "/enforcement/?list=held&q=none") == "Nothing in this list matches"
    assert tab(olu_web, "/enforcement/", "Not fully stopped") == "2", "as Home counts them"
    assert titles["not_stopped"] in text(olu_web.get("/").content.decode())


def test_the_title_moves_with_the_list_of_holds(olu_web: Client) -> None:
    Asset.objects.create(kind="skill", name="a", holder="x", held_at=clock.now())
    asks = {"HX-Request": "true"}
    part = olu_web.get("/enforcement/?list=held", headers=asks).content.decode()
    assert '<h1 id="said" hx-swap-oob="true">1 on hold</h1>' in part


def test_who_may_decide_is_led_from_all_findings_to_what_needs_a_decision(olu_web: Client) -> None:
    assert "btn-primary" not in olu_web.get("/enforcement/").content.decode()
    undecided_everywhere(olu_web)
    led = 'btn-primary" href="/enforcement/?list=undecided">Decide about 2 components…</a>'
    assert led in olu_web.get("/enforcement/").content.decode()
    reader = browser("auditor", "auditor").get("/enforcement/").content.decode()
    assert "Decide about" not in reader and "2 components need a decision" in text(reader)


@pytest.mark.parametrize("which", ["findings", "undecided"])
def test_pages_have_each_row_once_and_cost_no_query_for_each(
    which: str, olu_web: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_the_shell(monkeypatch)
    monkeypatch.setattr(finding_hold_and_decision_lists, "PAGE", 5)
    path = f"/enforcement/?list={which}"

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            olu_web.get(path)
        return len(queries)

    def add(number: int) -> None:
        for title in ("reads keys", "sends data"):
            found(f"skill-{number}", title)
        now, elsewhere = clock.now(), {"kind": "skill", "instance": "edge-2"}
        Asset.objects.create(**elsewhere, name=f"skill-{number}", decision="block", decided_at=now)

    add(0)
    cost()
    few = cost()
    for number in range(1, 4):
        add(number)
    assert cost() <= few
    pages = [olu_web.get(f"{path}&page={number}").context for number in (1, 2)]
    if which == "undecided":
        assert len(pages[0]["components"]) == 4
        return
    keys = [f.pk for page in pages for group in page["groups"] for f in group.findings]
    assert len(keys) == len(set(keys)) == 8 and len(pages[0]["groups"]) == 3
    assert pages[0]["older_url"] == "?page=2" and pages[1]["newer_url"] == "?page=1"


def test_the_page_of_a_finding_says_first_what_is_decided_about_its_component(
    olu_web: Client,
) -> None:
    page = f"/enforcement/findings/{found('pdf', 'reads keys').pk}/"
    accent = 'class="btn btn-primary" href="/enforcement/skill/pdf/#decide"'
    before = olu_web.get(page).content.decode()
    assert accent in before
    assert "No decision about pdf is in force." in text(before)
    assert text(before).index("No decision about") < text(before).index("Found by")
    olu_web.post("/enforcement/skill/pdf/", {"act": "hold", "reason": "odd"})
    after = olu_web.get(page).content.decode()
    assert accent in after, "a hold is no answer to it"
    assert '<a href="/enforcement/skill/pdf/">pdf</a> is decided, ' in after
    own = head(olu_web, "/enforcement/skill/pdf/")
    assert f"{own}." in text(after).replace(" ,", ","), "the sentence of the component's page"


def test_the_title_of_a_finding_says_whether_it_needs_a_decision(olu_web: Client) -> None:
    finding = found("pdf", "reads keys")
    page = f"/enforcement/findings/{finding.pk}/"
    assert head(olu_web, page) == "pdf needs a decision: reads keys"
    for changes, title in (
        ({"status": "acknowledged"}, "Acknowledged in pdf: reads keys"),
        ({"status": "dismissed"}, "Dismissed in pdf: reads keys"),
        ({"status": "replaced"}, "An earlier scan of pdf found: reads keys"),
        ({"status": "open", "rank": 1}, "Open finding in pdf: reads keys"),
    ):
        Finding.objects.filter(pk=finding.pk).update(**changes)
        assert head(olu_web, page) == title


def test_a_request_that_waits_takes_the_place_of_the_main_action(
    olu_web: Client, look: Look
) -> None:
    page = f"/enforcement/findings/{found('pdf', 'reads keys').pk}/"
    browser("operator2", "operator")
    olu_web.post("/enforcement/skill/pdf/", {"act": "allow", "reason": "reviewed"})
    approval = Approval.objects.get()
    shown = olu_web.get(page).content.decode()
    waits = "A request about it waits for an answer.</a>"
    assert f'<a href="/approvals/{approval.pk}/">{waits}' in shown
    assert f'class="btn btn-primary" href="/approvals/{approval.pk}/">See the request</a>' in shown
    assert shown.count("btn-primary") == 1


def test_a_finding_that_a_block_answers_leads_with_what_is_left_to_do(
    olu_web: Client, look: Look, do_due: Do
) -> None:
    page = f"/enforcement/findings/{found('pdf', 'reads keys', 'LOW').pk}/"
    olu_web.post("/enforcement/skill/pdf/", {"act": "block", "reason": "odd"})
    do_due()
    look()
    said = "pdf is blocked, but agents can still use it where a copy is installed"
    assert head(olu_web, page) == said == head(olu_web, "/enforcement/skill/pdf/")
    shown = olu_web.get(page).content.decode()
    assert 'class="btn btn-primary" href="/enforcement/skill/pdf/">See what helps</a>' in shown
    assert shown.count("btn-primary") == 1 and text(shown).count(said) == 1
    assert "reads keys" in text(shown) and "Nothing is left to decide" not in shown


def test_a_finding_of_what_is_stopped_says_that_nothing_is_left_to_decide(
    olu_web: Client, look: Look, do_due: Do
) -> None:
    page = f"/enforcement/findings/{found('Bash', 'deletes', 'LOW', kind='tool').pk}/"
    olu_web.post("/enforcement/tool/Bash/", {"act": "block", "reason": "odd"})
    do_due()
    look()
    assert head(olu_web, page) == "Bash is blocked, and every known use is stopped"
    shown = olu_web.get(page).content.decode()
    assert "Nothing is left to decide about this finding." in shown and "btn-primary" not in shown


def test_nothing_is_said_to_be_decided_about_an_agent_call(olu_web: Client) -> None:
    call = found("claude:PreToolUse", "sudo", kind="call")
    shown = text(olu_web.get(f"/enforcement/findings/{call.pk}/").content.decode())
    assert "No decision about" not in shown and "Acknowledge or dismiss" in shown


def test_a_gateway_that_is_excepted_from_a_block_of_all_needs_a_decision_and_says_so(
    olu_web: Client,
) -> None:
    found("pdf", "sends data")
    now = clock.now()
    Asset.objects.create(kind="skill", name="pdf", instance="", decision="block", decided_at=now)
    assert head(olu_web, "/enforcement/?list=undecided") == "No finding needs a decision"
    Asset.objects.create(kind="skill", name="pdf", instance="edge-1", decided_at=now)
    assert head(olu_web, "/enforcement/?list=undecided") == "1 component needs a decision"
    shown = text(olu_web.get("/enforcement/").content.decode())
    assert "skill pdf No decision for edge-1" in shown
    Asset.objects.filter(instance="edge-1").update(decision="block", decided_at=None)
    assert head(olu_web, "/enforcement/?list=undecided") == "No finding needs a decision"


def test_what_may_agents_use_lists_the_gravest_of_all_components_first(olu_web: Client) -> None:
    for number in range(6):
        found(f"mid{number}", "opens files")
    found("worst", "an old detail")
    found("worst", "sends keys", "CRITICAL")
    shown = text(olu_web.get("/enforcement/effects/").content.decode())
    assert 0 < shown.index("worst") < shown.index("mid5")
