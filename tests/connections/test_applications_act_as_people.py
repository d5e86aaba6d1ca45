"""Consents and refresh tokens: listed with what Auth0 says of them, and ended at Auth0 itself."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from html import unescape

import httpx
import pytest
import respx
from django.conf import settings

from accounts.models import CommandLineSignIn
from approvals import auth0_clients, clock
from approvals.models import Approval, Effect, Outcome
from audit.models import EventRow
from connections.application_grants import consent_and_token_sync
from connections.models import AccessState, AppAccess, Schedule
from connections.sync import schedule
from tests.connections.conftest import Travel
from tests.connections.phone import Phone
from tests.connections.visitor import Visitor, device_token, know, subject
from tests.support.sweeping import sweep
from tests.support.tenant import LocalTenant

type Visitors = Callable[[str], Visitor]

_CONSENT = """
from local.tenant.models import ConsentGrant, Person
from allauth.idp.oidc.models import Client
ConsentGrant.objects.all().delete()
ConsentGrant.objects.create(
    person=Person.objects.get(sub={sub!r}), client=Client.objects.get(pk="ata-web"),
    audience="https://calendar.example", scope=["read:events", "write:events"],
)
"""


@pytest.fixture
def milos(portal_tenant: LocalTenant) -> list[AppAccess]:
    """Milo's command line and his consent, as read from the tenant."""
    know("member2", "admin", "admin2")
    management = auth0_clients.management()
    assert management is not None
    for old in management.refresh_tokens(subject("member2")):
        management.delete_refresh_token(old.id)
    device_token(portal_tenant, "member2")
    portal_tenant.execute(_CONSENT.format(sub=subject("member2")))
    consent_and_token_sync.read_person(management, settings.ENV.issuer, subject("member2"))
    consent_and_token_sync.name_applications(management)
    return list(AppAccess.objects.filter(sub=subject("member2")).order_by("kind"))


@pytest.fixture
def phone(portal_tenant: LocalTenant) -> Iterator[Phone]:
    browser = portal_tenant.browser()
    held = Phone(browser, "admin2")
    held.pick_up()
    yield held
    browser.http.close()


def told(action: str) -> list[str]:
    rows = EventRow.objects.filter(action=action).order_by("time", "event")
    return list(rows.values_list("sentence", flat=True))


def held_at_auth0(milos: list[AppAccess]) -> list[str]:
    """Which of them the tenant still holds, by kind."""
    management = auth0_clients.management()
    assert management is not None
    sub = subject("member2")
    ids = {g.id for g in management.grants(sub)} | {t.id for t in management.refresh_tokens(sub)}
    return [row.kind for row in milos if row.auth0_id in ids]


def test_each_says_what_auth0_says_of_it(milos: list[AppAccess]) -> None:
    consent, token = milos
    assert (consent.kind, consent.audiences) == ("grant", ["https://calendar.example"])
    assert consent.scopes == ["read:events", "write:events"]
    assert (consent.created_at, consent.last_used_at) == (None, None), "Auth0 tells neither"
    assert (token.kind, token.client_id) == ("refresh_token", settings.ENV.AUTH0_CLI_CLIENT_ID)
    assert token.created_at is not None and "offline_access" in token.scopes
    assert token.client_name
    assert consent_and_token_sync.one_person(token.iss, token.sub)
    assert len(told("access.reconciled")) == 2, "nothing new is told once"


def test_one_click_ends_ones_own_at_auth0(milos: list[AppAccess], visitor: Visitors) -> None:
    milo = visitor("member2")
    consent, token = milos
    page = milo.get("/connections/access/").content.decode()
    assert token.application in page and "at https://calendar.example" in page
    for row in milos:
        assert milo.post(f"/connections/access/{row.pk}/revoke/").status_code == 302
    assert not Approval.objects.exists()
    sweep()
    assert held_at_auth0(milos) == []
    assert {row.state for row in AppAccess.objects.filter(sub=token.sub)} == {AccessState.GONE}
    assert "was deleted at Auth0" in told("access.revoked")[-1]
    assert len(told("access.reconciled")) == 2, "an end that we brought about is no drift"
    milo.post(f"/connections/access/{consent.pk}/revoke/")
    assert Effect.objects.count() == 2, "it is gone already"


