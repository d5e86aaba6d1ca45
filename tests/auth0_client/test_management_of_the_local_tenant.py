"""The Management API of the local tenant, read by the same client that reads Auth0's."""

from __future__ import annotations

from auth0_client.ciba import Refused
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
    page = api.logs_after(newest)
    assert not page.caught_up
    assert {"s", "seacft"} <= {entry["type"] for entry in page.entries}
    ids = [str(entry["log_id"]) for entry in page.entries]
    assert ids == sorted(ids)
    assert newest < ids[0]
    rest = api.logs_after(page.next_from or "")
    assert not {entry["log_id"] for entry in rest.entries} & set(ids)
    assert page.budget.remaining is not None


def test_the_configuration_can_be_read_for_a_doctor(town: Town) -> None:
    api = town.auth0.management
    assert api.client("ata-web").text("client_id") == "ata-web"
    assert {item.text("name") for item in api.connections()} >= {"github", "slack"}
    audiences = {item.text("identifier") for item in api.resource_servers()}
    assert {API, APPROVALS} <= audiences
    assert api.client_grants(town.auth0.tenant.management_audience)
    assert len(list(api.get_users())) == 7


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
