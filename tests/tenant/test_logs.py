"""Tenant logs: by checkpoint, by search, and pushed as a stream."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

from tests.support.sign_in import SUBS, Attempt, callback, management_token, sign_in
from tests.support.stack import eventually
from tests.support.tenant import Browser, LocalTenant
from tests.tenant.conftest import STREAM_TOKEN, Observed

STREAM_PATH = "/v1/ingest/auth0-logs"


@pytest.fixture
def api(tenant_server: LocalTenant) -> httpx.Client:
    headers = {"Authorization": f"Bearer {management_token(tenant_server)}"}
    return httpx.Client(base_url=f"{tenant_server.url}/api/v2", headers=headers)


def newest(api: httpx.Client, kind: str = "") -> dict[str, Any]:
    """The newest event; of a kind where others may still come of what an earlier test began."""
    only = {"q": f"type:{kind}"} if kind else {}
    found = api.get("/logs", params={"per_page": 1, "sort": "date:-1", **only}).json()
    return dict(found[0])


def next_url(answer: httpx.Response) -> str:
    return answer.headers["link"].removeprefix("<").partition(">")[0]


def test_a_checkpoint_gives_what_came_after_it_in_order(
    tenant_server: LocalTenant, browser: Browser, api: httpx.Client
) -> None:
    seed = newest(api)["log_id"]
    sign_in(browser, Attempt(tenant_server), "auditor")
    answer = api.get("/logs", params={"from": seed, "take": 100, "q": "ignored:syntax"})
    # Who was signed out by an earlier test is told of it meanwhile, which is an event too.
    told = [event for event in answer.json() if "backchannel" not in event["type"]]
    assert [event["type"] for event in told] == ["s", "seacft"]
    signed_in = told[0]
    assert signed_in["user_id"] == SUBS["auditor"]
    assert signed_in["client_id"] == "ata-web"
    assert signed_in["_id"] == signed_in["log_id"] > seed
    assert signed_in["date"].endswith("Z")
    assert f"from={answer.json()[-1]['log_id']}" in next_url(answer)
    assert 'rel="next"' in answer.headers["link"]


def test_an_empty_checkpoint_page_repeats_its_own_address(api: httpx.Client) -> None:
    def after_the_newest() -> httpx.Response | None:
        page = api.get("/logs", params={"from": newest(api)["log_id"], "take": 5})
        return page if page.json() == [] else None

    first = eventually(after_the_newest, "nothing of an earlier test comes any more")
    assert first is not None
    second = api.get(next_url(first))
    assert second.json() == []
    assert next_url(second) == next_url(first)


def test_an_unknown_checkpoint_is_refused(api: httpx.Client) -> None:
    answer = api.get("/logs", params={"from": "900never"})
    assert answer.status_code == 400
    assert "900never" in answer.json()["message"]


def test_search_finds_by_type_and_person_and_pages(
    tenant_server: LocalTenant, api: httpx.Client
) -> None:
    for _ in range(3):
        sign_in(tenant_server.browser(), Attempt(tenant_server), "member2")
    query = f'type:"s" AND user_id:"{SUBS["member2"]}"'
    page = api.get(
        "/logs", params={"q": query, "per_page": 2, "page": 1, "include_totals": "true"}
    ).json()
    assert page["start"] == 2
    assert page["total"] >= 3
    assert {event["user_id"] for event in page["logs"]} == {SUBS["member2"]}
    own = api.get(f"/users/{SUBS['member2']}/logs", params={"fields": "type,log_id"}).json()
    assert {frozenset(event) for event in own} == {frozenset({"type", "log_id"})}


@pytest.mark.parametrize(
    ("params", "status", "word"),
    [
        ({"q": "secret:x"}, 400, "not searchable"),
        ({"q": "nonsense"}, 400, "field:value"),
        ({"page": 10, "per_page": 100}, 400, "from and take"),
        ({"per_page": 101}, 400, "per_page"),
        ({"q": "type:" + "x" * 2000}, 414, "too long"),
    ],
)
def test_a_search_that_cannot_work_says_why(
    api: httpx.Client, params: dict[str, Any], status: int, word: str
) -> None:
    answer = api.get("/logs", params=params)
    assert answer.status_code == status
    assert word in answer.json()["message"]


def test_failures_are_logged_without_the_secret_that_failed(
    tenant_server: LocalTenant, browser: Browser, api: httpx.Client
) -> None:
    before = newest(api)
    attempt = Attempt(tenant_server)
    code = callback(browser.sign_in(browser.get(attempt.url()), SUBS["auditor"]))["code"]
    attempt.redeem(code, code_verifier="y" * 43)
    event = newest(api, "feacft")
    assert event["date"] > before["date"]
    assert event["details"] == {"error": "invalid_grant"}
    assert code not in json.dumps(event)
    assert api.get(f"/logs/{event['log_id']}").json() == event


def streamed(observed: Observed, wanted: str, within: float = 30.0) -> list[dict[str, Any]]:
    """Every streamed item until one of type ``wanted`` arrived."""
    items: list[dict[str, Any]] = []
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        arrived = observed.portal.next(STREAM_PATH)
        assert arrived.headers["authorization"] == STREAM_TOKEN
        assert arrived.headers["content-type"] == "application/json"
        items += [json.loads(line) for line in arrived.body.splitlines()]
        if wanted in {item["data"]["type"] for item in items}:
            return items
    raise AssertionError(f"no {wanted} within {within} s")


def test_the_stream_pushes_json_lines_with_the_static_authorization(observed: Observed) -> None:
    sign_in(observed.tenant.browser(), Attempt(observed.tenant), "admin2")
    items = streamed(observed, "seacft")
    assert all(set(item) == {"log_id", "data"} for item in items)
    assert all(item["log_id"] == item["data"]["log_id"] for item in items)


def test_what_the_receiver_did_not_take_is_sent_again(observed: Observed) -> None:
    observed.portal.answers[STREAM_PATH] = [503]
    sign_in(observed.tenant.browser(), Attempt(observed.tenant), "admin2")
    arrived: list[str] = []
    deadline = time.monotonic() + 30
    while len(arrived) == len(set(arrived)) and time.monotonic() < deadline:
        body = observed.portal.next(STREAM_PATH).body
        arrived += [json.loads(line)["log_id"] for line in body.splitlines()]
    assert len(arrived) > len(set(arrived))