def test_ending_ones_own_asks_once_and_says_what_was_asked_and_what_stays(
    milos: list[AppAccess], visitor: Visitors
) -> None:
    milo = visitor("member2")
    consent, token = milos
    AppAccess.objects.filter(pk=consent.pk).update(client_id=token.client_id)
    page = milo.get("/connections/access/").content.decode()
    assert page.count('<summary class="btn btn-s btn-danger">Revoke…</summary>') == 2
    assert "Access tokens that it already got work until they expire." in page
    assert "Its consent is not part of this and stays until it is revoked." in page
    assert "Its refresh token is not part of this and stays until it is revoked." in page
    milo.post(f"/connections/access/{token.pk}/revoke/")
    page = milo.get("/connections/access/").content.decode()
    assert f"You requested the revocation of the refresh token of {token.application}" in page
    assert "Its consent was not part of that and stays until it is revoked." in page
    assert "You ended the access" not in page and "being revoked" in page


def test_a_page_that_shows_a_revocation_under_way_links_to_the_new_list_once_it_ended(
    milos: list[AppAccess], visitor: Visitors
) -> None:
    milo, url = visitor("member2"), "/connections/access/"
    assert "ending=" not in milo.get(url).content.decode()
    milo.post(f"{url}{milos[0].pk}/revoke/")
    [poll] = re.findall(r'hx-get="([^"]*ending=1)"', milo.get(url).content.decode())
    waits = milo.get(unescape(poll))
    assert waits.status_code == 204 and "HX-Refresh" not in waits.headers
    sweep()
    ended = milo.get(unescape(poll))
    assert "HX-Refresh" not in ended.headers, "the page would be reloaded under its reader"
    part = ended.content.decode()
    assert f'<a href="{url}">show the new list</a>' in part and "<form" not in part
    assert "hx-get" not in part, "it asks no more"


def test_an_admins_revocation_waits_for_another_phone(
    milos: list[AppAccess], visitor: Visitors, phone: Phone, travel: Travel
) -> None:
    amir = visitor("admin")
    _, token = milos
    page = amir.get("/connections/access/?all=1&q=milo").content.decode()
    assert token.application in page and "member2@acme.example" in page
    answer = amir.post(f"/connections/access/{token.pk}/revoke/", {"reason": "Laptop lost"})
    approval = Approval.objects.get()
    assert answer["Location"] == f"/approvals/{approval.id}/"
    sweep()
    assert len(held_at_auth0(milos)) == 2, "nothing is ended before the answer"
    phone.approve(approval)
    travel(6)
    sweep()
    sweep()
    approval.refresh_from_db()
    assert approval.outcome == Outcome.APPROVED
    assert held_at_auth0(milos) == ["grant"]


def test_who_may_not_is_refused(milos: list[AppAccess], visitor: Visitors) -> None:
    address = f"/connections/access/{milos[0].pk}/revoke/"
    stranger, auditor = visitor("member1"), visitor("auditor")
    assert stranger.post(address).status_code == 404
    assert auditor.get("/connections/access/?all=1").status_code == 200
    assert auditor.post(address)["Location"] == "/connections/access/?all=1"
    assert stranger.get(address).status_code == 405
    assert "calendar.example" not in stranger.get("/connections/access/?all=1").content.decode()
    assert stranger.post(f"/connections/access/{uuid.uuid4()}/revoke/").status_code == 404
    refused = stranger.client.post("/v1/decisions", json.dumps({}), content_type="application/json")
    assert refused.status_code in {401, 403}
    assert not Effect.objects.exists() and milos[0].state == AccessState.LIVE


