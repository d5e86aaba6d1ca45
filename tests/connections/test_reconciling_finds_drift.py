"""The inventory follows Auth0, and says what it found different."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
import respx
from django.core.management import call_command
from django.core.management.base import CommandError

from approvals import clock
from approvals.models import Person
from audit.models import EventRow
from connections.component_manifests import manifest_store
from connections.models import (
    ConnectedAccount,
    ConnectionSetting,
    Manifest,
    ReconcileRun,
    Schedule,
    State,
)
from connections.sync import connected_accounts, people_roles_and_enrolments, schedule
from connections.views import sync_runs_and_sources
from tests.connections.visitor import Gateway, empty_vault, fill_vault, know, subject
from tests.support.pages import signed_in
from tests.support.tenant import CHECKOUT, LocalTenant


@pytest.fixture
def iss(settings: object, portal_tenant: LocalTenant) -> str:
    know("member2")
    empty_vault(portal_tenant, "member2")
    return str(settings.ENV.issuer)  # type: ignore[attr-defined]


def drift() -> list[str]:
    rows = EventRow.objects.filter(action="connection.reconciled").order_by("time")
    return list(rows.values_list("sentence", flat=True))


def test_an_account_connected_elsewhere_appears_once(iss: str, portal_tenant: LocalTenant) -> None:
    auth0_id = fill_vault(portal_tenant, "member2", "slack", "milo@acme", "channels:read")
    for _ in range(2):
        assert connected_accounts.one_person(iss, subject("member2"))
    row = ConnectedAccount.objects.get(sub=subject("member2"))
    assert (row.auth0_id, row.scopes, row.source) == (auth0_id, ["channels:read"], "management")
    assert drift() == ["Auth0-ATA discovered Milo Member's Slack connection at Auth0"]


def test_an_account_deleted_elsewhere_is_gone_here_too(
    iss: str, portal_tenant: LocalTenant
) -> None:
    fill_vault(portal_tenant, "member2", "github", "octo-milo")
    connected_accounts.one_person(iss, subject("member2"))
    empty_vault(portal_tenant, "member2")
    connected_accounts.one_person(iss, subject("member2"))
    row = ConnectedAccount.objects.get(sub=subject("member2"))
    assert row.state == State.GONE
    assert drift()[-1].endswith("was gone at Auth0")


def test_other_scopes_at_auth0_are_drift(iss: str, portal_tenant: LocalTenant) -> None:
    fill_vault(portal_tenant, "member2", "github", "octo-milo", "read:user", "repo")
    connected_accounts.one_person(iss, subject("member2"))
    row = ConnectedAccount.objects.get(sub=subject("member2"))
    ConnectedAccount.objects.filter(pk=row.pk).update(scopes=["read:user"])
    connected_accounts.one_person(iss, subject("member2"))
    row.refresh_from_db()
    assert set(row.scopes) == {"read:user", "repo"}
    assert drift()[-1].startswith("Auth0-ATA found other scopes on Milo Member's GitHub")


def test_a_due_run_reads_people_their_phones_and_what_can_be_connected(iss: str) -> None:
    assert connected_accounts.run_due() == 2
    assert connected_accounts.run_due() == 0
    admin = Person.objects.get(sub=subject("admin"))
    assert (admin.roles, admin.name, admin.phone) == (["admin"], "Amir Admin", True)
    offered = ConnectionSetting.objects.filter(connectable=True).values_list("name", flat=True)
    assert set(offered) == {"github", "slack", "google-oauth2"}
    row = Schedule.objects.get(name="accounts")
    assert row.finished is not None
    assert row.done == row.total >= 7
    assert ConnectedAccount.objects.filter(sub=subject("operator")).count() == 2


def test_accounts_of_people_who_are_new_are_compared_next(iss: str) -> None:
    """As when the first comparison had nobody, because the directory could not be read."""
    later = clock.now() + schedule.EVERY
    Schedule.objects.create(name=connected_accounts.ACCOUNTS, due=later)
    assert (
        connected_accounts.run_due(),
        connected_accounts.run_due(),
        connected_accounts.run_due(),
    ) == (1, 1, 0)
    assert ConnectedAccount.objects.filter(sub=subject("operator")).count() == 2
    Schedule.objects.filter(name=connected_accounts.PEOPLE).update(due=clock.now())
    assert (connected_accounts.run_due(), connected_accounts.run_due()) == (1, 0), "nobody is new"


def test_the_last_comparisons_show_their_differences(
    iss: str, portal_tenant: LocalTenant, django_assert_max_num_queries: Any
) -> None:
    page = signed_in("auditor", "auditor").get("/connections/inventory/sources/").content.decode()
    assert "Not compared yet" in page and "not watched yet" in page
    fill_vault(portal_tenant, "member2", "slack", "milo@acme", "channels:read")
    for _ in range(2):
        schedule.ask_now(connected_accounts.ACCOUNTS, clock.now())
        connected_accounts.run_due()
    newest, first = ReconcileRun.objects.all()
    assert first.finished and first.appeared >= 3 and newest.differences == 0
    events = EventRow.objects.filter(action="connection.reconciled", operation=str(first.id))
    assert events.count() == first.appeared
    browser = signed_in("auditor", "auditor")
    with django_assert_max_num_queries(20):
        page = browser.get("/connections/inventory/sources/").content.decode()
    assert "Auth0-ATA discovered Milo Member&#x27;s Slack connection at Auth0" in page
    assert f"/audit/?operation={first.id}" in page
    other = browser.get(f"/connections/inventory/sources/?run={newest.id}")
    assert "No difference" in other.content.decode()
    for bad in ("x", str(uuid4())):
        assert browser.get(f"/connections/inventory/sources/?run={bad}").status_code == 404
    assert signed_in("member2").get("/connections/inventory/sources/").status_code == 403
    assert browser.post("/connections/inventory/sources/").status_code == 405


def test_people_who_cannot_be_read_stop_nobody_for_ever(
    iss: str, portal_tenant: LocalTenant
) -> None:
    """Three in a row may mean that Auth0 is away; a fourth time, it is these people."""
    for n in range(6):
        Person.objects.create(iss=iss, sub=f"auth0|{n:024x}", name=f"P{n}", updated=clock.now())
    no = httpx.Response(500, json={"errorCode": "boom"})
    with respx.mock(assert_all_called=False) as routes:
        bad = f"auth0%7C{2:024x}|auth0%7C{3:024x}|auth0%7C{4:024x}"
        routes.get(url__regex=rf"/api/v2/users/({bad})/connected-accounts").mock(return_value=no)
        routes.get(url__regex=r"/api/v2/users/[^/]+/connected-accounts").respond(
            json={"connected_accounts": []}
        )
        routes.route().pass_through()
        tries = 0
        while not ReconcileRun.objects.filter(finished__isnull=False).exists():
            tries += 1
            assert tries <= 5
            schedule.ask_now(connected_accounts.ACCOUNTS, clock.now())
            schedule.run_due(
                {connected_accounts.ACCOUNTS: connected_accounts.everybody}, clock.now()
            )
    run = ReconcileRun.objects.get()
    assert (tries, run.done, run.failed) == (4, Person.objects.count(), 3)


def test_what_the_directory_could_not_tell_is_shown(iss: str) -> None:
    client = signed_in("admin", "admin")
    words = "More than 1,000 people were created"
    assert connected_accounts.run_due() == 2
    assert words not in client.get("/connections/inventory/sources/").content.decode()
    Schedule.objects.filter(name=connected_accounts.PEOPLE).update(detail=f"{words} at once.")
    assert words in client.get("/connections/inventory/sources/").content.decode()


def test_roles_stay_where_the_tenant_manages_none(
    iss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    know("admin")
    monkeypatch.setattr(people_roles_and_enrolments, "ROLES", frozenset({"another-product"}))
    people_roles_and_enrolments.sync_people()
    assert Person.objects.get(sub=subject("admin")).roles == ["admin"]


def test_shipped_manifests_are_declared_once() -> None:
    for _ in range(2):
        call_command("declare_manifests", str(CHECKOUT / "demo" / "manifests"), verbosity=0)
    assert Manifest.objects.count() == 3
    assert EventRow.objects.filter(action="manifest.declared").count() == 3


def test_a_manifest_file_that_is_wrong_is_named(tmp_path: object) -> None:
    bad = tmp_path / "x.json"  # type: ignore[operator]
    bad.write_text('{"kind": "mcp", "name": "x", "env": {"github": "LD_PRELOAD"}}')
    with pytest.raises(CommandError, match=r"x\.json"):
        call_command("declare_manifests", str(tmp_path), verbosity=0)


def test_a_manifest_is_declared_over_the_api_by_an_operator(
    gateway: Callable[[str], Gateway],
) -> None:
    body = {"connections": [{"connection": "slack", "scopes": ["chat:write"]}], "env": {}}
    caller = gateway("operator")
    manifest_store.declare_shipped(
        "mcp", "standup-bot", manifest_store.Declaration(url="https://x.example")
    )
    body["connections"] = []
    made = caller.call("PUT", "/v1/manifests/mcp/standup-bot", body)
    assert made.status_code == 200, made.content
    assert made.json()["event_id"]
    assert caller.call("PUT", "/v1/manifests/mcp/standup-bot", body).status_code == 200
    assert EventRow.objects.filter(action="manifest.declared").count() == 2
    read = gateway("member2").call("GET", "/v1/manifests/mcp/standup-bot").json()
    assert (read["connections"], read["decision"]) == (body["connections"], "allow")


def test_a_page_of_a_running_comparison_counts_nothing_below_zero(
    iss: str, portal_tenant: LocalTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its differences are read after its counters."""
    schedule.ask_now(connected_accounts.ACCOUNTS, clock.now())
    connected_accounts.run_due()
    run = ReconcileRun.objects.get()
    assert run.appeared >= 2
    ReconcileRun.objects.update(appeared=0)
    monkeypatch.setattr(sync_runs_and_sources, "_SHOWN", 1)
    browser = signed_in("auditor", "auditor")
    page = browser.get(f"/connections/inventory/sources/?run={run.id}").content.decode()
    assert "1 more" not in page and "Auth0-ATA discovered" in page
