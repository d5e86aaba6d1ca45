"""What changed between two instants, on its page and over the API; and the API's own pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from approvals import clock
from audit.models import Entry
from audit.recording.actors import Subject
from audit.sequencing import sequencer
from connections.application_grants import consent_and_token_sync
from connections.application_grants.consent_and_token_sync import Listed
from connections.models import AccessKind, AppAccess, ConnectedAccount
from connections.sync import update_accounts
from tests.connections.visitor import Gateway, know, subject
from tests.support.erasing import erase_person
from tests.support.pages import signed_in

type Gateways = Callable[[str], Gateway]
PAGE = "/connections/inventory/changes/"


@pytest.fixture
def story(db: None) -> ConnectedAccount:
    """An account that appears, gains and loses a scope, and one that appears and vanishes."""
    know("member1", "member2")
    now = clock.now()
    fact = update_accounts.Fact("a", "github", ("repo",), now, None)
    row = update_accounts.appeared(settings.ENV.issuer, subject("member1"), fact, "management")
    sequencer.run_once()
    update_accounts.still_there(row, replace(fact, scopes=("gist",)), now + timedelta(seconds=1))
    other = update_accounts.appeared(
        settings.ENV.issuer, subject("member2"), replace(fact, auth0_id="b"), "management"
    )
    update_accounts.vanished(other, "a test")
    sequencer.run_once()
    return row


def test_the_page_says_each_change_and_leads_to_its_entry(story: ConnectedAccount) -> None:
    auditor = signed_in("auditor", "auditor")
    page = auditor.get(f"{PAGE}?from=1").content.decode()
    assert "Its scopes changed" in page and "write gists" in page and "entry 1<" in page
    assert "Appeared and ended in between: gone" in page and "Milo Member" in page
    [entry] = Entry.objects.filter(seq=1)
    assert f"/audit/events/{entry.event_id}/" in page
    only = auditor.get(f"{PAGE}?from=1&what=scopes").content.decode()
    assert "Its scopes changed" in only and "Appeared" not in only
    assert "Nothing changed" in auditor.get(f"{PAGE}?from=4&to=4").content.decode()


@pytest.fixture
def desk(db: None) -> AppAccess:
    """A refresh token of an application that Auth0 lists, lists with more scopes, and not again."""
    know("member1")
    sub, now = subject("member1"), clock.now()
    token = Listed(
        AccessKind.REFRESH_TOKEN, "rt_1", "desk", ("https://cal.example",), ("read:cal",)
    )
    for n, listed in enumerate(([token], [replace(token, scopes=("read:cal", "write:cal"))], [])):
        moment = now + timedelta(seconds=n)
        consent_and_token_sync._compare(
            settings.ENV.issuer, sub, AccessKind.REFRESH_TOKEN, listed, moment
        )
        sequencer.run_once()
    return AppAccess.objects.get()


def test_applications_that_act_as_people_are_part_of_what_changed(
    desk: AppAccess, gateway: Gateways
) -> None:
    auditor = signed_in("auditor", "auditor")
    came = auditor.get(f"{PAGE}?from=0&to=2").content.decode()
    assert "Appeared, in force" in came and ">desk</a>" in came and "write:cal" in came
    assert "Mia Member" in came and "refresh token" in came
    went = auditor.get(f"{PAGE}?from=1&to=3").content.decode()
    assert "Ended: was in force, is gone" in went and "Its scopes changed" in went
    path = "/v1/connections/ibom/difference?from=1"
    told = gateway("auditor").call("GET", path).json()["items"]
    assert [(one["what"], one["application"], one["index"]) for one in told] == [
        ("vanished", "desk", 2),
        ("scopes", "desk", 1),
    ]
    assert told[0]["owner"]["sub"] == subject("member1") and told[0]["connection"] is None


def test_a_refresh_token_that_opens_another_api_is_a_change_of_its_own(
    desk: AppAccess, gateway: Gateways
) -> None:
    token = Listed(
        AccessKind.REFRESH_TOKEN, "rt_2", "desk", ("https://cal.example",), ("read:cal",)
    )
    wider = replace(token, audiences=("https://cal.example", "https://mail.example"))
    for n, one in enumerate((token, wider)):
        moment = clock.now() + timedelta(seconds=n)
        sub = subject("member1")
        consent_and_token_sync._compare(
            settings.ENV.issuer, sub, AccessKind.REFRESH_TOKEN, [one], moment
        )
        sequencer.run_once()
    auditor = signed_in("auditor", "auditor")
    page = auditor.get(f"{PAGE}?from=4&what=apis").content.decode()
    assert "The APIs that it opens changed" in page and "https://mail.example" in page
    path = "/v1/connections/ibom/difference?from=4"
    [told] = gateway("auditor").call("GET", path).json()["items"]
    assert (told["what"], told["gained"]) == ("apis", ["https://mail.example"])


def test_an_application_that_appeared_comes_with_the_apis_that_it_opens(
    desk: AppAccess, story: ConnectedAccount, gateway: Gateways
) -> None:
    page = signed_in("auditor", "auditor").get(f"{PAGE}?from=0&to=1&what=appeared").content.decode()
    assert "Appeared, in force" in page and "opens https://cal.example" in page
    path = "/v1/connections/ibom/difference"
    [came] = gateway("auditor").call("GET", f"{path}?from=0&to=1").json()["items"]
    assert (came["what"], came["audiences"]) == ("appeared", ["https://cal.example"])
    assert came["gained"] == ["read:cal"]
    others = gateway("auditor").call("GET", f"{path}?from=3").json()["items"]
    assert others and all(one["audiences"] is None for one in others if one["connection"])


def test_an_application_that_opens_no_api_says_nothing_of_any(db: None, gateway: Gateways) -> None:
    know("member1")
    grant = Listed(AccessKind.GRANT, "cgr_1", "desk", (), ())
    consent_and_token_sync._compare(
        settings.ENV.issuer, subject("member1"), AccessKind.GRANT, [grant], clock.now()
    )
    sequencer.run_once()
    page = signed_in("auditor", "auditor").get(f"{PAGE}?from=0").content.decode()
    assert "Appeared, in force" in page and "opens " not in page
    [came] = (
        gateway("auditor").call("GET", "/v1/connections/ibom/difference?from=0").json()["items"]
    )
    assert came["audiences"] == []


def test_the_inventory_of_a_moment_has_the_applications_of_then(desk: AppAccess) -> None:
    auditor = signed_in("auditor", "auditor")
    body = json.loads(auditor.get("/connections/inventory/ibom/?at=1").content)
    [token] = [part for part in body["components"] if part["bom-ref"] == f"access:{desk.pk}"]
    said = [(one["name"], one["value"]) for one in token["properties"]]
    assert ("ata:state", "live") in said and ("ata:scope", "write:cal") not in said
    assert ("ata:use", "the log does not tell") in said
    assert [one["comment"] for one in token["externalReferences"]] == ["entry 0 of the log"] * 2


def test_an_erased_owner_is_named_as_erased(story: ConnectedAccount, gateway: Gateways) -> None:
    erase_person(Subject(settings.ENV.issuer, subject("member1")).key)
    page = signed_in("auditor", "auditor").get(f"{PAGE}?from=0&to=2").content.decode()
    assert "owner erased" in page and "member1@acme" not in page
    answer = gateway("auditor").call("GET", "/v1/connections/ibom/difference?from=0&to=2").json()
    assert answer["items"][0]["owner"] == {"erased": True}


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?from=x", "from: a number of entries"),
        ("?from=1&to=99999", "to: the log has"),
        ("?from=3&to=1", "has to come before"),
    ],
)
def test_what_is_no_range_says_why(
    story: ConnectedAccount, gateway: Gateways, query: str, says: str
) -> None:
    answer = signed_in("auditor", "auditor").get(f"{PAGE}{query}")
    assert answer.status_code == 422 and says in answer.content.decode()
    told = gateway("auditor").call("GET", f"/v1/connections/ibom/difference{query}")
    assert told.status_code == 422 and says in told.json()["detail"]


def test_the_api_tells_the_same_changes_to_those_who_see_all(
    story: ConnectedAccount, gateway: Gateways
) -> None:
    path = "/v1/connections/ibom/difference?from=1"
    told: dict[str, Any] = gateway("auditor").call("GET", path).json()
    assert told["from"]["size"] == 1 and told["to"]["size"] == 4
    assert {(one["what"], one["index"]) for one in told["items"]} == {
        ("scopes", 1),
        ("appeared", 2),
    }
    [scopes] = [one for one in told["items"] if one["what"] == "scopes"]
    assert (scopes["gained"], scopes["lost"]) == (["gist"], ["repo"])
    assert gateway("member1").call("GET", path).status_code == 403
    assert Gateway("").call("GET", path).status_code == 401


def test_the_list_is_filtered_and_paged_over_the_api(db: None, gateway: Gateways) -> None:
    know("member1", "member2")
    fact = update_accounts.Fact("a", "github", ("repo",), clock.now(), None)
    for n in range(7):
        who = "member1" if n % 2 else "member2"
        one = replace(fact, auth0_id=f"c{n}", connection="slack" if n == 3 else "github")
        update_accounts.appeared(settings.ENV.issuer, subject(who), one, "management")
    ada, seen, path = gateway("auditor"), [], "/v1/connections?connection=github&limit=4"
    answer = ada.call("GET", path).json()
    assert answer["total"] == 6
    while True:
        seen += [one["id"] for one in answer["items"]]
        if answer["next"] is None:
            break
        answer = ada.call("GET", f"{path}&after={answer['next']}").json()
    assert len(seen) == len(set(seen)) == 6
    mine = gateway("member1").call("GET", "/v1/connections?show=excess").json()
    assert mine["total"] == 3 and {one["owner"]["sub"] for one in mine["items"]} == {
        subject("member1")
    }
    other = gateway("member1").call("GET", f"/v1/connections?owner={subject('member2')}").json()
    assert other["items"] == []


@pytest.mark.parametrize(
    ("query", "code", "nearest"),
    [
        ("?sate=connected", "unknown_filter", "state"),
        ("?state=conected", "bad_filter", "connected"),
        ("?group=person", "unknown_filter", None),
        (f"?q={'q' * 101}", "bad_filter", None),
        ("?limit=0", "invalid_request", None),
        ("?limit=0000005000000", "invalid_request", None),
        (f"?limit=000000005{'0' * 5000}", "invalid_request", None),
        ("?after=x", "bad_cursor", None),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused(
    db: None, gateway: Gateways, query: str, code: str, nearest: str | None
) -> None:
    told = gateway("auditor").call("GET", f"/v1/connections{query}")
    assert (told.status_code, told.json()["code"]) == (422, code)
    assert told.json().get("nearest") == nearest
