"""The page of what is decided and not finished: for whom it waits, since when, and trying again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from approvals import clock
from approvals.due_work import STEPS
from approvals.models import Approval, Effect, EffectState, Outcome, Status
from approvals.outbox import seals
from approvals.pipeline.service import perform
from audit.clock import uuid7
from audit.recording.actors import Actor, Target
from connections.models import ConnectedAccount, Review, ReviewItem, State
from connections.revocation import deletion_step, pending_steps_list
from connections.sync import update_accounts
from tests.accounts.trail import events
from tests.connections.visitor import know, subject
from tests.support.pages import signed_in
from tests.support.sweeping import sweep


def person(who: str, *roles: str) -> Actor:
    return Actor(iss=settings.ENV.issuer, sub=subject(who), roles=frozenset(roles), via="web")


@pytest.fixture
def account(db: None) -> ConnectedAccount:
    """Mia Member's GitHub account."""
    know("admin", "admin2", "member1")
    fact = update_accounts.Fact("cac_1", "github", ("repo",), None, None)
    return update_accounts.appeared(settings.ENV.issuer, subject("member1"), fact, "management")


def target(account: ConnectedAccount) -> Target:
    return Target("connection", str(account.id))


def step(account: ConnectedAccount, state: str, kind: str = deletion_step.END_ACCESS) -> Effect:
    now = clock.now()
    made = Effect(
        id=uuid7(),
        kind=kind,
        verb="connection.revoke",
        event="connection.revoked",
        operation="op",
        target_kind="connection",
        target_name=str(account.id),
        label="End all sessions",
        payload={"account": str(account.id), "connection": "github", "operation": "op"},
        state=state,
        attempts=40,
        created=now,
        updated=now,
        due=None if state == EffectState.FAILED else now,
    )
    made.save(force_insert=True)
    seals.reseal([made.pk])
    return made


def told() -> list[tuple[str, str, str]]:
    return [(one.what, one.waits_for, one.state) for one in pending_steps_list.pending()]


def test_a_deletion_waits_for_its_owner(account: ConnectedAccount) -> None:
    perform(person("member1"), "connection.revoke", target(account))
    assert told() == [("Delete Mia Member’s GitHub account at Auth0", "Mia Member", "waits")]


def test_a_request_waits_for_whoever_is_asked(account: ConnectedAccount) -> None:
    perform(person("admin", "admin"), "connection.revoke", target(account), reason="x")
    [(what, who, state)] = told()
    assert what.startswith("Revoke “Mia Member”'s GitHub account") and state == "waits"
    assert who.startswith("Anya Admin")


def test_what_nobody_answered_waits_for_an_admin(account: ConnectedAccount) -> None:
    perform(person("admin", "admin"), "connection.revoke", target(account), reason="x")
    Approval.objects.update(status=Status.CLOSED, outcome=Outcome.EXPIRED)
    assert told() == [("Revoke or resume Mia Member’s GitHub account", "an admin", "waits")]


@pytest.mark.parametrize(
    ("state", "shown"), [("pending", "waits"), ("unknown", "unknown"), ("failed", "failed")]
)
def test_a_remote_step_waits_for_auth0(account: ConnectedAccount, state: str, shown: str) -> None:
    step(account, state)
    assert told() == [("End all sessions", "Auth0", shown)]
    page = signed_in("admin", "admin").get("/connections/remediations/").content.decode()
    assert "End all sessions" in page and "Try again" in page


def test_done_things_are_not_there(account: ConnectedAccount) -> None:
    step(account, "done")
    ConnectedAccount.objects.update(state=State.REVOKED)
    assert told() == []
    page = signed_in("auditor", "auditor").get("/connections/remediations/").content.decode()
    assert "Nothing is waiting" in page


def test_a_failed_step_is_looked_at_and_done_when_an_admin_tries_again(
    account: ConnectedAccount,
) -> None:
    ConnectedAccount.objects.update(state=State.REVOKED, operation="op")
    effect = step(account, "failed", deletion_step.DELETE)
    url = f"/connections/remediations/{effect.pk}/retry/"
    assert signed_in("admin", "admin").post(url).status_code == 302
    effect.refresh_from_db()
    assert (effect.state, effect.attempts) == ("unknown", 1), "its next try reads back first"
    sweep(STEPS)
    effect.refresh_from_db()
    assert effect.state == "done"
    assert events("connection.revoked")[-1]["data"]["step"] == deletion_step.DELETE


