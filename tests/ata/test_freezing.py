"""`ata freeze|unfreeze`, and what is set or suspended about connections: each is one decision."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import Reply, StandIn

ITEMS = [{"id": "c1", "connection": "github"}, {"id": "c2", "connection": "slack"}]


@pytest.mark.parametrize(
    ("words", "verb", "kind", "name"),
    [
        ("agent release-bot", "agent", "agent", "release-bot"),
        ("connection github", "connection", "service", "github"),
        ("person auth0|mia", "person", "person", "auth0|mia"),
        ("everything", "connection", "service", "*"),
    ],
)
def test_each_is_one_decision(
    signed_in: Ata, portal: StandIn, words: str, verb: str, kind: str, name: str
) -> None:
    portal.on("POST", "/v1/decisions", Reply(201, {"event_id": "e1"}))
    for act in ("freeze", "unfreeze"):
        done = signed_in.here(act, *words.split(), "--reason", "it wrote to nobody", "--json")
        assert done.exit_code == 0, done.stderr
    sent = portal.seen("POST", "/v1/decisions")
    about = {"target": {"kind": kind, "name": name}, "reason": "it wrote to nobody"}
    assert [one.json for one in sent] == [
        {"verb": f"{verb}.freeze", **about},
        {"verb": f"{verb}.unfreeze", **about},
    ]
    assert all(one.headers["idempotency-key"] for one in sent)


def test_the_name_of_an_agent_is_confirmed_with_an_option(signed_in: Ata, portal: StandIn) -> None:
    portal.on("POST", "/v1/decisions", Reply(201, {"event_id": "e1"}))
    assert signed_in.here("freeze", "agent", "claw", "--new").exit_code == 0
    [sent] = portal.seen("POST", "/v1/decisions")
    assert sent.json["params"] == {"new": True}
    assert signed_in.here("freeze", "me", "--new").exit_code == 2


@pytest.mark.parametrize("act", ["freeze", "unfreeze"])
def test_the_help_says_that_the_reason_is_sent(ata: Ata, act: str) -> None:
    said = " ".join(ata.here(act, "--help").stdout.replace("│", " ").split())
    assert "The reason is sent to the person, or to the owners of the agent" in said


def test_oneself_is_who_is_signed_in(signed_in: Ata, portal: StandIn) -> None:
    portal.on("POST", "/v1/decisions", Reply(201, {"event_id": "e1"}))
    assert signed_in.here("freeze", "me").exit_code == 0
    told: Any = portal.reply_to(portal.seen("GET", "/v1/whoami")[0]).body
    [sent] = portal.seen("POST", "/v1/decisions")
    assert sent.json["target"] == {"kind": "person", "name": told["sub"]}


@pytest.mark.parametrize(
    "words",
    ["", "agent", "everything now", "me myself", "house x"],
)
def test_what_is_not_named_is_wrong_usage(signed_in: Ata, portal: StandIn, words: str) -> None:
    assert signed_in.here("freeze", *words.split()).exit_code == 2
    assert portal.requests == []


@pytest.mark.parametrize("act", ["suspend", "resume"])
def test_a_connection_is_suspended_and_resumed_by_its_name(
    signed_in: Ata, portal: StandIn, act: str
) -> None:
    portal.on("GET", "/v1/connections", Reply(200, {"items": ITEMS}))
    portal.on("POST", "/v1/decisions", Reply(201, {"event_id": "e1"}))
    assert signed_in.here("connections", act, "slack", "--reason", "a trip").exit_code == 0
    [sent] = portal.seen("POST", "/v1/decisions")
    target = {"kind": "connection", "name": "c2"}
    assert sent.json == {"verb": f"connection.{act}", "target": target, "reason": "a trip"}


def test_when_a_connection_sleeps_is_set_and_listed(signed_in: Ata, portal: StandIn) -> None:
    where = "/v1/connections/settings"
    portal.on("PUT", f"{where}/github", Reply(201, {"event_id": "e1"}))
    one = {"connection": "github", "sentence": "GitHub sleeps.", "changed_at": "2026-11-25"}
    portal.on("GET", where, Reply(200, {"items": [one]}))
    hours = "mon-wed,fri 08:00-18:00 Europe/Vienna"
    words = ("--idle-hours", "8", "--hours", hours, "--wake", "owner", "--reason", "less")
    assert signed_in.here("connections", "set", "github", *words).exit_code == 0
    [sent] = portal.seen("PUT", f"{where}/github")
    days = ["mon", "tue", "wed", "fri"]
    told = {"days": days, "opens": "08:00", "closes": "18:00", "zone": "Europe/Vienna"}
    assert sent.json == {"wake": "owner", "reason": "less", "idle_h": 8, "hours": told}
    assert sent.headers["idempotency-key"]
    listed = signed_in.here("connections", "settings").stdout
    assert listed == "github\tGitHub sleeps.\t2026-11-25\n"


@pytest.mark.parametrize(
    "hours", ["always", "mon 08:00 18:00 UTC", "fri-mon 08:00-18:00 UTC", "day 08:00-18:00 UTC"]
)
def test_hours_that_cannot_be_read_are_wrong_usage(
    signed_in: Ata, portal: StandIn, hours: str
) -> None:
    assert signed_in.here("connections", "set", "github", "--hours", hours).exit_code == 2
    assert portal.requests == []
