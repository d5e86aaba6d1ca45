"""The trust strip and the navigation around every page."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client, RequestFactory
from pytest_django import DjangoAssertNumQueries

from accounts.models import SignedInSession, User
from accounts.sessions.hashed_key_store import stored_key
from approvals import clock, people_and_roles
from approvals.models import Approval, Person
from audit.ledger.format.allowed_field_values import severity_rank
from audit.models import VerificationRun
from audit.recording.actors import SYSTEM
from audit.recording.record import record
from audit.sequencing import sequencer
from enforcement.models import Asset, Finding, Scan
from portal.pages import context, navigation
from tests.support.pages import keep_the_shell, signed_in
from tests.support.sign_in import SUBS

pytestmark = pytest.mark.usefixtures("house")

_ENDED = "00000000-0000-7000-8000-000000000001"


def shell(client: Client, path: str = "/") -> dict[str, Any]:
    """What the shell tells a page of this browser, nothing remembered."""
    cache.clear()
    request = RequestFactory().get(path)
    session = SignedInSession.objects.filter(
        session_key=stored_key(client.session.session_key) if client.cookies else ""
    ).first()
    if session:
        request.user = session.user
        request.META["ATA_SESSION"] = session
    return context.shell(request)


def found(name: str, severity: str) -> None:
    """An open finding about a skill."""
    at = clock.now()
    scan = Scan.objects.create(
        instance="edge-1", scan_id=f"{name} {severity}", scanner="x", kind="skill", name=name,
        severity=severity, at=at, seen=at,
    )  # fmt: skip
    Finding.objects.create(
        instance="edge-1", finding_id=f"{name} {severity}", scan=scan, kind="skill", name=name,
        title="t", severity=severity, rank=severity_rank(severity), at=at,
    )  # fmt: skip


def urls(found: dict[str, Any]) -> set[str]:
    return {tab["url"] for entry in found["nav"] for tab in entry["tabs"]}


@pytest.mark.parametrize(
    ("who", "roles", "offered", "hidden"),
    [
        (
            "member1",
            (),
            {"/", "/approvals/", "/connections/", "/account/"},
            {"/audit/", "/enforcement/"},
        ),
        (
            "operator",
            ("operator",),
            {"/enforcement/", "/enforcement/fleet/"},
            {"/connections/inventory/", "/connections/freeze/"},
        ),
        (
            "auditor",
            ("auditor",),
            {"/enforcement/", "/connections/inventory/"},
            {"/connections/freeze/"},
        ),
        ("admin", ("admin",), {"/enforcement/", "/connections/inventory/"}, set()),
    ],
)
def test_the_navigation_offers_what_the_role_may_open(
    who: str, roles: tuple[str, ...], offered: set[str], hidden: set[str]
) -> None:
    client = signed_in(who, *roles)
    found = urls(shell(client))
    assert offered <= found
    assert not hidden & found
    for url in found:
        assert client.get(url).status_code == 200, url


def test_a_role_that_the_directory_lists_no_longer_is_none_in_the_frame_either() -> None:
    client = signed_in("operator", "operator")
    user = User.objects.get(pk=client.session["_auth_user_id"])
    assert "/enforcement/" in urls(shell(client))
    people_and_roles.note_person(iss=user.iss, sub=user.sub, name=user.name, roles=[])
    found = shell(client)
    assert "/enforcement/" not in urls(found)
    assert found["trust"]["person"]["roles"] == []


def test_a_page_that_does_not_exist_is_not_offered() -> None:
    assert navigation.exists("/approvals/")
    assert not navigation.exists("/no-such-page/")


def test_the_entry_of_the_page_is_marked() -> None:
    client = signed_in("operator", "operator")
    found = shell(client, "/approvals/policy/")
    assert [entry["label"] for entry in found["nav"] if entry["current"]] == ["Settings"]
    assert [tab["label"] for tab in found["nav_tabs"] if tab["current"]] == ["Policy"]


@pytest.mark.parametrize(
    ("who", "roles", "section", "before"),
    [
        ("member1", (), "Connected accounts", "Applications"),
        ("auditor", ("auditor",), "Access", "My connected accounts"),
        ("operator", ("operator",), "Access", "My connected accounts"),
        ("admin", ("admin",), "Access", "My connected accounts"),
    ],
)
def test_connecting_an_agent_is_a_tab_next_to_the_accounts(
    who: str, roles: tuple[str, ...], section: str, before: str
) -> None:
    client = signed_in(who, *roles)
    found = shell(client, "/connections/agents/")
    assert [entry["label"] for entry in found["nav"] if entry["current"]] == [section]
    labels = [tab["label"] for tab in found["nav_tabs"]]
    assert labels[-2:] == [before, "Connect an agent"]
    assert [tab["label"] for tab in found["nav_tabs"] if tab["current"]] == labels[-1:]
    page = client.get("/connections/agents/").content.decode()
    assert '<a href="/connections/agents/" aria-current="page">Connect an agent</a>' in page


def test_the_bar_of_a_phone_has_at_most_four_entries() -> None:
    for who, roles in (("member1", ()), ("operator", ("operator",)), ("auditor", ("auditor",))):
        found = shell(signed_in(who, *roles))
        bar = [entry for entry in found["nav"] if entry["bar"]]
        assert 3 <= len(bar) <= 4 and bar[0]["url"] == "/"


def test_a_stranger_gets_no_navigation_and_no_counts() -> None:
    found = shell(Client())
    assert found["nav"] == [] and found["trust"]["person"] is None
    assert found["trust"]["banners"] == []


@pytest.mark.parametrize(("amr", "words"), [(("mfa",), "MFA "), ((), "one factor ")])
def test_the_strip_says_who_and_how_surely(amr: tuple[str, ...], words: str) -> None:
    person = shell(signed_in("operator", "operator", amr=amr))["trust"]["person"]
    assert (person["email"], person["roles"]) == ("operator@acme.example", ["operator"])
    assert person["assurance_words"].startswith(words)


# How far it is proven.


def test_an_unsigned_ledger_says_so() -> None:
    ledger = shell(Client())["trust"]["ledger"]
    assert (ledger["size"], ledger["state"], ledger["words"]) == (0, "warn", "nothing signed yet")


def test_a_signed_ledger_says_how_far_and_that_nobody_else_saw_it() -> None:
    record(SYSTEM, "audit.verified")
    sequencer.run_once()
    ledger = shell(Client())["trust"]["ledger"]
    assert (ledger["size"], ledger["state"]) == (1, "ok")
    assert ledger["words"] == "no outside witness"
    assert ledger["verified_at"] is None
    assert ledger["summary"] == "Log signed, not verified yet · no outside witness"


def test_the_last_verification_is_named(settings: Any) -> None:
    record(SYSTEM, "audit.verified")
    sequencer.run_once()
    then = clock.now() - timedelta(hours=1)
    VerificationRun.objects.create(state="passed", result={"size": 1}, finished=then)
    ledger = shell(Client())["trust"]["ledger"]
    assert (ledger["verified_to"], ledger["verified_at"], ledger["state"]) == (1, then, "ok")
    assert ledger["summary"] == "Log verified · no outside witness"
    assert ledger["title"].startswith("1 entries signed. 1 of them verified, last at ")


def test_a_failed_verification_turns_the_strip_red_and_names_the_entry() -> None:
    record(SYSTEM, "audit.verified")
    sequencer.run_once()
    result = {"size": 9, "first_bad_index": 1017, "problems": [{"index": 1017}]}
    VerificationRun.objects.create(state="failed", result=result, finished=clock.now())
    ledger = shell(Client())["trust"]["ledger"]
    assert (ledger["state"], ledger["words"]) == ("bad", "check failed at #1,017")


def test_a_sequencer_that_stopped_is_an_alarm_on_every_page(tmp_path: Path) -> None:
    record(SYSTEM, "audit.verified")
    sequencer.run_once()
    sequencer._raise_alarm(sequencer.SequencerStopped("behind", "an older backup was restored"))
    client = signed_in("auditor", "auditor")
    found = shell(client)["trust"]
    assert found["ledger"]["state"] == "bad"
    assert found["banners"][0]["level"] == "bad"
    assert "an older backup was restored" in found["banners"][0]["text"]
    cache.clear()
    assert b"an older backup was restored" in client.get("/account/").content


def test_a_hold_that_nobody_decided_about_is_named_where_operators_look() -> None:
    Asset.objects.create(kind="skill", name="x", holder="h", hold_approval=_ENDED)
    Approval.objects.create(
        id=_ENDED,
        verb="skill.block",
        target_kind="skill",
        target_name="x",
        severity="CRITICAL",
        status="closed",
        outcome="expired",
        held=True,
        created=clock.now(),
        expires_at=clock.now(),
        intent_hash="0" * 64,
    )
    operator = signed_in("operator", "operator")
    said = b"1 on hold although its request has ended"
    for path in ("/", "/approvals/", "/enforcement/", "/enforcement/?list=held"):
        assert operator.get(path).content.count(said) == 1
    assert shell(operator, "/enforcement/")["trust"]["banners"] == []
    assert said not in operator.get("/account/").content


def test_findings_that_need_a_decision_are_counted_in_the_navigation() -> None:
    found("pdf-exfil", "CRITICAL")
    found("pdf-exfil", "LOW")
    found("mail-reader", "HIGH")
    Asset.objects.create(kind="skill", name="mail-reader", decision="block")
    (entry,) = [
        e for e in shell(signed_in("operator", "operator"))["nav"] if e["counts"] == "undecided"
    ]
    assert (entry["label"], entry["count"], entry["calm"]) == ("Findings", 1, False)
    (entry,) = [
        e for e in shell(signed_in("auditor", "auditor"))["nav"] if e["counts"] == "undecided"
    ]
    assert entry["calm"], "an auditor does not decide"


def test_no_page_of_the_former_menu_is_lost() -> None:
    former = {
        "/", "/approvals/", "/enforcement/", "/enforcement/fleet/", "/connections/",
        "/connections/access/", "/connections/inventory/", "/connections/reviews/",
        "/connections/remediations/", "/connections/settings/", "/connections/scopes/",
        "/connections/freeze/", "/audit/", "/audit/views/", "/audit/exports/", "/audit/coverage/",
        "/audit/ledger/", "/audit/erasures/", "/account/",
    }  # fmt: skip
    found = shell(signed_in("admin", "admin"))
    assert former <= urls(found)
    assert [entry["label"] for entry in found["nav"]] == [
        "Home", "Approvals", "Findings", "Gateways", "Access", "Activity", "Evidence", "Settings",
    ]  # fmt: skip


def test_a_member_sees_accounts_requests_and_their_history_only() -> None:
    found = shell(signed_in("member1"))
    labels = [entry["label"] for entry in found["nav"]]
    assert labels == ["Home", "Connected accounts", "Requests", "Profile"]


def test_every_page_shows_the_pages_of_its_section() -> None:
    page = signed_in("admin", "admin").get("/connections/reviews/").content.decode()
    tabs = page.partition('aria-label="Pages of this section"')[2].partition("</nav>")[0]
    assert '<a href="/connections/reviews/" aria-current="page">Reviews</a>' in tabs
    assert 'href="/connections/inventory/"' in tabs


@pytest.mark.parametrize("path", ["/", "/audit/", "/account/"])
def test_admins_reach_freezing_access_from_every_page(path: str) -> None:
    offered = b'href="/connections/freeze/"'
    assert offered in signed_in("admin", "admin").get(path).content
    assert offered not in signed_in("operator", "operator").get(path).content


def test_a_member_reads_how_the_log_is_without_a_link_that_refuses_them() -> None:
    record(SYSTEM, "audit.verified")
    sequencer.run_once()
    page = signed_in("member1").get("/account/").content.decode()
    strip = page.partition('<header class="strip"')[2].partition("</header>")[0]
    assert "no outside witness" in strip and "/audit/ledger/" not in page
    read = signed_in("auditor", "auditor").get("/account/").content.decode()
    foot = read.partition('<footer class="foot"')[2]
    assert '<a href="/audit/ledger/">Signed log</a>' in foot


# The local tenant.


def test_the_local_tenant_is_named_where_no_issuer_was_configured(settings: Any) -> None:
    trust = shell(signed_in("operator", "operator"))["trust"]
    issuer = settings.ENV.issuer
    assert trust["tenant_local"] is True
    assert trust["tenant_url"] == issuer
    assert trust["phone_url"] == f"{issuer}phone/{SUBS['operator'].replace('|', '%7C')}/"
    assert trust["switch_url"].startswith(f"{issuer}switch?return_to=")


@pytest.mark.parametrize("named", ["https://acme.eu.auth0.com/", "http://localhost:8100/"])
def test_a_named_issuer_is_never_called_local_whatever_it_looks_like(
    settings: Any, named: str
) -> None:
    client = signed_in("operator", "operator")
    settings.ENV = settings.ENV.model_copy(update={"AUTH0_ISSUER": named})
    trust = shell(client)["trust"]
    assert trust["tenant_local"] is False
    assert (trust["tenant_url"], trust["phone_url"], trust["switch_url"]) == ("", "", "")


def test_the_shell_is_cheap(
    django_assert_max_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_the_shell(monkeypatch)
    user = User.objects.get(pk=signed_in("operator", "operator").session["_auth_user_id"])
    request = RequestFactory().get("/")
    request.user = user
    context.shell(request)
    with django_assert_max_num_queries(1):
        context.shell(request)


def test_every_answer_carries_its_request_id_and_no_page_prints_it() -> None:
    answer = signed_in("member1").get("/account/", HTTP_X_REQUEST_ID="a-request-of-mine")
    assert answer["X-Request-Id"] == "a-request-of-mine"
    assert "a-request-of-mine" not in answer.content.decode()


def test_a_request_without_a_user_still_gets_a_shell() -> None:
    assert context.shell(RequestFactory().get("/"))["trust"]["person"] is None


def test_every_page_leads_to_what_acts_for_the_person() -> None:
    page = signed_in("member1").get("/approvals/").content.decode()
    person = Person.objects.get(sub=SUBS["member1"])
    assert f'<a href="/people/{person.pk}/">' in page and "What acts for you" in page
    home = signed_in("member1").get("/").content.decode()
    assert f'href="/people/{person.pk}/">View all that acts for you' in home


def test_the_menu_of_a_phone_names_nothing_twice_and_no_keyboard() -> None:
    page = signed_in("member1").get("/").content.decode()
    menu = page[page.index('<nav id="nav"') :]
    menu = menu[: menu.index("</nav>")]
    assert menu.count('href="/connections/"') == 1 and menu.count('href="/account/"') == 1
    assert "Keyboard shortcuts" not in menu and "What acts for you" in menu
    assert "Keyboard shortcuts" in page