def test_a_lost_answer_is_asked_again_and_a_missing_scope_ends_it(
    milos: list[AppAccess], visitor: Visitors, travel: Travel
) -> None:
    milo = visitor("member2")
    consent, token = milos
    milo.post(f"/connections/access/{token.pk}/revoke/")
    with respx.mock(assert_all_called=False) as routes:
        lost = routes.delete(url__regex=r"/api/v2/refresh-tokens/").mock(
            side_effect=httpx.ReadTimeout("lost")
        )
        routes.route().pass_through()
        sweep()
    assert lost.called
    token.refresh_from_db()
    assert token.state == AccessState.REVOKING, "not done before Auth0 said so"
    travel(3600)
    sweep()
    token.refresh_from_db()
    assert token.state == AccessState.GONE
    milo.post(f"/connections/access/{consent.pk}/revoke/")
    no = {"statusCode": 403, "error": "Forbidden", "errorCode": "insufficient_scope",
          "message": "Insufficient scope, expected any of: delete:grants"}  # fmt: skip
    with respx.mock(assert_all_called=False) as routes:
        routes.delete(url__regex=r"/api/v2/grants/").respond(403, json=no)
        routes.route().pass_through()
        sweep()
    consent.refresh_from_db()
    assert consent.state == AccessState.LIVE and "missing scope" in consent.detail
    assert "could not be deleted at Auth0" in told("access.revoked")[-1]


def test_everybody_is_read_from_where_it_stopped(milos: list[AppAccess]) -> None:
    no = httpx.Response(429, json={}, headers={"Retry-After": "30"})
    schedule.ask_now(consent_and_token_sync.APPLICATIONS, clock.now())
    with respx.mock(assert_all_called=False) as routes:
        stop = routes.get(url__regex=rf"/users/{subject('admin2').replace('|', '%7C')}/refresh")
        stop.mock(return_value=no)
        routes.route().pass_through()
        consent_and_token_sync.run_due()
    row = Schedule.objects.get(name=consent_and_token_sync.APPLICATIONS)
    assert row.after > 0 and 20 < (row.due - clock.now()).total_seconds() <= 30
    done = row.done
    consent_and_token_sync.run_due(clock.now() + timedelta(days=9))
    row.refresh_from_db()
    assert (row.after, row.done, row.finished is not None) == (0, row.total, True)
    assert done < row.total


def test_an_empty_list_is_no_all_clear_and_is_read_again_on_demand(
    milos: list[AppAccess], visitor: Visitors
) -> None:
    milo = visitor("member2")
    AppAccess.objects.all().delete()
    Schedule.objects.update_or_create(
        name=consent_and_token_sync.APPLICATIONS,
        defaults={"finished": clock.now(), "due": clock.now()},
    )
    CommandLineSignIn.objects.create(
        iss=settings.ENV.issuer,
        sub=subject("member2"),
        id_token_digest="0" * 64,
        auth_time=clock.now(),
    )
    page = milo.get("/connections/access/").content.decode()
    assert "Anything granted since then is not in this list" in page
    assert "A command line signed in as you" in page and "If it was you, nothing is wrong" in page
    again = milo.follow(milo.post("/connections/access/read/")).content.decode()
    assert AppAccess.objects.filter(sub=subject("member2"), kind="refresh_token").exists()
    assert "Revoke" in again and "A command line signed in as you" not in again


def test_the_list_says_which_application_is_this_portal(
    milos: list[AppAccess], visitor: Visitors
) -> None:
    row = AppAccess.objects.filter(sub=subject("member2")).order_by("pk").first()
    assert row is not None
    AppAccess.objects.exclude(pk=row.pk).delete()
    milo = visitor("member2")
    for client, said in ((settings.ENV.AUTH0_CLIENT_ID, True), ("another", False)):
        AppAccess.objects.filter(pk=row.pk).update(client_id=client)
        page = milo.get("/connections/access/").content.decode()
        assert ("this portal</span>" in page) is said
        assert ("It is this portal: you may be asked" in page) is said
