"""Pages of access open with what is so, counted, and with one thing to do."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from uuid import uuid4

import pytest
from django.test import Client

from approvals import clock
from approvals.models import Approval, Person
from audit.ledger.format import safe_display
from audit.recording.actors import Target
from audit.sequencing import sequencer
from connections.component_manifests import manifest_store
from connections.consent import prompts_for_missing_connections
from connections.lifecycle import freezes
from connections.models import Escalation, Freeze, Review, State
from connections.scope_escalation import page_rows
from tests.connections.test_freezing_stops_at_once import freeze
from tests.connections.test_the_inventory_shows_everybody import make
from tests.connections.visitor import know, subject
from tests.support.pages import signed_in

pytestmark = pytest.mark.django_db


def page_of(client: Client, path: str) -> str:
    return unescape(client.get(path).content.decode())


def title(client: Client, path: str) -> str:
    found = re.search(r"(?s)<h1[^>]*>(.*?)</h1>", page_of(client, path))
    assert found, path
    return " ".join(re.sub(r"<[^>]+>", "", found[1]).split())


def test_excess_requests_say_how_many_components_asked() -> None:
    know("member1")
    account, admin, path = make("member1"), signed_in("admin", "admin"), "/connections/scopes/"
    assert title(admin, path) == "No component asked for more than it declares in 30 days"
    assert "No exception is in force." in page_of(admin, path)
    for number, name in enumerate(("one", "one", "two")):
        now = clock.now()
        Escalation.objects.create(
            key=str(number), account=account, kind="mcp", name=name, scopes=["repo"],
            attempts=1, first_at=now, last_at=now,
        )  # fmt: skip
    assert title(admin, path) == "2 components asked for more than they declare in 30 days"


def test_a_list_of_excess_requests_that_is_full_claims_no_exact_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    test_excess_requests_say_how_many_components_asked()
    monkeypatch.setattr(page_rows, "MOST", 3)
    found = title(signed_in("admin", "admin"), "/connections/scopes/")
    assert found == "2 or more components asked for more than they declare in 30 days"


def test_excess_requests_that_are_not_listed_are_counted_and_linked() -> None:
    for number in range(60):
        Approval.objects.create(
            id=uuid4(), verb="scope.grant", target_kind="connection", target_name="x", rule={},
            sentence="s", severity="HIGH", intent_hash=f"{number:064x}", created=clock.now(),
            expires_at=clock.now(),
        )  # fmt: skip
    admin, path = signed_in("admin", "admin"), "/connections/scopes/"
    assert title(admin, path) == "60 excess requests wait for an approval"
    page = page_of(admin, path)
    assert 'Waiting for an approval <span class="count">60</span>' in page
    assert '<a href="/approvals/?status=pending">10 more</a>' in page


def test_rules_of_a_service_are_one_row_whose_fields_belong_to_its_form() -> None:
    make("member1")
    page = page_of(signed_in("admin", "admin"), "/connections/scopes/")
    assert '<form class="plain" id="rules-github"' in page
    for name in ("excess", "allow_for_s", "anonymous"):
        assert re.search(rf'name="{name}"[^>]* form="rules-github"', page), name


def test_frozen_access_says_what_is_frozen_without_quotes() -> None:
    know("member1")
    make("member1")
    auditor, path = signed_in("auditor", "auditor"), "/connections/freeze/"
    assert title(auditor, path) == "Nothing is frozen"
    freeze("person", subject("member1"))
    assert title(auditor, path) == "Access to Mia Member’s accounts is frozen"
    assert "“Mia Member”" not in page_of(auditor, path)
    freeze("service", "github")
    assert title(auditor, path) == "2 freezes are in force"


def test_frozen_access_counts_every_freeze_of_the_same_person() -> None:
    for by in ("auth0|amir", "auth0|olu"):
        Freeze.objects.create(kind="person", name=subject("member1"), by=by, since=clock.now())
    Freeze.objects.create(kind="agent", name="claw", by="auth0|amir", since=clock.now())
    said = title(signed_in("auditor", "auditor"), "/connections/freeze/")
    assert said == "3 freezes are in force"


@pytest.mark.parametrize("name", ["Everything", "GitHub", "a\u202eb"])
def test_a_person_who_is_frozen_passes_for_nothing_else_by_name(name: str) -> None:
    make("member1")
    know("member1")
    Person.objects.filter(sub=subject("member1")).update(name=name)
    freeze("person", subject("member1"))
    sequencer.run_once()
    key, shown = ("person", subject("member1")), safe_display.person_in_sentence(name)
    assert shown.startswith("“") and freezes.titles([key]) == {key: shown}
    auditor = signed_in("auditor", "auditor")
    assert shown in page_of(auditor, "/connections/inventory/changes/?from=0")
    row = page_of(auditor, "/connections/freeze/").partition("<tbody>")[2]
    assert re.search(r'<a href="/people/[^"]+">[^“]+</a>', row), (
        "a link to a person needs no quotes"
    )


def test_accounts_under_a_filter_are_counted_as_those_that_match() -> None:
    know("member1", "member2")
    auditor, path = signed_in("auditor", "auditor"), "/connections/inventory/"
    make("member1"), make("member1", "slack"), make("member2")
    make("member2", "slack", state=State.REVOKED)
    assert title(auditor, path) == "Agents can use 3 accounts of 2 people"
    for query, said in (
        ("?q=mia", "2 of 3 accounts match"),
        ("?q=milo", "1 account matches"),
        ("?q=nobody", "No account matches"),
        ("?state=suspended", "No account matches"),
        ("?state=connected&state=revoked", "4 of 4 accounts match"),
        ("?state=nonsense", "No account is shown until the filter can be read"),
    ):
        assert title(auditor, path + query) == said


def test_the_tiles_of_accounts_lead_to_as_many_accounts_as_they_count() -> None:
    know("member1", "member2")
    make("member1"), make("member1", "slack"), make("member2")
    auditor, path = signed_in("auditor", "auditor"), "/connections/inventory/"
    page = page_of(auditor, f"{path}?q=mia&connection=slack")
    tile = re.search(r'href="([^"]+)"><b>2</b><span>usable by agents', page)
    assert tile
    assert title(auditor, path + tile[1]) == "2 of 3 accounts match"


def test_lists_of_nothing_say_so() -> None:
    admin = signed_in("admin", "admin")
    assert title(admin, "/connections/remediations/") == "No step is pending"
    assert title(admin, "/connections/settings/") == "No account is paused now"
    assert title(admin, "/connections/reviews/") == "No access review is open"


def test_reviews_lead_with_what_is_due_and_offer_to_view_it() -> None:
    admin, now, path = signed_in("admin", "admin"), clock.now(), "/connections/reviews/"
    page = page_of(admin, path)
    assert page.count("btn-primary") == 1 and "New review…" in page.partition("btn-primary")[2]
    values = {"reviewers": "owners", "digest": "a" * 64, "opened_at": now, "opened_by": "x"}
    for title_, due in (("Later", 9), ("Sooner", 5)):
        last = Review.objects.create(title=title_, due=now + timedelta(days=due), **values)
        if due == 9:
            assert title(admin, path).startswith("1 access review is due by ")
    assert title(admin, path).startswith("2 access reviews are in progress, the first due by ")
    page = page_of(admin, path)
    assert f'btn-primary" href="/connections/reviews/{last.pk}/">View the review due first' in page
    assert page.count("btn-primary") == 1
    Review.objects.filter(pk=last.pk).update(due=now - timedelta(days=1))
    assert title(admin, path) == "1 access review is overdue"


def test_my_accounts_open_with_the_sentence_of_home() -> None:
    know("member1")
    mia, path = signed_in("member1"), "/connections/"
    assert title(mia, path) == title(mia, "/") == "You have no connected account"
    make("member1")
    said = "No agent was seen using your accounts through this portal"
    assert title(mia, path) == title(mia, "/") == said
    freeze("person", subject("member1"))
    assert title(mia, path) == title(mia, "/") == "Access to your accounts is frozen"


def test_what_asks_for_an_account_is_a_row_without_an_accent(
    github_mcp: manifest_store.Declaration,
) -> None:
    know("member2")
    milo = signed_in("member2")
    prompts_for_missing_connections.ask_members(Target("mcp", "github-mcp"))
    page = page_of(milo, "/connections/")
    assert "github-mcp needs GitHub</strong>" in page and "btn-primary" not in page
    assert page.count("/connections/connect/github/") == 1  # one thing to connect, one button


def test_a_missing_account_is_the_button_before_an_agent_is_connected(
    github_mcp: manifest_store.Declaration,
) -> None:
    know("member1")
    mia, path = signed_in("member1"), "/connections/agents/"
    primary = re.compile(r'btn-primary" href="([^"]+)"')
    assert primary.findall(page_of(mia, path)) == ["/connections/connect/github/"]
    assert "pipx install ./auth0_ata-*.whl" in page_of(mia, path)
    make("member1")
    assert primary.findall(page_of(mia, path)) == []
