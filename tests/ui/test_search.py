"""Search finds by name what the pages would show to the same person, and nothing else."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from approvals.models import Approval
from connections.models import ConnectedAccount, State
from enforcement.models import Asset
from tests.support.pages import signed_in
from tests.support.sign_in import SUBS
from tests.ui.test_shell import found as finding

pytestmark = pytest.mark.usefixtures("house")
NOON = datetime(2026, 11, 3, 12, 30, tzinfo=UTC)


def results(client: Client, text: str) -> str:
    """What the list below the field says, in one line."""
    answer = client.get("/search/", {"q": text}, HTTP_HX_REQUEST="true")
    assert answer.status_code == 200 and b"<html" not in answer.content
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def account(who: str, label: str) -> ConnectedAccount:
    return ConnectedAccount.objects.create(
        iss=settings.ENV.issuer, sub=SUBS[who], connection="github", auth0_id=f"cac_{who}",
        label=label, state=State.CONNECTED, state_since=NOON, source="management", seen_at=NOON,
        watched_since=NOON,
    )  # fmt: skip


def request_of(who: str, name: str) -> Approval:
    number = Approval.objects.count()
    return Approval.objects.create(
        id=f"00000000-0000-7000-8000-{number:012}", verb="skill.block", target_kind="skill",
        target_name=name, severity="CRITICAL", sentence=f"Block skill {name} everywhere",
        status="closed", outcome="expired", requester_iss=settings.ENV.issuer,
        requester_sub=SUBS[who], created=NOON, expires_at=NOON, intent_hash=f"{number:064}",
    )  # fmt: skip


def test_staff_find_an_item_with_its_state() -> None:
    finding("pdf-exfil", "CRITICAL")
    Asset.objects.create(kind="skill", name="pdf-exfil", decision="block")
    Asset.objects.create(kind="mcp", name="pdf-server", holder="op")
    found = results(signed_in("auditor", "auditor"), "PDF")
    assert "pdf-exfil skill decision: block" in found
    assert "pdf-server MCP server on hold" in found


def test_a_filter_of_the_trail_is_offered_as_one_to_who_may_read_it() -> None:
    client = signed_in("auditor", "auditor")
    answer = client.get("/search/", {"q": "after:30d outcome:denied"}).content.decode()
    assert 'href="/audit/?bar=after%3A30d+outcome%3Adenied"' in answer
    for words in ("pdf-exfil", "mcp:github-mcp", "since:30d", "10:30", '"after:30d"'):
        assert "Filter the audit trail" not in results(client, words)
    assert "Filter the audit trail" not in results(signed_in("member1"), "after:30d")


def test_staff_find_requests_accounts_and_people_with_their_state() -> None:
    signed_in("member1")
    account("member1", "octo-mia")
    request_of("operator", "mia-helper")
    found = results(signed_in("admin", "admin"), "mia")
    assert "Block skill mia-helper everywhere nobody answered" in found
    assert "GitHub account octo-mia Mia Member connected" in found
    assert "Mia Member member1@acme.example member" in found


def test_a_member_finds_only_what_is_theirs() -> None:
    finding("octo-skill", "CRITICAL")
    account("member1", "octo-mia")
    account("member2", "octo-milo")
    request_of("member1", "octo-mine")
    request_of("operator", "octo-others")
    signed_in("member2")
    mia = signed_in("member1")
    found = results(mia, "octo")
    assert "octo-mia yours" in found and "octo-mine" in found
    for hidden in ("octo-milo", "octo-others", "octo-skill", "Block or allow"):
        assert hidden not in found
    assert "Milo" not in results(mia, "milo").replace("“milo”", "")


def test_an_operator_finds_no_accounts_of_others() -> None:
    account("member1", "octo-mia")
    assert "GitHub" not in results(signed_in("operator", "operator"), "octo-mia")
    assert "GitHub account octo-mia" in results(signed_in("auditor", "auditor"), "octo-mia")


def test_an_operator_blocks_or_allows_any_name_and_nobody_else_is_offered_to() -> None:
    answer = signed_in("operator", "operator").get("/search/", {"q": "new-thing"})
    assert b'href="/enforcement/mcp/new-thing/#decide"' in answer.content
    assert "Block or allow" not in results(signed_in("auditor", "auditor"), "new-thing")


def test_search_is_a_page_without_scripts() -> None:
    page = signed_in("admin", "admin").get("/search/", {"q": "policy"}).content.decode()
    assert '<form class="find-field" role="search" action="/search/"' in page
    assert 'name="q" value="policy"' in page and 'href="/approvals/policy/"' in page
    assert page.count("data-find ") == 1, "no second field in the strip"


def test_every_page_has_the_field_and_strangers_have_none() -> None:
    assert b"data-find " in signed_in("member1").get("/account/").content
    assert b"data-find " not in Client().get("/").content
    assert Client().get("/search/", {"q": "octo"}).status_code == 302


def test_what_is_typed_stays_text() -> None:
    part = signed_in("member1").get("/search/", {"q": "<b>x</b>"}, HTTP_HX_REQUEST="true")
    assert b"<b>x" not in part.content
    assert "Type at least two characters." in results(signed_in("member1"), "x")


def test_searching_costs_the_same_however_much_is_stored() -> None:
    ada = signed_in("admin", "admin", "operator")

    def cost() -> int:
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            results(ada, "octo")
        return len(queries)

    for number in range(2):
        finding(f"octo-{number}", "HIGH")
    account("member1", "octo-mia")
    request_of("operator", "octo-0")
    few = cost()
    for number in range(2, 12):
        finding(f"octo-{number}", "HIGH")
        request_of("operator", f"octo-{number}")
    account("member2", "octo-milo")
    assert cost() <= few


def _accounts_of_each_state(number: int) -> None:
    """So many accounts, of which each third is suspended, of two services."""
    for at in range(number):
        one = account("member1", f"octo-{at:02}")
        state = State.SUSPENDED if at % 3 == 2 else State.CONNECTED
        service = "github" if at % 2 else "slack"
        ConnectedAccount.objects.filter(pk=one.pk).update(
            state=state, connection=service, auth0_id=f"cac_{at}"
        )


@pytest.mark.parametrize("number", [0, 1, 3, 5, 6, 7, 8, 11, 17, 18, 25])
def test_suspended_accounts_come_first_then_others_in_order(number: int) -> None:
    _accounts_of_each_state(number)
    rows = sorted(
        ConnectedAccount.objects.all(),
        key=lambda row: (row.state != State.SUSPENDED, row.connection, row.pk),
    )
    shown = re.findall(r"octo-\d\d", results(signed_in("admin", "admin"), "octo-"))
    assert shown == [row.label for row in rows[:6]]


def test_no_search_sorts_all_accounts_that_match() -> None:
    _accounts_of_each_state(25)
    ada = signed_in("admin", "admin")
    with CaptureQueriesContext(connection) as queries:
        results(ada, "octo-")
    said = [one["sql"] for one in queries if 'FROM "connections_connectedaccount"' in one["sql"]]
    lists = [sql for sql in said if "octo-" in sql and 'ORDER BY "connections_' in sql]
    assert 1 <= len(lists) <= 2 and all("LIMIT 6" in sql for sql in lists)
    assert not any("ORDER BY CASE" in sql for sql in said)


def test_a_name_that_is_too_long_is_refused_and_stays() -> None:
    client = signed_in("operator", "operator")
    name = "x" * 400
    answer = client.get("/search/", {"q": name})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "A name has at most 300 characters. What you typed has 400." in page
    assert f'value="{name}"' in page and "Block or allow skill" not in page
    assert "What you typed has 400" in results(client, name)


def test_block_or_allow_on_home_leads_to_the_search() -> None:
    page = signed_in("operator", "operator").get("/").content.decode()
    assert re.search(
        r'<a class="btn" href="/search/">(?:(?!</a>).)*Block or allow something else…', page, re.S
    )
