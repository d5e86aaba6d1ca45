"""The inventory page: counts, filters, groups, and what it says when it knows little."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings

from approvals import clock
from audit.recording.actors import SYSTEM
from connections import inventory
from connections.component_manifests import manifest_store
from connections.inventory import Query
from connections.models import ConnectedAccount, Schedule, State
from connections.scopes import catalogue
from connections.sync import connected_accounts
from tests.connections.visitor import Visitor, know, subject

type Visitors = Callable[[str], Visitor]


def make(who: str, connection: str = "github", **fields: object) -> ConnectedAccount:
    now = clock.now()
    values: dict[str, object] = {
        "iss": settings.ENV.issuer,
        "sub": subject(who),
        "connection": connection,
        "auth0_id": f"cac_{who}_{connection}",
        "scopes": ["read:user"],
        "state_since": now,
        "source": "management",
        "seen_at": now,
        "watched_since": now,
    }
    return ConnectedAccount.objects.create(**values | fields)


@pytest.fixture
def town(db: None, github_mcp: manifest_store.Declaration) -> None:
    know("member1", "member2", "operator")
    long_ago = clock.now() - timedelta(days=100)
    make("member1", label="octo-dev", scopes=["repo", "delete_repo"])
    make("member2", last_used_at=long_ago)
    make("operator", state=State.NEEDS_RECONNECT)
    make("operator", "slack", state=State.REVOCATION_PENDING, scopes=["chat:write"])
    make("member2", "slack", state=State.REVOKED)


@pytest.mark.parametrize(
    ("watched", "said"),
    [
        (timedelta(days=200), ("1", "no use seen for 90 days", "?show=idle")),
        (timedelta(days=20), ("1", "no use seen since tracking began on {}", "?show=unseen")),
    ],
)
def test_a_tile_claims_no_longer_without_use_than_the_portal_watched(
    db: None, visitor: Visitors, watched: timedelta, said: tuple[str, str, str]
) -> None:
    know("member1", "member2")
    began, now = clock.now() - watched, clock.now()
    make("member1", watched_since=began)
    make("member2", watched_since=now, last_used_at=now)
    page = visitor("admin").get("/connections/inventory/").content.decode()
    count, label, url = said
    label = label.format(f"{began.day} {began:%b %Y}")
    assert f'href="{url}"><b>{count}</b><span>{label}</span>' in page


@pytest.mark.parametrize("query", ["?ownr=x", "?state=suspendet", "?show=idel"])
def test_a_filter_that_cannot_be_read_is_an_error_and_lists_nothing(
    town: None, visitor: Visitors, query: str
) -> None:
    answer = visitor("admin").get(f"/connections/inventory/{query}")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "query-errors" in page and "Did you mean" in page
    assert "octo-dev" not in page and "Bulk actions" not in page and "format=csv" not in page


def test_what_no_account_is_stands_in_one_sentence_and_in_no_tile(
    db: None, visitor: Visitors
) -> None:
    know("member1")
    make("member1", last_used_at=clock.now())
    admin = visitor("admin")
    page = admin.get("/connections/inventory/").content.decode()
    said = "no account needs reconnecting and no revocation is in progress."
    assert said in page and "<b>0</b>" not in page and "<b>1</b><span>usable by agents" in page
    assert "Agents can use 1 account of 1 person</h1>" in page
    assert said not in admin.get("/connections/inventory/?q=mia").content.decode()
    ConnectedAccount.objects.all().delete()
    page = admin.get("/connections/inventory/").content.decode()
    assert "Agents get no new token of any account</h1>" in page and said not in page


def test_the_tiles_count_what_stands(town: None) -> None:
    counts = inventory.look(SYSTEM, Query(), clock.now()).counts
    assert (counts.live, counts.idle, counts.excess) == (2, 1, 1)
    assert (counts.reconnect, counts.finishing) == (1, 1)


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ("", ["octo-dev", "member2@acme", "Slack"], []),
        ("?state=needs_reconnect", ["operator@acme"], ["octo-dev", "member2@acme"]),
        ("?connection=slack", ["operator@acme"], ["octo-dev", "member2@acme"]),
        ("?show=idle", ["member2@acme"], ["octo-dev"]),
        ("?show=excess", ["octo-dev"], ["member2@acme"]),
        ("?q=mia", ["octo-dev"], ["member2@acme"]),
        ("?q=octo", ["octo-dev"], ["member2@acme"]),
        ("?q=nobody", ["No connection fits these filters"], ["octo-dev"]),
        ("?show=idle&show=excess", ["No connection fits"], ["octo-dev"]),
        ("?show=missing&group=person", ["member2@acme", "octo-dev"], []),
        ("?owner=member1@acme.example", ["octo-dev", "1 account of 1 person"], []),
        (
            "?state=revoked&group=agent",
            ["Not seen in use", "member2@acme"],
            ["octo-dev"],
        ),
        ("?after=nonsense", ["octo-dev", "this page is not one of ours"], []),
    ],
)
def test_filters_show_what_they_say(
    town: None, visitor: Visitors, query: str, shown: list[str], hidden: list[str]
) -> None:
    page = visitor("auditor").get(f"/connections/inventory/{query}").content.decode()
    for text in shown:
        assert text in page
    for text in hidden:
        assert text not in page


def test_an_auditor_is_offered_no_act(town: None, visitor: Visitors) -> None:
    assert "Revoke…" not in visitor("auditor").get("/connections/inventory/").content.decode()
    assert "Revoke…" in visitor("admin").get("/connections/inventory/").content.decode()


def test_an_inventory_that_was_never_read_says_so(visitor: Visitors) -> None:
    page = visitor("admin").get("/connections/inventory/").content.decode()
    assert "Auth0 has not been asked yet who connected what" in page
    assert "not synced yet" in page


def test_a_partial_read_says_what_is_older(town: None, visitor: Visitors) -> None:
    now = clock.now()
    Schedule.objects.create(
        name="accounts", due=now + timedelta(hours=1), finished=now, failed=2, detail="Too many."
    )
    page = visitor("admin").get("/connections/inventory/").content.decode()
    assert "2 people could not be read at the last sync: Too many." in page


def test_reconcile_now_makes_it_due_and_the_status_follows(
    visitor: Visitors, travel: Callable[[float], None]
) -> None:
    amir = visitor("admin")
    Schedule.objects.create(name="accounts", due=clock.now() + timedelta(hours=1))
    amir.post("/connections/inventory/reconcile/")
    assert "waiting for the worker" in amir.get("/connections/inventory/status/").content.decode()
    assert connected_accounts.run_due() == 2
    assert "synced with Auth0" in amir.get("/connections/inventory/status/").content.decode()


def test_scopes_are_sentences_and_an_unknown_one_stays_a_code() -> None:
    told = catalogue.in_words(
        "github", ["read:user", "repo", "x:unknown", "offline_access", "repo"]
    )
    assert [(s.words, s.risk, s.known) for s in told] == [
        ("read and write all repositories, including private ones", "high", True),
        ("read your profile", "", True),
        ("x:unknown", "", False),
    ]
    assert catalogue.describe("google-oauth2", "https://www.googleapis.com/auth/gmail.send").risk
    assert catalogue.title("acme-crm") == "acme-crm"


def test_the_one_main_action_leads_to_what_worries_most(town: None, visitor: Visitors) -> None:
    ada = visitor("admin")
    page = ada.get("/connections/inventory/").content.decode()
    main = '<a class="btn btn-primary" href="{}">{}</a>'
    assert main.format("?show=excess", "View 1 over-privileged account") in page
    assert page.count("btn-primary") == 1
    ConnectedAccount.objects.filter(sub=subject("member1")).delete()
    page = ada.get("/connections/inventory/").content.decode()
    assert main.format("?state=needs_reconnect", "View 1 account to reconnect") in page
    ConnectedAccount.objects.filter(state=State.NEEDS_RECONNECT).delete()
    page = ada.get("/connections/inventory/").content.decode()
    assert main.format("?show=idle", "View 1 idle account") in page
    page = ada.get("/connections/inventory/?show=idle").content.decode()
    assert "btn-primary" not in page  # the filter leads there already
    ConnectedAccount.objects.update(last_used_at=clock.now())
    assert "btn-primary" not in ada.get("/connections/inventory/").content.decode()


def test_sync_now_is_the_main_action_until_auth0_was_read(db: None, visitor: Visitors) -> None:
    page = visitor("admin").get("/connections/inventory/").content.decode()
    assert page.count("btn-primary") == 1 and 'class="btn btn-primary"' in page
    assert page.index("btn-primary") < page.index("Sync now")
