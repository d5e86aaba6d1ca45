"""`/v1/absence`: an approver is away until a day, and back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from approvals import clock
from approvals.models import Person
from tests.accounts.trail import events
from tests.connections.visitor import Gateway, device_token, know
from tests.support.pages import signed_in
from tests.support.tenant import LocalTenant

PATH = "/v1/absence"


@pytest.fixture
def gateway(portal_tenant: LocalTenant) -> Callable[[str], Gateway]:
    """The command line of a person."""

    def of(who: str) -> Gateway:
        know(who)
        return Gateway(device_token(portal_tenant, who))

    return of


def later(days: int = 3) -> str:
    return (clock.now().date() + timedelta(days=days)).isoformat()


def test_it_is_set_read_and_cleared(gateway: Callable[[str], Gateway]) -> None:
    olu = gateway("operator")
    assert olu.call("GET", PATH).json() == {"until": None}
    assert olu.call("PUT", PATH, {"until": later()}).json() == {"until": later()}
    assert olu.call("GET", PATH).json() == {"until": later()}
    assert olu.call("DELETE", PATH).json() == {"until": None}
    [event] = events("person.away_set")
    assert event["data"]["until"] == later() and event["via"] == "cli"
    assert len(events("person.away_cleared")) == 1


@pytest.mark.parametrize(
    "body",
    [{}, {"until": "soon"}, {"until": None}, {"until": "2001-01-01"}, {"until": later(400)},
     {"until": later(), "sub": "auth0|somebody"}],
)  # fmt: skip
def test_a_day_that_cannot_be_is_refused(gateway: Callable[[str], Gateway], body: Any) -> None:
    answer = gateway("operator").call("PUT", PATH, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert not events("person.away_set")


def test_who_may_not(gateway: Callable[[str], Gateway]) -> None:
    know("member1", "auditor")
    for who in ("member1", "auditor"):
        for method, body in (("PUT", {"until": later()}), ("DELETE", None)):
            answer = gateway(who).call(method, PATH, body)
            assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
    assert Gateway("").call("PUT", PATH, {"until": later()}).status_code == 401
    assert gateway("operator").call("POST", PATH, {"until": later()}).status_code == 405
    assert signed_in("operator", "operator").get(PATH).status_code == 401
    assert not Person.objects.exclude(away_until=None).exists()
