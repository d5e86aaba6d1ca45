"""The broker wakes no phone for a token that it would refuse anyway, and looks again at the end."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import transaction

from approvals import clock
from approvals.models import Approval
from approvals.pipeline.service import perform
from approvals.step_up import take_ciba_or_passkey_answer
from audit.recording.actors import Actor, Target
from connections.broker import exchange, token_broker
from connections.broker.component_checks import Component
from connections.broker.errors import TokenRefusal
from connections.broker.token_broker import Ask
from connections.component_manifests import enforcement_decision_hook, manifest_store
from connections.models import (
    Allowance,
    Attempts,
    ConnectedAccount,
    Freeze,
    JustInTime,
    State,
)
from connections.scope_escalation import allowances_in_force, attempt_limits
from tests.connections.visitor import Gateway, know, subject
from tests.support.tenant import LocalTenant

type Gateways = Callable[[str], Gateway]
type Setup = Callable[["Case"], None]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
COMPONENT = Component("mcp", "github-mcp")


class Case:
    """A request of Olu Operator, what stands in its way, and who would be asked."""

    def __init__(self) -> None:
        know("operator", "admin")
        now = clock.now()
        self.actor = Actor(
            iss=django_settings.ENV.issuer, sub=subject("operator"), via="cli",
            roles=frozenset({"operator"}),
        )  # fmt: skip
        self.account = ConnectedAccount.objects.create(
            iss=self.actor.iss, sub=self.actor.sub, connection="github", auth0_id="cac_o",
            provider_user="u", scopes=["repo"], state=State.CONNECTED, source="management",
            seen_at=now, watched_since=now, state_since=now,
        )  # fmt: skip
        self.asked: dict[str, Any] = {
            "client_id": "ata-cli", "skill": str(COMPONENT), "scopes": ("repo",)
        }  # fmt: skip
        self.rule: dict[str, Any] = {}

    def ask(self) -> Ask:
        if self.rule:
            JustInTime.objects.update_or_create(
                name="github", defaults={**self.rule, "changed_at": clock.now()}
            )
        return Ask(self.actor, "no token", connection="github", **self.asked)

    def target(self) -> Target:
        return Target("connection", str(self.account.id))

    def denied(self, verb: str, **params: Any) -> None:
        done = perform(self.actor, verb, self.target(), params=params)
        assert done.approval is not None
        approval = Approval.objects.get(pk=done.approval.pk)
        with transaction.atomic():
            take_ciba_or_passkey_answer.give(
                approval, approval.asks.get(), self.actor,
                channel="ciba", decision="deny", signed=True, evidence=(),
            )  # fmt: skip


def goes_beyond(case: Case) -> None:
    case.asked["scopes"] = (*case.asked["scopes"], "gist")


def sleeps(case: Case) -> None:
    case.rule |= {"idle_h": 1, "wake": "owner"}
    before = clock.now() - timedelta(hours=2)
    ConnectedAccount.objects.update(last_used_at=None, watched_since=before, state_since=before)
    case.account.refresh_from_db()


ASKS: dict[str, tuple[Setup, ...]] = {
    "beyond the manifest": (goes_beyond,),
    "asleep": (sleeps,),
    "both": (goes_beyond, sleeps),
}


def another_client(case: Case) -> None:
    case.asked["client_id"] = "no-gateway"


def frozen(case: Case) -> None:
    Freeze.objects.create(kind="person", name=case.actor.sub, since=clock.now())


def closed(case: Case) -> None:
    yesterday = DAYS[(clock.now().weekday() - 2) % 7]
    hours = {"days": [yesterday], "opens": "08:00", "closes": "09:00", "zone": "UTC"}
    case.rule["hours"] = hours


def undeclared(case: Case) -> None:
    case.asked["skill"] = "mcp:other"


def blocked(_case: Case) -> None:
    enforcement_decision_hook.answer_with(
        lambda several: dict.fromkeys(several, enforcement_decision_hook.BLOCK)
    )


def not_allowed(_case: Case) -> None:
    enforcement_decision_hook.answer_with(
        lambda several: dict.fromkeys(several, enforcement_decision_hook.NONE)
    )


def suspended(case: Case) -> None:
    ConnectedAccount.objects.filter(pk=case.account.pk).update(state=State.SUSPENDED)


def unknown_scope(case: Case) -> None:
    case.asked["scopes"] = (*case.asked["scopes"], "no.such.scope")


REFUSALS: tuple[Setup, ...] = (
    another_client, frozen, closed, undeclared, blocked, not_allowed, suspended, unknown_scope,
)  # fmt: skip
SOME = random.Random(13).sample([*combinations(REFUSALS, 2), *combinations(REFUSALS, 3)], 12)
WAYS = [*((one,) for one in REFUSALS), *SOME]


def name(way: Any) -> str:
    return "+".join(one.__name__ for one in way) if isinstance(way, tuple) else str(way)


@pytest.fixture
def case(github_mcp: manifest_store.Declaration) -> Case:
    return Case()


@pytest.mark.parametrize("asks", ASKS)
@pytest.mark.parametrize("way", WAYS, ids=name)
def test_nobody_is_asked_where_anything_here_refuses(
    case: Case, asks: str, way: tuple[Setup, ...]
) -> None:
    for prepare in (*ASKS[asks], *way):
        prepare(case)
    with pytest.raises(TokenRefusal):
        token_broker.token_for(case.ask())
    assert not Approval.objects.exists()


@pytest.mark.parametrize("asks", ASKS)
def test_one_person_is_asked_where_nothing_refuses(case: Case, asks: str) -> None:
    for prepare in ASKS[asks]:
        prepare(case)
    with pytest.raises(TokenRefusal) as refused:
        token_broker.token_for(case.ask())
    assert refused.value.code in {"scope_escalation_pending", "wake_pending"}
    assert Approval.objects.count() == 1


@pytest.mark.parametrize("asks", ASKS)
@pytest.mark.parametrize("wake", ["owner", "use"])
def test_with_prompt_none_nobody_is_asked_and_nothing_is_counted_or_woken(
    case: Case, asks: str, wake: str
) -> None:
    for prepare in ASKS[asks]:
        prepare(case)
    if case.rule:
        case.rule["wake"] = wake
    with pytest.raises(TokenRefusal) as refused:
        token_broker.token_for(replace(case.ask(), prompt=False))
    assert (refused.value.status, refused.value.code) == (403, "interaction_required")
    assert not Approval.objects.exists() and not Attempts.objects.exists()
    woken = ConnectedAccount.objects.get(pk=case.account.pk)
    assert woken.state_since == case.account.state_since


def too_often(case: Case) -> None:
    Attempts.objects.create(
        iss=case.actor.iss, sub=case.actor.sub, kind="mcp", name="github-mcp",
        asks=[clock.now().timestamp() - 60] * 3,
    )  # fmt: skip


def denied_before(case: Case) -> None:
    noted = attempt_limits.note(case.account, COMPONENT, ["gist"], "bot", clock.now())
    escalation = {"escalation": str(noted.row.id), "component": str(COMPONENT)}
    case.denied("scope.grant", **escalation, scopes=["gist"], agent="bot", for_s=3600)


def waits_already(case: Case) -> None:
    noted = attempt_limits.note(case.account, COMPONENT, ["gist"], "bot", clock.now())
    escalation = {"escalation": str(noted.row.id), "component": str(COMPONENT)}
    perform(case.actor, "scope.grant", case.target(),
            params={**escalation, "scopes": ["gist"], "agent": "bot", "for_s": 3600})  # fmt: skip


def wake_denied(case: Case) -> None:
    case.ask()
    case.denied("connection.wake")


@pytest.mark.parametrize("before", [too_often, denied_before, waits_already, wake_denied])
def test_an_owner_is_not_woken_for_what_an_earlier_answer_refuses(
    case: Case, before: Setup
) -> None:
    goes_beyond(case)
    sleeps(case)
    before(case)
    count = Approval.objects.count()
    with pytest.raises(TokenRefusal):
        token_broker.token_for(case.ask())
    assert Approval.objects.count() == count


def test_what_wakes_at_its_next_use_sleeps_on_where_the_use_is_refused(case: Case) -> None:
    goes_beyond(case)
    sleeps(case)
    case.rule["wake"] = "use"
    with pytest.raises(TokenRefusal, match="scope_escalation_pending"):
        token_broker.token_for(case.ask())
    woken = ConnectedAccount.objects.get(pk=case.account.pk)
    assert woken.state_since == case.account.state_since


def test_an_unknown_permission_names_the_nearest_and_rings_no_phone(case: Case) -> None:
    case.asked["scopes"] = ("delete_rep",)
    with pytest.raises(TokenRefusal, match="Did you mean delete_repo") as refused:
        token_broker.token_for(case.ask())
    assert refused.value.code == "scope_not_declared"
    assert not Approval.objects.exists()


# While Auth0 is asked, for real: what happens then is done by whoever wraps the exchange.


def narrowed() -> None:
    narrow = {"connections": [{"connection": "github", "scopes": []}]}
    manifest_store.declare_shipped(
        "mcp", "github-mcp", manifest_store.Declaration.model_validate(narrow)
    )


def no_longer_allowed() -> None:
    Allowance.objects.update(ended_at=clock.now())


def idle_long() -> None:
    before = clock.now() - timedelta(days=9)
    ConnectedAccount.objects.update(last_used_at=None, watched_since=before, state_since=before)
    JustInTime.objects.create(name="github", idle_h=1, wake="owner", changed_at=clock.now())


def shut() -> None:
    days = [DAYS[(clock.now().weekday() - 2) % 7]]
    hours = {"days": days, "opens": "08:00", "closes": "09:00", "zone": "UTC"}
    JustInTime.objects.create(name="github", hours=hours, changed_at=clock.now())


def undecided() -> None:
    enforcement_decision_hook.answer_with(
        lambda several: dict.fromkeys(several, enforcement_decision_hook.NONE)
    )
    manifest_store.declare_shipped("mcp", "mark", manifest_store.Declaration())


MEANWHILE = {
    narrowed: "scope_not_declared",
    no_longer_allowed: "scope_not_declared",
    idle_long: "connection_suspended",
    shut: "connection_suspended",
    undecided: "component_not_allowed",
}


@pytest.mark.parametrize("change", MEANWHILE, ids=lambda one: one.__name__)
def test_what_changes_while_auth0_is_asked_is_in_the_last_look(
    gateway: Gateways, github_mcp: manifest_store.Declaration, portal_tenant: LocalTenant,
    monkeypatch: pytest.MonkeyPatch, change: Callable[[], None],
) -> None:  # fmt: skip
    olu = gateway("operator")
    assert olu.exchange().status_code == 200
    account = ConnectedAccount.objects.get(sub=subject("operator"), connection="github")
    now = clock.now()
    Allowance.objects.create(
        account=account, kind="mcp", name="github-mcp", scopes=["gist"], granted_at=now,
        expires_at=now + timedelta(hours=1),
    )  # fmt: skip
    assert allowances_in_force.scopes_of(account, COMPONENT) == {"gist"}
    real = exchange.exchange

    def while_it_answers(*args: Any, **kwargs: Any) -> Any:
        found = real(*args, **kwargs)
        change()
        return found

    monkeypatch.setattr(exchange, "exchange", while_it_answers)
    answer = olu.exchange(scopes="repo gist")
    assert (answer.status_code, answer.json()["code"]) == (403, MEANWHILE[change])
    with suppress(KeyError):
        raise AssertionError(answer.json()["access_token"])
