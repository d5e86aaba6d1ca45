"""The Management API of the local tenant, read by the same client that reads Auth0's."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from auth0_client.errors import BadRequest
from auth0_client.grants.ciba import Refused
from tests.auth0_client.town import API, APPROVALS, Town
from tests.support.sign_in import SUBS
from tests.support.tenant import Browser
from tests.tenant.actors import Phone


def test_the_machine_client_reads_people_and_logs(town: Town) -> None:
    api = town.auth0.management
    assert api.user(SUBS["operator"]).email == "operator@acme.example"
    town.sign_in("member1")
    newest = api.latest_log_id()
    assert newest
    town.sign_in("member2")
    page = api.log_items_after(newest)
    assert {"s", "seacft"} <= {entry["type"] for entry in page.entries}
    ids = [str(entry["log_id"]) for entry in page.entries]
    assert ids == sorted(ids)
    assert newest < ids[0]
    rest = api.log_items_after(page.next_from or "")
    assert not {entry["log_id"] for entry in rest.entries} & set(ids)
    assert page.budget.remaining is not None


def test_the_configuration_can_be_read_for_a_doctor(town: Town) -> None:
    api = town.auth0.management
    assert api.client("ata-web").text("client_id") == "ata-web"
    assert {item.text("name") for item in api.connections()} >= {"github", "slack"}
    audiences = {item.text("identifier") for item in api.resource_servers()}
    assert {API, APPROVALS} <= audiences
    assert api.client_grants(town.auth0.tenant.management_audience)
    assert len(api.users_created(datetime(2000, 1, 1, tzinfo=UTC))[0]) == 7


def test_a_denial_leaves_the_evidence_that_tells_it_from_an_expiry(
    town: Town, browser: Browser
) -> None:
    phone = Phone(browser, "operator")
    phone.pick_up()
    request_id, _ = town.ask()
    phone.deny("not me")
    town.advance(6)
    assert isinstance(town.auth0.ciba.poll(request_id), Refused)
    found = town.auth0.management.search_logs('type:"gd_auth_rejected"')
    assert found.entries[0]["user_id"] == SUBS["operator"]


def test_what_a_person_has_can_be_listed_and_ended(town: Town) -> None:
    api, person = town.auth0.management, SUBS["member1"]
    town.sign_in("member1", scope="openid offline_access")
    assert api.sessions(person)
    api.connected_accounts(person)
    api.authentication_methods(person)
    api.grants(person)
    api.revoke_access(person)
    assert api.sessions(person) == []
    assert api.refresh_tokens(person) == []


def test_people_are_walked_by_their_creation_and_no_further_than_a_search_goes(town: Town) -> None:
    api = town.auth0.management
    users, total = api.users_created(datetime(2000, 1, 1, tzinfo=UTC))
    times = [user.created_at for user in users if user.created_at]
    assert total == len(times) == 7 and times == sorted(times)
    later, fewer = api.users_created(times[-1])
    assert {user.user_id for user in later} <= {user.user_id for user in users}
    assert fewer == sum(1 for time in times if time >= times[-1])
    with pytest.raises(BadRequest, match="1000"):
        api.users_created(times[0], 10)
    assert api.has_members({"admin"}) and not api.has_members({"another-product"})
