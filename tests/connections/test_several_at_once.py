"""A selection of accounts: suspended at once, or revoked under one approval that names them all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings

from approvals.errors import Refused
from approvals.models import Approval, Effect, Outcome
from approvals.pipeline import intent
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from connections import account_names
from connections.lifecycle import bulk_decisions
from connections.models import ConnectedAccount, Notice, State
from connections.revocation import deletion_step
from connections.sync import update_accounts
from tests.accounts.trail import events
from tests.approvals.policies import keyed
from tests.connections.conftest import Travel
from tests.connections.phone import Phone
from tests.connections.visitor import Gateway, know, subject
from tests.support.pages import signed_in
from tests.support.sweeping import sweep
from tests.support.tenant import LocalTenant

WHO = ("member1", "member2", "operator")


@pytest.fixture
def ids(db: None) -> list[str]:
    """Three people's GitHub accounts."""
    know("admin", "admin2", *WHO)
    made = []
    for who in WHO:
        fact = update_accounts.Fact(f"cac_{who}", "github", ("repo",), None, None)
        made.append(update_accounts.appeared(settings.ENV.issuer, subject(who), fact, "management"))
    return [str(row.id) for row in made]


@pytest.fixture
def phone(portal_tenant: LocalTenant) -> Iterator[Phone]:
    """Anya Admin's phone."""
    browser = portal_tenant.browser()
    held = Phone(browser, "admin2")
    held.pick_up()
    yield held
    browser.http.close()


def admin(*roles: str) -> Actor:
    return Actor(
        iss=settings.ENV.issuer,
        sub=subject("admin"),
        name="Amir Admin",
        roles=frozenset(roles or ("admin",)),
        via="web",
    )


def decide(verb: str, ids: list[str], by: Actor | None = None, **more: Any) -> Any:
    params = {"accounts": ids, **more}
    return perform(
        by or admin(), verb, bulk_decisions.target_of(ids), params=params, reason="a leak"
    )


def states() -> list[str]:
    return list(ConnectedAccount.objects.order_by("pk").values_list("state", flat=True))


def answered(approval: Approval, travel: Travel) -> Approval:
    travel(6)
    sweep()
    approval.refresh_from_db()
    return approval


def test_more_accounts_than_a_phone_names_are_approved_by_passkey(ids: list[str]) -> None:
    ConnectedAccount.objects.update(label="a" * 100)
    approval = decide("selection.revoke", ids).approval
    assert approval.rule["channel"] == "ciba", "names are shortened"
    for number in range(12):
        fact = update_accounts.Fact(f"cac_{number}", "github", ("repo",), None, None)
        made = update_accounts.appeared(settings.ENV.issuer, subject("member1"), fact, "management")
        ids.append(str(made.id))
    with pytest.raises(Refused, match="has a passkey"):
        decide("selection.revoke", ids)
    assert Approval.objects.count() == 1
    keyed(Actor(iss=settings.ENV.issuer, sub=subject("admin2")))
    approval = decide("selection.revoke", ids).approval
    assert approval.rule["channel"] == "passkey"
    assert approval.sentence == "Revoke 15 accounts (GitHub) of 3 people"


def test_no_account_is_ticked_in_advance(ids: list[str]) -> None:
    page = signed_in("admin", "admin").get("/connections/inventory/selection/").content.decode()
    boxes = re.findall(r"<input[^>]*name=\"account\"[^>]*>", page)
    assert len(boxes) == 3 and not any("checked" in box for box in boxes)


def test_one_approval_names_them_all_and_each_gets_its_own_event_and_steps(
    ids: list[str], phone: Phone, travel: Travel
) -> None:
    approval = decide("selection.revoke", ids, end_sessions=True).approval
    begin, _, named = approval.sentence.partition(": ")
    assert begin == "Revoke 3 accounts and end all their owners' sessions"
    accounts = ConnectedAccount.objects.order_by("pk")
    assert named.split("; ") == [account_names.to_approve(one) for one in accounts]
    assert all(one in approval.intent for one in ids)
    assert approval.target_name == intent.digest({"accounts": sorted(ids)})
    assert approval.target_name in approval.intent
    assert states() == [State.SUSPENDED] * 3
    assert len(events("connection.suspended")) == 3 and len(events("selection.held")) == 1
    sweep()
    phone.approve(approval)
    assert answered(approval, travel).outcome == Outcome.APPROVED
    assert states() == [State.REVOCATION_PENDING] * 3
    told = events("connection.revoked")
    assert {event["target"]["name"] for event in told} == set(ids)
    assert {event["intent_hash"] for event in told} == {approval.intent_hash}
    assert {event["approval"] for event in told} == {str(approval.pk)}
    steps = Effect.objects.values_list("target_name", "kind")
    assert set(steps) == {
        (one, kind) for one in ids for kind in (deletion_step.DELETE, deletion_step.END_ACCESS)
    }
    [whole] = events("selection.revoked")
    assert whole["data"]["number"] == 3 and sorted(whole["data"]["accounts"]) == sorted(ids)
    assert Notice.objects.filter(code="revoked").count() == 3


def test_a_denial_gives_back_exactly_what_it_held(
    ids: list[str], phone: Phone, travel: Travel
) -> None:
    perform(admin(), "connection.suspend", Target("connection", ids[0]), reason="before")
    approval = decide("selection.revoke", ids).approval
    sweep()
    phone.deny(approval)
    assert answered(approval, travel).outcome == Outcome.DENIED
    travel(30)
    sweep()
    assert states() == [State.SUSPENDED, State.CONNECTED, State.CONNECTED]
    left = sorted(one["data"]["state"] for one in events("connection.resumed"))
    assert left == ["connected", "connected", "suspended"]
    assert not events("connection.revoked") and not Effect.objects.exists()


