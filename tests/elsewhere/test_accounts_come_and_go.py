"""Connecting, disconnecting, reviews and revoking for others, at a provider that fails."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.elsewhere.whole_house import HTML, PUSH, SLOW, SUBS, WholeHouse, limited
from tests.support.stack import eventually

COMPLETE = "POST /me/v1/connected-accounts/complete"
ENDED = "POST /api/v2/users/.*/revoke-access"
UNDO_S = 10


def deleting(account: dict[str, Any]) -> str:
    return f"DELETE /me/v1/connected-accounts/accounts/{account['id']}"


def outcomes(place: WholeHouse, connection: str) -> list[str]:
    """How the attempts to connect ended, oldest first."""
    found = place.told("connection.connected", connection=connection)
    return [event["outcome"] for event in reversed(found)]


@pytest.mark.parametrize(
    ("connection", "fault", "done", "outcome"),
    [
        ("dropbox", limited(1), False, "failure"),
        ("dropbox", {"status": 500}, False, "unknown"),
        ("dropbox", HTML, False, "unknown"),
        ("google-oauth2", {"cut": True}, True, "unknown"),
        ("slack", HTML | {"done": True}, True, "unknown"),
        ("github", SLOW, True, "unknown"),
    ],
    ids=["429", "500", "malformed", "cut", "malformed after the work", "slow"],
)
def test_what_is_said_to_be_connected_is_what_the_provider_holds(
    place: WholeHouse, connection: str, fault: dict[str, Any], done: bool, outcome: str
) -> None:
    def held() -> list[dict[str, Any]]:
        return [a for a in place.in_vault("mia") if a["connection"] == connection]

    before = outcomes(place, connection)
    assert not held(), "another case left it"
    place.breaks(COMPLETE, fault)
    page = place.connects("mia", connection, "octo-mia")
    assert page.status_code == 200 and "was connected." not in page.text
    assert len(held()) == done
    listed = [a for a in place.accounts_of(SUBS["mia"]) if a["connection"] == connection]
    assert len([a for a in listed if a["state"] == "connected"]) == done, "shown at once"
    assert outcomes(place, connection) == [*before, outcome]
    if done:
        page = place.connects("mia", connection, "octo-mia")
        assert "connected already" in page.text
        assert (len(held()), place.state("mia", connection)) == (1, "connected")


def test_connecting_after_keys_changed(place: WholeHouse) -> None:
    """Who looked for keys less than five seconds ago looks a little later; nothing is half done."""
    place.visitor("tara")
    place.vault.tell(rotate_keys=f"key-{time.time()}")
    eventually(
        lambda: "was connected." in place.connects("tara", "dropbox", "tara").text,
        "the portal finds the new key by itself",
    )
    assert [a["connection"] for a in place.in_vault("tara")].count("dropbox") == 1


def test_what_is_said_to_be_deleted_is_gone(place: WholeHouse) -> None:
    """Of five accounts one deletion is limited, one fails, one meets a hotel, one is lost, one is
    late; what the provider did not say to be gone stays due until the next visit."""
    names = ("github", "slack", "dropbox", "google-oauth2", "jira")
    for name in names:
        assert "was connected." in place.connects("nina", name, "octo-nina").text
    held = {account["connection"]: account for account in place.in_vault("nina")}
    ids = {name: place.account("nina", name) for name in names}
    for name, pk in ids.items():
        place.api("POST", f"/v1/connections/{pk}/revoke", SUBS["nina"], "member", {})
        assert place.ask(place.vault.token(SUBS["nina"]), name, Skill="").status == 403
    assert len(place.in_vault("nina")) == 5, "the undo window"
    time.sleep(UNDO_S)
    faults: dict[str, dict[str, Any]] = {
        "github": limited(30),
        "slack": {"status": 500},
        "dropbox": HTML,
        "google-oauth2": {"cut": True},
        "jira": SLOW,
    }
    for name, fault in faults.items():
        place.breaks(re.escape(deleting(held[name])), fault)
    page = place.visitor("nina").get("/connections/finish/")
    assert page.text.count("was deleted at Auth0.") == 2
    assert page.text.count("was not deleted at Auth0.") == 3
    left = ["dropbox", "github", "slack"]
    assert sorted(a["connection"] for a in place.in_vault("nina")) == left
    assert [place.state("nina", name) for name in left] == ["revocation_pending"] * 3
    page = place.visitor("nina").get("/connections/finish/")
    assert page.text.count("was deleted at Auth0.") == 3
    assert place.in_vault("nina") == []
    eventually(lambda: len(deletions(place, *ids.values())) >= 5, "each step's event")
    steps = deletions(place, *ids.values())
    assert (len(steps), {step["outcome"] for step in steps}) == (5, {"success"})
    assert all(len(place.calls(re.escape(deleting(a)))) == 2 for a in held.values())


def deletions(place: WholeHouse, *ids: str) -> list[dict[str, Any]]:
    """The events of finished steps about accounts."""
    return [e for e in place.told("connection.revoked")
            if e["data"].get("step") and e["target"]["name"] in ids]  # fmt: skip


@pytest.mark.parametrize(
    ("who", "faults", "tries"),
    [
        ("sven", [limited(3), {"cut": True}], 2),
        ("pia", [{"status": 500}, HTML, SLOW], 3),
        ("quin", [limited(0, by="X-RateLimit-Reset")], 2),
    ],
    ids=["429 and lost", "500, malformed and slow", "429 that names its reset"],
)
def test_sessions_of_another_person_are_ended_once(
    place: WholeHouse, who: str, faults: list[dict[str, Any]], tries: int
) -> None:
    assert "was connected." in place.connects(who, "dropbox", f"{who}-dropbox").text
    account, ended = place.account(who, "dropbox"), f"POST /api/v2/users/{SUBS[who]}/revoke-access"
    pk = place.asks_as("anya", "admin", "connection.revoke", "connection", account,
                       end_sessions=True)  # fmt: skip
    assert place.state(who, "dropbox") == "suspended", "refused at once"
    approver = place.asked(pk)
    if "X-RateLimit-Reset" in faults[0].get("headers", {}):
        faults = [limited(int(time.time()) + 8, by="X-RateLimit-Reset")]
    place.breaks(re.escape(ended), *faults)
    began = time.time()
    assert SUBS[who] in place.vault.tell()["sessions"]
    place.answered(pk, approver)
    assert place.closed(pk)["outcome"] == "approved"
    steps = eventually(lambda: deletions(place, account), "the step's event")
    assert [step["data"]["step"] for step in steps] == ["auth0.revoke_access"]
    assert SUBS[who] not in place.vault.tell()["sessions"]
    calls = place.calls(re.escape(ended), began)
    assert len(calls) == tries, "done once more only where it was not done"
    if "headers" in faults[0]:
        asked = faults[0]["headers"]
        wait = float(asked.get("Retry-After", 0)) or float(asked["X-RateLimit-Reset"]) - calls[0]
        assert calls[1] - calls[0] >= wait - 0.1, "its limit is honoured"
    assert place.state(who, "dropbox") == "revocation_pending"
    assert len(place.in_vault(who)) == 1, "only the owner's own token deletes it"
    place.breaks(re.escape(deleting(place.in_vault(who)[0])), {"status": 500})
    page = place.visitor(who).sign_in()
    assert "was not deleted at Auth0." in page.text
    assert place.state(who, "dropbox") == "revocation_pending"
    page = place.visitor(who).get("/connections/finish/")
    assert "was deleted at Auth0." in page.text and place.in_vault(who) == []
    assert place.state(who, "dropbox") == "", "revoked"


def test_a_review_says_what_came_of_its_decisions(place: WholeHouse) -> None:
    assert "was connected." in place.connects("rhea", "slack", "rhea-slack").text
    anya = place.visitor("anya")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    page = anya.submit("/connections/reviews/new/", title="Elsewhere", due=tomorrow,
                       reviewers="admins", admins=SUBS["anya"], connection="slack")  # fmt: skip
    review = page.url.path
    account = place.account("rhea", "slack")
    items = set(re.findall(rf'{review}([0-9a-f-]{{36}})/"', page.text))
    mine = next(i for i in items if account in anya.get(f"{review}{i}/").text)
    place.breaks(PUSH, limited(1), having=SUBS["amir"])
    anya.submit(f"{review}{mine}/", choice="revoke", reason="not needed")
    assert place.state("rhea", "slack") == "suspended"
    pk = next(a["id"] for a in place.pending() if a["target"]["name"] == account)
    place.answered(pk, "amir", cut=True)
    assert (over := place.closed(pk))["code"] == "answer_lost", over
    assert "revocation was not approved" in anya.get(f"{review}{mine}/").text
    assert place.state("rhea", "slack") == "suspended" and len(place.in_vault("rhea")) == 1
    anya.submit(f"{review}{mine}/", f"{review}{mine}/revoke/")
    pk = next(a["id"] for a in place.pending() if a["target"]["name"] == account)
    place.answered(pk, "amir")
    assert place.closed(pk)["outcome"] == "approved"
    assert "deletion at Auth0 is pending" in anya.get(f"{review}{mine}/").text
    place.visitor("rhea").get("/connections/finish/")
    assert place.in_vault("rhea") == []
    anya.submit(review, f"{review}close/")
    _, *lines = anya.get(f"{review}result/").text.splitlines()
    (told,) = [json.loads(line) for line in lines if account in line]
    assert (told["decision"], "revoked" in told.values()) == ("revoke", True), told


def test_a_caller_is_told_when_the_limit_resets(place: WholeHouse) -> None:
    assert "was connected." in place.connects("tara", "jira", "tara-jira").text
    reset = int(time.time()) + 40
    place.vault.tell(faults=[limited(reset, by="X-RateLimit-Reset")])
    said = place.ask(place.vault.token(SUBS["tara"]), "jira", Skill="")
    assert (said.status, said.code) == (429, "rate_limited")
    assert reset - time.time() <= int(said.headers["retry-after"]) <= 40