def test_many_requests_cost_no_more_queries_than_one(account: ConnectedAccount) -> None:
    def ask(service: str) -> None:
        fact = update_accounts.Fact(f"cac_{service}", service, ("repo",), None, None)
        row = update_accounts.appeared(settings.ENV.issuer, subject("member1"), fact, "management")
        perform(person("admin", "admin"), "connection.revoke", target(row), reason="x")

    ask("one")
    with CaptureQueriesContext(connection) as few:
        [(_, who, _)] = told()
    for service in ("two", "three", "four"):
        ask(service)
    with CaptureQueriesContext(connection) as many:
        assert [name for _, name, _ in told()] == [who] * 4
    assert len(many) == len(few)


def test_what_reviews_decided_long_ago_and_is_done_is_not_read(account: ConnectedAccount) -> None:
    now = clock.now()
    review = Review.objects.create(title="Spring", reviewers="owners", due=now, opened_at=now)
    frozen = {"iss": account.iss, "sub": account.sub, "connection": "github", "state": "connected"}
    ReviewItem.objects.bulk_create(
        ReviewItem(
            review=review, number=number, account=uuid7(), watched_since=now, choice="revoke",
            decided_at=now, operation="op", approval=str(uuid7()), **frozen,
        )
        for number in range(1, 2 * pending_steps_list.MOST)
    )  # fmt: skip
    ReviewItem.objects.create(
        review=review, number=1000, account=account.pk, watched_since=now, choice="revoke",
        decided_at=now, **frozen,
    )  # fmt: skip
    with CaptureQueriesContext(connection) as queries:
        assert [state for _, _, state in told()] == ["waits"]
    assert sum("reviewitem" in query["sql"] for query in queries) == 1


@pytest.mark.parametrize(("who", "status"), [("member1", 403), ("auditor", 403), ("operator", 403)])
def test_only_an_admin_tries_again(account: ConnectedAccount, who: str, status: int) -> None:
    effect = step(account, "failed")
    client = signed_in(who, *([] if who == "member1" else [who]))
    assert client.post(f"/connections/remediations/{effect.pk}/retry/").status_code == status
    assert client.get("/connections/remediations/").status_code == (
        200 if who == "auditor" else 403
    )
    assert Effect.objects.get().state == "failed"


def test_what_is_no_open_step_of_a_connection_is_not_tried(
    account: ConnectedAccount, client: Client
) -> None:
    done = step(account, "done")
    other = step(account, "failed")
    Effect.objects.filter(pk=other.pk).update(target_kind="skill")
    admin = signed_in("admin", "admin")
    for pk in (done.pk, other.pk, uuid7()):
        assert admin.post(f"/connections/remediations/{pk}/retry/").status_code == 404
    assert admin.get(f"/connections/remediations/{other.pk}/retry/").status_code == 405
    stranger = client.post(f"/connections/remediations/{other.pk}/retry/")
    assert stranger["Location"].startswith("/oidc/authenticate/")
    assert set(Effect.objects.values_list("state", flat=True)) == {"done", "failed"}


def pending_deletions(account: ConnectedAccount, many: int) -> None:
    """As many accounts of the same person that wait for them, one a second."""
    ConnectedAccount.objects.bulk_create(
        ConnectedAccount(
            iss=account.iss,
            sub=account.sub,
            connection="github",
            auth0_id=f"cac_{number}_waits",
            state=State.REVOCATION_PENDING,
            state_since=clock.now() - timedelta(seconds=many - number),
            source="management",
            seen_at=account.seen_at,
            watched_since=account.watched_since,
        )
        for number in range(many)
    )


@pytest.mark.parametrize(("many", "said"), [(200, ""), (1_000, "1,000."), (1_001, "1,000+.")])
def test_the_page_says_where_it_stopped_counting(
    account: ConnectedAccount, many: int, said: str
) -> None:
    pending_deletions(account, many)
    page = signed_in("auditor", "auditor").get("/connections/remediations/").content.decode()
    assert (f"The oldest 200 of {said}" in page) == bool(said)
    assert ("Newer" in page) == bool(said)


def test_five_thousand_are_gone_through_page_by_page(
    account: ConnectedAccount, django_assert_max_num_queries: Any
) -> None:
    pending_deletions(account, 5_000)
    client, url, seen = signed_in("auditor", "auditor"), "/connections/remediations/", 0
    client.get(url)  # what a process reads once
    with django_assert_max_num_queries(48):
        client.get(url)
    while url:
        page = client.get(url)
        seen += len(page.context["rows"])
        url = page.context["next_url"] and f"/connections/remediations/{page.context['next_url']}"
    assert seen == 5_000
    assert (
        signed_in("auditor", "auditor").get("/connections/remediations/?after=x").status_code == 200
    )