def test_what_its_owner_could_still_take_back_is_revoked_for_good(
    ids: list[str], phone: Phone, travel: Travel
) -> None:
    approval = decide("selection.revoke", ids).approval
    owner = Actor(iss=settings.ENV.issuer, sub=subject("member1"), via="web")
    perform(owner, "connection.revoke", Target("connection", ids[0]))
    sweep()
    phone.approve(approval)
    assert answered(approval, travel).outcome == Outcome.APPROVED, approval.outcome_detail
    [whole] = events("selection.revoked")
    assert (whole["data"]["number"], whole["data"]["left_alone"]) == (3, 0)
    with pytest.raises(Refused):
        perform(owner, "connection.resume", Target("connection", ids[0]))


def test_what_waits_about_one_of_them_is_overtaken(
    ids: list[str], phone: Phone, travel: Travel
) -> None:
    alone = perform(admin(), "connection.revoke", Target("connection", ids[0]), reason="x").approval
    together = decide("selection.revoke", ids).approval
    assert alone is not None
    sweep()
    phone.approve(together)
    answered(together, travel)
    alone.refresh_from_db()
    assert (alone.outcome, alone.outcome_code) == (Outcome.FAILED, "overtaken")


def test_suspending_needs_no_approval(ids: list[str]) -> None:
    done = decide("selection.suspend", ids[:2])
    assert done.event_id and states() == [State.SUSPENDED, State.SUSPENDED, State.CONNECTED]
    from audit.recording import action_registry

    [event] = events("selection.suspended")
    assert action_registry.sentence(event) == "Amir Admin suspended 2 connections"
    with pytest.raises(Refused) as no:
        decide("selection.suspend", ids[:2])
    assert no.value.code == "not_connected"


def test_a_list_that_is_not_what_its_name_says_is_refused(ids: list[str]) -> None:
    with pytest.raises(Refused) as no:
        perform(
            admin(),
            "selection.suspend",
            bulk_decisions.target_of(ids),
            params={"accounts": ids[:2]},
            reason="a leak",
        )
    assert no.value.code == "bad_target"
    strange = [*ids, "01a20000-0000-7000-8000-000000000000"]
    with pytest.raises(Refused) as no:
        decide("selection.revoke", strange)
    assert no.value.code == "unknown_connection"
    with pytest.raises(Refused) as no:
        decide("selection.suspend", [f"01a20000-0000-7000-8000-{n:012}" for n in range(101)])
    assert no.value.code == "bad_params"
    with pytest.raises(Refused) as no:
        decide("selection.suspend", [])
    assert no.value.code == "bad_params"
    assert states() == [State.CONNECTED] * 3


@pytest.mark.parametrize("roles", [("auditor",), ("operator",)])
@pytest.mark.parametrize("verb", ["selection.suspend", "selection.revoke"])
def test_only_an_admin_may(ids: list[str], roles: tuple[str, ...], verb: str) -> None:
    with pytest.raises(Refused) as no:
        decide(verb, ids, by=admin(*roles))
    assert no.value.code == "not_permitted"
    answer = signed_in(roles[0], *roles).post("/connections/inventory/selection/", {"account": ids})
    assert answer.status_code == 403 and states() == [State.CONNECTED] * 3


def test_the_page_takes_what_the_filter_takes_and_what_is_ticked(ids: list[str]) -> None:
    signed_in("admin2", "admin")
    client = signed_in("admin", "admin")
    page = client.get("/connections/inventory/selection/?connection=github").content.decode()
    assert (
        page.count('name="account"') == 3 and "Each owner of a ticked account is notified" in page
    )
    assert (
        client.get("/connections/inventory/selection/?connection=slack")
        .content.decode()
        .count("No matching account")
    )
    given = {"account": ids[:2], "act": "revoke", "reason": "a leak"}
    bad: list[dict[str, Any]] = [{"reason": ""}, {"account": []}, {"act": "x"}, {"account": ["x"]}]
    for wrong in bad:
        answer = client.post("/connections/inventory/selection/", given | wrong)
        assert answer.status_code == 422 and states() == [State.CONNECTED] * 3
    asked = client.post("/connections/inventory/selection/", given)
    approval = Approval.objects.get()
    assert asked["Location"] == f"/approvals/{approval.pk}/"
    assert states() == [State.SUSPENDED, State.SUSPENDED, State.CONNECTED]
    listed = client.get(f"/approvals/{approval.pk}/").content.decode()
    assert f'href="/connections/{ids[1]}/"' in listed and f"/connections/{ids[2]}/" not in listed
    seen = client.get(f"/connections/{ids[0]}/").content.decode()
    assert f"/approvals/{approval.pk}/" in seen


def test_the_api_decides_on_several(ids: list[str], gateway: Callable[[str], Gateway]) -> None:
    target = bulk_decisions.target_of(ids)
    body = {
        "verb": "selection.suspend",
        "target": {"kind": target.kind, "name": target.name},
        "reason": "a leak",
        "params": {"accounts": ids},
    }
    assert gateway("operator").call("POST", "/v1/decisions", body).status_code == 403
    done = gateway("admin").call("POST", "/v1/decisions", body)
    assert done.status_code == 201, done.content
    assert states() == [State.SUSPENDED] * 3
