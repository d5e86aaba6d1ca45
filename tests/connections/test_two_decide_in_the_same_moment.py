"""Two people decide on one account of a review at once: each is told of their own decision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from connections.models import ConnectedAccount, ReviewItem, State
from tests.accounts.trail import events
from tests.connections.campaign import (
    _people,
    decide,
    mia,
    only,
    opened,
    path,
    person,
)
from tests.connections.visitor import Gateway, subject
from tests.support.pages import signed_in

__all__ = ["_people", "mia"]  # fixtures

type Gateways = Callable[[str], Gateway]
BOTH: dict[str, Any] = {"reviewers": "admins", "admins": ["admin", "admin2"]}


def another() -> Any:
    return person("admin2", "admin")


@contextmanager
def right_after(told: Callable[[str], bool], act: Callable[[], object]) -> Iterator[None]:
    """Let somebody `act` between what this thread asked of the database and what it asks next."""
    state = {"told": False, "done": False}

    def watch(execute: Any, sql: str, *rest: Any) -> Any:
        if state["told"] and not state["done"] and not connection.savepoint_ids:
            state["done"] = True
            act()
        answer = execute(sql, *rest)
        state["told"] = state["told"] or told(sql)
        return answer

    with connection.execute_wrapper(watch):
        yield
    if not state["done"]:
        act()


def read(sql: str) -> bool:
    return sql.startswith("SELECT") and 'FROM "connections_reviewitem"' in sql


def written(sql: str) -> bool:
    """The decision, within its transaction: whoever acts next does so after it."""
    return sql.startswith('UPDATE "connections_reviewitem" SET "event"')


@pytest.fixture
def item(mia: ConnectedAccount) -> ReviewItem:
    return only(opened(**BOTH))


def door(item: ReviewItem) -> str:
    return f"/v1/reviews/{item.review_id}/accounts/{item.pk}/decide"


def mine(who: str) -> dict[str, Any]:
    [event] = [one for one in events("review.decided") if one["actor"]["sub"] == subject(who)]
    return event


@pytest.mark.parametrize("decision", ["keep", "reduce"])
def test_whoever_decided_first_is_told_of_their_own_decision(
    item: ReviewItem, gateway: Gateways, decision: str
) -> None:
    client = gateway("admin")
    with right_after(written, lambda: decide(another(), only(item.review), "revoke", "old")):
        answer = client.call("POST", door(item), {"decision": decision})
    assert answer.status_code == 201, answer.content
    told = answer.json()
    assert (told["decision"], told["event_id"]) == (decision, mine("admin")["id"])
    assert told["refused"] is None and told["operation"] is None
    item.refresh_from_db()
    assert (item.choice, item.event) == ("revoke", mine("admin2")["id"])


def test_a_refused_decision_is_no_other_persons(item: ReviewItem, gateway: Gateways) -> None:
    client = gateway("admin")
    with right_after(read, lambda: decide(another(), only(item.review), "keep")):
        answer = client.call("POST", door(item), {"decision": "revoke"})
    assert (answer.status_code, answer.json()["code"]) == (409, "reason_needed")
    assert len(events("review.decided")) == 1


def test_the_page_of_a_refused_decision_claims_no_other_persons(item: ReviewItem) -> None:
    client = signed_in("admin", "admin")
    with right_after(read, lambda: decide(another(), only(item.review), "keep")):
        answer = client.post(path(item), {"choice": "revoke"})
    assert answer.status_code == 422 and "needs a reason" in answer.content.decode()


@pytest.mark.parametrize("choice", ["keep", "revoke"])
def test_a_revocation_that_was_decided_over_says_that_another_answer_counts(
    item: ReviewItem, gateway: Gateways, mia: ConnectedAccount, choice: str
) -> None:
    client, key = gateway("admin"), {"idempotency_key": f"one-{choice}"}
    body = {"decision": "revoke", "reason": "old"}
    with right_after(written, lambda: decide(another(), only(item.review), choice, "a look")):
        answer = client.call("POST", door(item), body, **key)
    told = answer.json()
    assert (answer.status_code, told["refused"]["code"]) == (201, "decided_again")
    assert (told["decision"], told["event_id"]) == ("revoke", mine("admin")["id"])
    assert told["remedy"] == "someone decided again meanwhile: that answer counts"
    assert client.call("POST", door(item), body, **key).json() == told
    mia.refresh_from_db()
    begun = [one["actor"]["sub"] for one in events("approval.requested")]
    if choice == "keep":
        assert (mia.state, begun) == (State.CONNECTED, [])
    else:  # theirs, once
        assert (mia.state, begun) == (State.SUSPENDED, [subject("admin2")])


def test_the_page_says_that_another_answer_counts(item: ReviewItem) -> None:
    client = signed_in("admin", "admin")
    with right_after(written, lambda: decide(another(), only(item.review), "keep")):
        answer = client.post(path(item), {"choice": "revoke", "reason": "old"}, follow=True)
    page = answer.content.decode()
    assert "Someone decided on this account again meanwhile" in page
    assert "You chose to revoke " in page
