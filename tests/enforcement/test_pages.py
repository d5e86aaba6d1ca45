"""The pages: what they say, who may decide on them, and what they refuse."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import SignedInSession
from approvals import clock
from approvals.models import Approval, Effect
from audit.models import Event
from enforcement.audit_database import periodic_scan_import
from enforcement.gateways import health_checks, instances
from enforcement.models import Asset, Finding, FindingStatus
from tests.accounts.trail import events
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Edge, Town

pytestmark = pytest.mark.django_db
PAGE = "/enforcement/skill/pdf-exfil/"
NEW = {"new": "on"}  # nothing knows the name
Look = Callable[[], int]
Do = Callable[[], None]


@pytest.fixture
def olu_web(town: Town) -> Client:
    """Olu in a browser; Oona could approve."""
    browser("operator2", "operator", name="Oona Operator")
    return browser("operator", "operator", name="Olu Operator")


def text(client: Client, path: str, **query: str) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200, answer.content[:500]
    return answer.content.decode()


def test_the_queue_shows_findings_gravest_first_and_filters_them(
    edge: Edge, look: Look, olu_web: Client
) -> None:
    edge.scan("notes", severity="LOW")
    edge.scan("pdf-exfil", severity="HIGH")
    look()
    shown = text(olu_web, "/enforcement/")
    assert shown.index("skill pdf-exfil") < shown.index("skill notes")
    only = text(olu_web, "/enforcement/", severity="HIGH")
    assert "skill pdf-exfil" in only and "skill notes" not in only
    assert "skill notes" in text(olu_web, "/enforcement/", q="NOTES")
    assert "No finding matches" in text(olu_web, "/enforcement/", q="nothing-like-it")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"severity": "hihg"}, "there is no “hihg”"),
        ({"status": "opne"}, "Did you mean"),
        ({"list": "hold"}, "there is no “hold”"),
    ],
)
def test_a_filter_that_cannot_be_read_is_an_error_and_lists_nothing(
    query: dict[str, str], says: str, edge: Edge, look: Look, olu_web: Client
) -> None:
    edge.scan("pdf-exfil", severity="HIGH")
    look()
    answer = olu_web.get("/enforcement/", query)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert says in page and "skill pdf-exfil" not in page


def test_the_tabs_move_with_the_list_of_holds(olu_web: Client) -> None:
    olu_web.post(PAGE, NEW | {"act": "hold", "reason": "x"})
    part = olu_web.get("/enforcement/", {"list": "held"}, HTTP_HX_REQUEST="true").content.decode()
    assert '<div id="lists" hx-swap-oob="true">' in part
    assert re.search(r'On hold<span class="count count-calm">1<', part)


def test_an_empty_portal_says_so(town: Town, olu_web: Client) -> None:
    assert "No open finding" in text(olu_web, "/enforcement/")
    for name, says in (("held", "Nothing is on hold"), ("blocked", "No block is listed")):
        assert says in text(olu_web, "/enforcement/", list=name)
    assert "No scan result was read" in text(olu_web, PAGE)
    (town.folder / "instances.toml").unlink()
    assert "No gateway is registered" in text(olu_web, "/enforcement/fleet/")
    assert "No gateway is registered" in text(olu_web, PAGE)


def test_deciding_on_a_page_tells_the_gateways_and_shows_their_answers(
    town: Town, olu_web: Client, do_due: Do, look: Look
) -> None:
    town.edges["edge-2"].stop()
    answer = olu_web.post(PAGE, NEW | {"act": "block", "reason": "steals PDFs"}, follow=True)
    assert "decided to block skill pdf-exfil at 2 gateways" in answer.content.decode()
    do_due()
    shown = text(olu_web, PAGE)
    assert "The gateway acknowledged the block." in shown
    assert "Not enforced yet: edge-2 does not answer." in shown
    assert "not enforced everywhere" in shown and 'hx-trigger="every 2s"' in shown
    assert "edge-1 acknowledged the block of skill pdf-exfil (by Olu Operator)" in shown
    assert "by Olu Operator" in shown and "steals PDFs" in shown
    look()
    town.edges["edge-2"].start()
    look()  # it answers again, so it is told at once
    do_due()
    assert "Not enforced" not in text(olu_web, PAGE)
    assert "skill pdf-exfil" in text(olu_web, "/enforcement/", list="blocked")


def test_the_history_moves_with_the_acknowledgements(
    town: Town, olu_web: Client, do_due: Do, look: Look
) -> None:
    olu_web.post(PAGE, NEW | {"act": "block", "reason": "steals PDFs"})
    before = text(olu_web, PAGE)
    assert "acknowledged by 0 of 2 gateways" in before and 'id="history"' in before
    assert "acknowledged the block" not in before and "hx-swap-oob" not in before
    do_due()
    part = olu_web.get(PAGE, HTTP_HX_REQUEST="true").content.decode()
    state, _, history = part.partition('id="history" hx-swap-oob="true"')
    assert "acknowledged by 2 of 2 gateways" in state and "hx-trigger" not in state
    for gateway in ("edge-1", "edge-2"):
        assert f"{gateway} acknowledged the block of skill pdf-exfil" in history


def test_a_list_that_lost_our_block_is_shown_as_not_enforced(
    edge: Edge, olu_web: Client, do_due: Do, look: Look
) -> None:
    olu_web.post(PAGE, NEW | {"act": "block", "reason": "x", "instance": "edge-1"})
    do_due()
    edge.forget("pdf-exfil")
    look()
    assert "its own list no longer has it blocked" in text(olu_web, PAGE)


def test_lists_asked_for_before_the_acknowledgement_say_nothing_against_it(
    town: Town, olu_web: Client, do_due: Do
) -> None:
    asked = {i.name: health_checks.probe(i) for i in instances.fleet().instances}
    olu_web.post(PAGE, NEW | {"act": "block", "reason": "x"})
    do_due()
    periodic_scan_import.poll_due()
    for instance in instances.fleet().instances:
        health_checks.note(instance, asked[instance.name], clock.now())
    shown = text(olu_web, PAGE)
    assert "The gateway acknowledged the block." in shown and "Not enforced" not in shown


def test_what_a_gateway_blocks_by_itself_is_listed_as_its_own(
    edge: Edge, olu_web: Client, look: Look
) -> None:
    edge.block("skill", "crypto-miner", "blocked by the watcher")
    look()
    assert "the gateway itself" in text(olu_web, "/enforcement/", list="blocked")
    shown = text(olu_web, "/enforcement/skill/crypto-miner/")
    assert "Blocked at the gateway itself, not by this portal" in shown


def test_an_act_that_needs_step_up_goes_to_its_request(
    edge: Edge, look: Look, olu_web: Client, do_due: Do
) -> None:
    edge.scan("pdf-exfil", severity="HIGH")
    look()
    answer = olu_web.post(PAGE, NEW | {"act": "allow", "reason": "reviewed"})
    approval = Approval.objects.get()
    assert answer.status_code == 302 and answer["Location"] == f"/approvals/{approval.pk}/"
    assert (approval.severity, approval.sentence) == (
        "HIGH",
        "Allow skill pdf-exfil on all gateways",
    )
    assert "Waiting for an answer:" in text(olu_web, PAGE)
    assert not Effect.objects.exists()


def test_a_person_may_raise_the_severity_and_never_lower_it(
    edge: Edge, look: Look, olu_web: Client
) -> None:
    edge.scan("pdf-exfil", severity="HIGH")
    look()
    olu_web.post(PAGE, NEW | {"act": "block", "reason": "x", "severity": "LOW"})
    olu_web.post(PAGE, NEW | {"act": "unblock", "reason": "x", "severity": "CRITICAL"})
    assert list(Approval.objects.order_by("created").values_list("severity", flat=True)) == [
        "HIGH",
        "CRITICAL",
    ]


def test_a_refused_act_says_why_keeps_the_words_and_changes_nothing(
    town: Town, olu_web: Client
) -> None:
    for form, says in (
        ({"act": "hold", "reason": "my words"}, "no gateway, scan, finding or manifest knows"),
        ({"act": "block", "reason": "my words", "instance": "edge-9"}, "No instance is called"),
        ({"act": "explode", "reason": "my words"}, "Choose one of the buttons"),
        ({"act": "block", "reason": " "}, "Say why"),
    ):
        answer = olu_web.post(PAGE, (NEW if form["act"] != "hold" else {}) | form)
        shown = answer.content.decode()
        assert answer.status_code == 422 and says in shown
        assert form["reason"] in shown
    assert not Asset.objects.exists() and not Event.objects.exists()


def test_findings_are_acknowledged_at_once_and_grave_ones_dismissed_after_approval(
    edge: Edge, look: Look, olu_web: Client, do_due: Do
) -> None:
    edge.scan("pdf-exfil", severity="HIGH")
    look()
    finding = Finding.objects.order_by("-rank").first()
    assert finding is not None and finding.alert_id
    path = f"/enforcement/findings/{finding.pk}/"
    assert finding.title in text(olu_web, path)
    olu_web.post(path, {"act": "acknowledge", "back": PAGE})
    do_due()
    finding.refresh_from_db()
    assert (finding.status, finding.status_by) == (FindingStatus.ACKNOWLEDGED, "Olu Operator")
    alerts = edge.rows("SELECT alert_id, disposition FROM alert_acknowledgement_projection")
    assert alerts == [(finding.alert_id, "acknowledged")]
    refused = olu_web.post(path, {"act": "dismiss", "back": path}, follow=True)
    assert "Say why it is dismissed" in refused.content.decode()
    olu_web.post(path, {"act": "dismiss", "reason": "a test file", "back": path})
    assert Approval.objects.get().verb == "alert.dismiss"
    finding.refresh_from_db()
    assert finding.status == FindingStatus.ACKNOWLEDGED


def test_the_fleet_tells_who_answers(town: Town, look: Look, olu_web: Client) -> None:
    town.edges["edge-2"].stop()
    look()
    shown = text(olu_web, "/enforcement/fleet/")
    assert "DEMO" in shown and "answering" in shown and "edge-2 does not answer." in shown
    assert "Claude Code" in shown and ">1 of 2 gateways is offline</h1>" in shown
    tones = dict(re.findall(r'badge t-(\w+)"><svg.*?</svg>(online|offline)<', shown))
    assert tones == {"ok": "online", "bad": "offline"}
    part = olu_web.get("/enforcement/fleet/", HTTP_HX_REQUEST="true").content.decode()
    said = part.partition('id="gateways-said" hx-swap-oob="true">')[2]
    assert "1 of 2 gateways is offline" in said and "1 online · 1 offline" in said
    town.write('\n[[instance]]\nname = "edge-3"\nbase_url = "ftp://x"\ngateway_token_file = "t"\n')
    shown = text(olu_web, "/enforcement/fleet/")
    assert "instance 3 (edge-3): base_url: write http://HOST:PORT" in shown
    assert "edge-1" in shown  # the last good list stays in force


def test_gateways_say_what_their_own_policy_would_do(
    edge: Edge, look: Look, olu_web: Client
) -> None:
    edge.scan("pdf-exfil")
    look()
    shown = text(olu_web, "/enforcement/preview/skill/pdf-exfil/")
    assert "rejected</code>: max severity CRITICAL triggers block per policy" in shown
    assert "scan</code>: awaiting scan" in shown  # edge-2 has no scan of it


def test_names_with_slashes_have_pages_and_unknown_kinds_have_none(
    town: Town, olu_web: Client
) -> None:
    assert "@codex/shell" in text(olu_web, "/enforcement/tool/@codex/shell/")
    assert olu_web.get("/enforcement/robot/x/").status_code == 404
    assert olu_web.get("/enforcement/findings/999/").status_code == 404
    assert olu_web.get(f"/enforcement/skill/{'x' * 301}/").status_code == 404


@pytest.mark.parametrize("path", ["/enforcement/", PAGE, "/enforcement/fleet/"])
def test_auditors_and_admins_read_and_cannot_decide(town: Town, path: str) -> None:
    for role in ("auditor", "admin"):
        shown = text(browser(role, role), path)
        assert 'name="act"' not in shown


@pytest.mark.parametrize(
    ("method", "path", "who", "roles", "status"),
    [
        ("get", "/enforcement/", "", (), 302),
        ("post", PAGE, "", (), 302),
        ("get", "/enforcement/", "member1", (), 403),
        ("get", PAGE, "member1", (), 403),
        ("post", PAGE, "member1", (), 403),
        ("get", "/enforcement/fleet/", "member1", (), 403),
        ("post", PAGE, "auditor", ("auditor",), 403),
        ("post", PAGE, "admin", ("admin",), 403),
        ("put", PAGE, "operator", ("operator",), 405),
        ("post", "/enforcement/", "operator", ("operator",), 405),
        ("post", "/enforcement/fleet/", "operator", ("operator",), 405),
    ],
)
def test_endpoints_refuse_whom_and_what_they_must(
    town: Town, method: str, path: str, who: str, roles: tuple[str, ...], status: int
) -> None:
    client = browser(who, *roles) if who else Client()
    answer = getattr(client, method)(path, {"act": "block", "reason": "x"})
    assert answer.status_code == status
    if method == "post" and not who:
        assert answer["Location"].startswith("/oidc/authenticate/")
    assert not Asset.objects.exists()
    assert [event["action"] for event in events()] == ["access.refused"] * (status == 403)


def test_auditors_cannot_close_findings(edge: Edge, look: Look, town: Town) -> None:
    edge.scan("notes", severity="LOW")
    look()
    finding = Finding.objects.first()
    assert finding is not None
    path = f"/enforcement/findings/{finding.pk}/"
    answer = browser("auditor", "auditor").post(
        path, {"act": "dismiss", "reason": "x", "back": path}
    )
    assert answer.status_code == 403
    finding.refresh_from_db()
    assert finding.status == FindingStatus.OPEN


def test_a_post_without_a_csrf_token_is_refused(town: Town) -> None:
    client = browser("operator", "operator", csrf=True)
    assert client.post(PAGE, {"act": "hold"}).status_code == 403
    assert not Asset.objects.exists()


def test_a_session_ended_elsewhere_decides_nothing(town: Town, olu_web: Client) -> None:
    SignedInSession.objects.filter(public_id="s-operator").delete()
    assert olu_web.post(PAGE, NEW | {"act": "hold"}).status_code == 401
    assert not Asset.objects.exists()


def test_after_closing_a_finding_one_stays_in_this_room(
    edge: Edge, look: Look, olu_web: Client
) -> None:
    edge.scan("notes", severity="LOW")
    look()
    finding = Finding.objects.first()
    assert finding is not None
    path = f"/enforcement/findings/{finding.pk}/"
    for back in ("https://evil.example/", "//evil.example/", "/enforcement//evil.example/x"):
        answer = olu_web.post(path, {"act": "acknowledge", "back": back})
        assert answer["Location"] == "/enforcement/"


def test_the_buttons_follow_the_severity_that_is_chosen(
    edge: Edge, look: Look, olu_web: Client
) -> None:
    edge.scan("notes", severity="LOW")
    look()
    page = text(olu_web, "/enforcement/skill/notes/")
    assert re.search(r'value="block">.*?Block</button>', page)
    part = olu_web.get(
        "/enforcement/skill/notes/",
        {"severity": "HIGH"},
        HTTP_HX_REQUEST="true",
        HTTP_HX_TARGET="acts",
    ).content.decode()
    assert part.startswith('<div id="acts"') and "Block…</button>" in part
    assert "Block commits at once" not in part


def test_every_list_is_searched(edge: Edge, look: Look, olu_web: Client, do_due: Do) -> None:
    for name, act in (("weather", "allow"), ("notes", "block")):
        edge.scan(name, severity="LOW")
        look()
        olu_web.post(f"/enforcement/skill/{name}/", {"act": act, "reason": "reviewed"})
    do_due()
    assert "skill notes" in text(olu_web, "/enforcement/", list="blocked", q="NOTES")
    missed = text(olu_web, "/enforcement/", list="blocked", q="weather")
    assert "Nothing in this list matches" in missed and "skill notes" not in missed


def test_what_was_dismissed_is_not_the_highest_open_finding(
    edge: Edge, look: Look, olu_web: Client
) -> None:
    edge.scan("pdf-exfil", severity="HIGH")
    look()
    Finding.objects.update(status="dismissed")
    page = text(olu_web, PAGE)
    assert "no open finding, counts as high by its latest scan" in page


def test_what_was_decided_about_its_findings_is_in_its_story(
    edge: Edge, look: Look, olu_web: Client
) -> None:
    edge.scan("pdf-exfil", severity="LOW")
    look()
    finding = Finding.objects.order_by("pk")[0]
    olu_web.post(
        f"/enforcement/findings/{finding.pk}/", {"act": "dismiss", "reason": "Known and harmless"}
    )
    story = text(olu_web, PAGE).partition('aria-label="Story"')[2]
    assert f"Olu Operator dismissed “{finding.title}”" in story


def test_the_field_that_is_wrong_has_the_focus(town: Town, olu_web: Client) -> None:
    page = olu_web.post(PAGE, {"act": "block", "reason": " "}).content.decode()
    field = re.search(r'<textarea id="reason"[^>]*>', page)
    assert field and 'aria-invalid="true"' in field[0] and "autofocus" in field[0]
    assert 'action="/enforcement/skill/pdf-exfil/"' in page, "a fragment would take the focus away"


def test_no_decision_has_no_time(town: Town, look: Look, olu_web: Client) -> None:
    look()
    row = text(olu_web, PAGE).partition("no decision")[2].partition("</tr>")[0]
    assert row and "<time" not in row
