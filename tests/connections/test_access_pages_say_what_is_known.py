"""Pages about access say what is known, to whom it is said, and what a freeze leaves of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache

from approvals import auth0_clients, clock
from audit.models import EventRow
from audit.sequencing import sequencer
from connections.application_grants import consent_and_token_sync
from connections.component_manifests import manifest_store
from connections.models import AppAccess, Need, Schedule
from connections.sync import update_accounts
from tests.connections.test_a_freeze_is_shown_where_things_are_listed import shown
from tests.connections.test_freezing_stops_at_once import freeze, person
from tests.connections.test_the_inventory_shows_everybody import make
from tests.connections.visitor import Visitor, know, subject
from tests.support.pages import signed_in
from tests.support.sign_in import SUBS

ACCESS = "/connections/access/"
READ = "/connections/access/read/"


def read_all(minutes_ago: int) -> None:
    """Auth0's list of everybody was read so long ago."""
    at = clock.now() - timedelta(minutes=minutes_ago)
    Schedule.objects.update_or_create(
        name=consent_and_token_sync.APPLICATIONS, defaults={"finished": at, "due": clock.now()}
    )


def test_home_says_when_auth0_was_asked_about_applications(db: None) -> None:
    mia = signed_in("member1")
    assert "Auth0’s list of them has not been read yet." in shown(mia, "/")
    read_all(14)
    assert "Auth0 listed none 14 min ago." in shown(mia, "/")


def test_an_old_list_of_applications_is_read_again_when_its_owner_opens_it(
    visitor: Callable[[str], Visitor],
) -> None:
    milo = visitor("member2")
    AppAccess.objects.all().delete()
    read_all(14)
    page = milo.get(ACCESS).content.decode()
    assert f'hx-post="{READ}" hx-trigger="load"' in page
    answer = milo.post(READ, HTTP_HX_REQUEST="true")
    assert f'<a href="{ACCESS}">show the new list</a>.' in answer.content.decode()
    assert "HX-Refresh" not in answer, "the page would be reloaded under its reader"
    assert AppAccess.objects.filter(sub=subject("member2")).exists()
    again = milo.get(ACCESS).content.decode()
    assert 'hx-trigger="load"' not in again and "No applications" not in again
    soon: Any = milo.post(READ, HTTP_HX_REQUEST="true")
    assert soon.status_code == 204, "asked less than ten seconds ago"


def test_an_old_list_that_has_not_changed_is_only_called_updated(
    visitor: Callable[[str], Visitor],
) -> None:
    milo = visitor("member2")
    milo.post(READ)
    cache.clear()
    read_all(14)
    said = milo.post(READ, HTTP_HX_REQUEST="true").content.decode()
    assert said.startswith("Updated <time") and "show the new list" not in said


def test_a_list_that_could_not_be_read_leaves_the_page_as_it_is(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.clear()
    mia = signed_in("member1")
    monkeypatch.setattr(auth0_clients, "management", lambda: None)
    answer = mia.post(READ, HTTP_HX_REQUEST="true")
    assert answer.status_code == 204 and not answer.content


def test_a_fresh_list_of_applications_asks_for_nothing(db: None) -> None:
    mia = signed_in("member1")
    read_all(2)
    assert 'hx-trigger="load"' not in mia.get(ACCESS).content.decode()


def test_where_access_is_frozen_connecting_says_what_follows(
    db: None, github_mcp: manifest_store.Declaration
) -> None:
    mia = signed_in("member1")
    know("member1")
    Need.objects.create(
        iss=settings.ENV.issuer, sub=SUBS["member1"], connection="github", kind="mcp",
        name="github-mcp", asked_at=clock.now(),
    )  # fmt: skip
    said = "until an admin lifts that, no agent can use what you connect."
    assert said not in shown(mia, "/connections/")
    freeze("service", "github")
    page = shown(mia, "/connections/")
    assert f"Access is frozen: {said}" in page
    assert "It would get no token: access is frozen." in shown(mia, "/")
    Need.objects.update(closed_at=clock.now())  # not now: the service is offered below instead
    assert f"Frozen: {said}" in shown(mia, "/connections/")


def test_the_page_to_connect_says_that_names_of_components_are_not_verified(
    db: None, github_mcp: manifest_store.Declaration
) -> None:
    page = shown(signed_in("member1"), "/connections/connect/github/")
    assert "Declared by github-mcp. Callers that name another component are refused." in page
    assert "Names are not verified: any caller that names this one qualifies." in page


def test_who_froze_themselves_is_named_once(db: None) -> None:
    know("member1")
    freeze("person", SUBS["member1"], by=person("member1"))
    freeze("person", SUBS["member1"])
    sequencer.run_once()
    rows = EventRow.objects.filter(action="person.frozen").order_by("event")
    said = [row.sentence for row in rows]
    assert said[0].endswith("froze their own access") and said[1].endswith("froze “Mia Member”")


def test_the_map_speaks_of_accounts_of_others_as_theirs(db: None) -> None:
    know("member1")
    fact = update_accounts.Fact("a", "github", ("read:user",), clock.now(), None)
    update_accounts.appeared(settings.ENV.issuer, subject("member1"), fact, "management")
    sequencer.run_once()
    page = shown(signed_in("auditor", "auditor"), "/connections/map/?compare=0")
    assert "read their profile" in page and "your profile" not in page


GROUPED = "/connections/inventory/?group=person"


@pytest.mark.parametrize("path", ["/connections/inventory/", GROUPED])
def test_lists_of_accounts_show_people_by_name_and_e_mail_and_find_both(
    db: None, path: str
) -> None:
    know("member1", "member2")
    make("member1")
    make("member2")
    auditor, query = signed_in("auditor", "auditor"), "&" if "?" in path else "?"
    assert "Mia Member member1@acme.example" in shown(auditor, path)
    for words in ("Mia Member", "member1@acme"):
        page = shown(auditor, f"{path}{query}q={words}")
        assert "Mia Member member1@acme.example" in page and "Milo Member" not in page


def test_the_form_to_freeze_and_the_map_show_people_by_name_and_e_mail(db: None) -> None:
    know("member1")
    fact = update_accounts.Fact("a", "github", ("repo",), clock.now(), None)
    update_accounts.appeared(settings.ENV.issuer, subject("member1"), fact, "management")
    sequencer.run_once()
    admin = signed_in("admin", "admin")
    assert "Mia Member · member1@acme.example" in shown(admin, "/connections/freeze/")
    page = shown(admin, "/connections/map/?compare=0")
    assert "Mia Member member1@acme.example · 1 account" in page
    assert "of Mia Member: Appeared" in page
