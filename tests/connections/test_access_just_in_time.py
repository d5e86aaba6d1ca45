"""Just-in-time: what nobody uses sleeps, wakes as its setting says, and is closed outside hours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings

from approvals import clock
from approvals.errors import Refused
from approvals.models import Approval, Outcome
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from connections.component_manifests import manifest_store
from connections.idle_access import idle_and_active_events
from connections.idle_access.idle_and_hours_setting_types import Setting
from connections.models import ConnectedAccount, JustInTime, State
from connections.status import state_filters
from connections.status.account_status import Code
from tests.accounts.trail import events
from tests.connections.conftest import Travel
from tests.connections.phone import Phone
from tests.connections.visitor import Gateway, know, subject
from tests.support.pages import signed_in
from tests.support.sweeping import sweep
from tests.support.tenant import LocalTenant

type Gateways = Callable[[str], Gateway]

GITHUB = Target("service", "github")
WEEK = {"idle_h": 168}
OWNER = {"idle_h": 168, "wake": "owner"}


def admin() -> Actor:
    know("admin", "admin2")
    roles = frozenset({"admin"})
    return Actor(iss=settings.ENV.issuer, sub=subject("admin"), roles=roles, via="web")


def restrict(**params: Any) -> None:
    perform(admin(), "connection.restrict", GITHUB, params=params, reason="least access")


def account() -> ConnectedAccount:
    return ConnectedAccount.objects.get(sub=subject("operator"), connection="github")


@pytest.fixture
def caller(gateway: Gateways, github_mcp: manifest_store.Declaration) -> Gateway:
    """Olu Operator's gateway, after a first use."""
    found = gateway("operator")
    assert found.exchange().status_code == 200
    return found


@pytest.fixture
def phone(portal_tenant: LocalTenant) -> Iterator[Phone]:
    """Olu Operator's phone."""
    browser = portal_tenant.browser()
    held = Phone(browser, "operator")
    held.pick_up()
    yield held
    browser.http.close()


def unused(**ago: float) -> None:
    """As if nobody had used the account for so long; the tenant's clock stays with ours."""
    before = clock.now() - timedelta(**ago)
    ConnectedAccount.objects.filter(pk=account().pk).update(
        last_used_at=before, watched_since=before, state_since=before
    )


def refused(caller: Gateway) -> dict[str, Any]:
    answer = caller.exchange()
    assert answer.status_code == 403, answer.content
    return dict(answer.json())


def test_what_sleeps_wakes_at_the_next_use_and_both_are_on_the_trail(caller: Gateway) -> None:
    restrict(**WEEK)
    unused(days=8)
    assert state_filters.of(account()).code == Code.ASLEEP
    assert idle_and_active_events.run() == 1 and idle_and_active_events.run() == 0
    [fell] = events("connection.fell_asleep")
    assert fell["data"]["why"] == "not used for 7 days"
    assert caller.exchange().status_code == 200
    [woken] = events("connection.woken")
    assert woken["via"] == "broker" and woken["actor"]["sub"] == subject("operator")
    assert state_filters.of(account()).code == Code.CONNECTED
    assert idle_and_active_events.run() == 0


def test_with_step_up_its_owner_wakes_it_on_their_phone(
    caller: Gateway, travel: Travel, phone: Phone
) -> None:
    restrict(**OWNER)
    unused(days=8)
    told = refused(caller)
    assert told["code"] == "wake_pending"
    assert refused(caller)["approval_id"] == told["approval_id"], "the same request"
    approval = Approval.objects.get(pk=told["approval_id"])
    assert approval.rule["approver"] == "self"
    assert approval.sentence.startswith("Resume “Olu Operator”'s GitHub account")
    sweep()
    phone.approve(approval)
    travel(6)
    sweep()
    approval.refresh_from_db()
    assert approval.outcome == Outcome.APPROVED, approval.outcome_detail
    assert caller.exchange().status_code == 200
    assert events("connection.woken")[0]["data"]["why"] == "its owner approved"
    assert events("token.refused")[0]["data"]["approval_id"] == told["approval_id"]


def test_with_prompt_none_its_owner_is_not_asked(caller: Gateway) -> None:
    restrict(**OWNER)
    unused(days=8)
    quietly = "/v1/auth/token?connection=github&prompt=none"
    answer = caller.call("GET", quietly, ata_skill="mcp:github-mcp")
    assert (answer.status_code, answer.json()["code"]) == (403, "interaction_required")
    assert not Approval.objects.exists()
    assert events("token.refused")[0]["data"]["code"] == "interaction_required"
    assert caller.call("GET", quietly[:-4] + "login").status_code == 422


def test_whoever_said_no_is_left_in_peace_for_a_while(
    caller: Gateway, travel: Travel, phone: Phone
) -> None:
    restrict(**OWNER)
    unused(days=8)
    approval = Approval.objects.get(pk=refused(caller)["approval_id"])
    sweep()
    phone.deny(approval)
    travel(6)
    sweep()
    told = refused(caller)
    assert told["code"] == "connection_suspended" and "said no" in told["detail"]
    travel(16 * 60)
    assert refused(caller)["approval_id"] != str(approval.pk)
    assert account().state == State.CONNECTED and not events("connection.woken")


def test_after_a_denial_the_owners_token_rings_no_phone_by_the_decision_itself(
    caller: Gateway, phone: Phone, travel: Travel
) -> None:
    restrict(**OWNER)
    unused(days=8)
    approval = Approval.objects.get(pk=refused(caller)["approval_id"])
    sweep()
    phone.deny(approval)
    travel(6)
    sweep()
    wake = {
        "verb": "connection.wake",
        "target": {"kind": "connection", "name": str(account().id)},
        "reason": "an agent wants it",
    }
    answer = caller.call("POST", "/v1/decisions", wake)
    assert (answer.status_code, answer.json()["code"]) == (409, "denied_lately")
    assert Approval.objects.count() == 1
    travel(16 * 60)
    assert caller.call("POST", "/v1/decisions", wake).status_code == 202


@pytest.mark.parametrize("how", ["withdrawn", "overtaken"])
def test_a_request_to_wake_that_its_requester_ends_is_not_followed_by_another(
    caller: Gateway, travel: Travel, how: str
) -> None:
    restrict(**OWNER)
    unused(days=8)
    approval = refused(caller)["approval_id"]
    target = {"kind": "connection", "name": str(account().id)}
    wake = {"verb": "connection.wake", "target": target, "reason": "an agent wants it"}
    if how == "withdrawn":
        assert caller.call("POST", f"/v1/approvals/{approval}/cancel", {}).status_code == 200
    else:
        for verb in ("connection.suspend", "connection.resume"):
            ended = caller.call("POST", "/v1/decisions", {"verb": verb, "target": target})
            assert ended.status_code == 201, ended.content
    answer = caller.call("POST", "/v1/decisions", wake)
    assert (answer.status_code, answer.json()["code"]) == (409, "denied_lately")
    assert refused(caller)["code"] == "connection_suspended"
    assert Approval.objects.count() == 1
    travel(16 * 60)
    assert caller.call("POST", "/v1/decisions", wake).status_code == 202


def test_an_undeclared_caller_wakes_nothing(caller: Gateway) -> None:
    restrict(**WEEK)
    unused(days=8)
    assert caller.exchange(skill="mcp:other").json()["code"] == "undeclared_caller"
    assert not events("connection.woken")


def test_outside_its_hours_it_is_closed_and_says_when_it_opens(
    caller: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    yesterday = (now - timedelta(days=1)).strftime("%a").lower()
    hours = {"days": [yesterday], "opens": "08:00", "closes": "09:00", "zone": "UTC"}
    restrict(hours=hours)
    told = refused(caller)
    assert told["code"] == "connection_suspended"
    assert told["opens_at"].endswith("T08:00:00Z") and told["opens_at"] in told["detail"]
    with pytest.raises(Refused) as no:
        perform(owner(), "connection.wake", Target("connection", str(account().id)))
    assert no.value.code == "outside_hours"
    opens = datetime.fromisoformat(told["opens_at"])
    monkeypatch.setattr(clock, "now", lambda: opens)
    assert state_filters.of(account()).code == Code.CONNECTED


def owner() -> Actor:
    know("operator")
    return Actor(iss=settings.ENV.issuer, sub=subject("operator"), via="web")


def test_the_owner_wakes_it_by_a_click(caller: Gateway) -> None:
    restrict(**WEEK)
    unused(days=8)
    client = signed_in("operator")
    page = client.get("/connections/").content.decode()
    assert "paused" in page and "not used for 7 days" in page and "Resume now" in page
    assert client.post(f"/connections/{account().id}/wake/").status_code == 302
    assert state_filters.of(account()).code == Code.CONNECTED
    again = client.post(f"/connections/{account().id}/wake/", follow=True)
    assert "is connected, not paused" in again.content.decode()


def test_nobody_else_wakes_it(caller: Gateway) -> None:
    restrict(**WEEK)
    unused(days=8)
    url = f"/connections/{account().id}/wake/"
    assert signed_in("member1").post(url).status_code == 404
    signed_in("auditor", "auditor").post(url)
    assert signed_in("operator").get(url).status_code == 405
    assert not events("connection.woken")
    done = perform(admin(), "connection.wake", Target("connection", str(account().id)))
    assert done.approval is not None and done.approval.rule["approver"] == "another"


def test_tightening_holds_at_once_and_loosening_waits(db: None) -> None:
    restrict(**WEEK)
    assert state_filters.setting_of("github") == Setting(168)
    with pytest.raises(Refused) as no:
        perform(admin(), "connection.restrict", GITHUB, params={"idle_h": 200})
    assert no.value.code == "relaxes"
    done = perform(admin(), "connection.relax", GITHUB, params={}, reason="they need it")
    assert done.approval is not None and done.approval.rule["approver"] == "self"
    assert done.approval.sentence == "Set: GitHub accounts are never paused, and no hours are set."
    assert state_filters.setting_of("github") == Setting(168)
    [event] = events("connection.restricted")
    assert event["data"]["setting"] == {"idle_h": 168, "hours": None, "wake": "use"}
    from audit.recording import action_registry

    assert action_registry.sentence(event).endswith(
        "restricted GitHub: GitHub is paused after 7 idle days and resumes on next use"
    )


def test_what_is_asleep_when_its_setting_goes_is_told_to_be_awake(caller: Gateway) -> None:
    restrict(**WEEK)
    unused(days=8)
    assert idle_and_active_events.run() == 1
    JustInTime.objects.all().delete()
    assert idle_and_active_events.run() == 1 and idle_and_active_events.run() == 0
    assert len(events("connection.awake")) == 1


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"idle_h": 0}, "bad_params"),
        ({"idle_h": 9000}, "bad_params"),
        ({"wake": "never"}, "bad_params"),
        ({"hours": {"days": [], "opens": "08:00", "closes": "09:00", "zone": "UTC"}}, "bad_params"),
        ({"hours": {"days": ["mon"], "opens": "8", "closes": "9", "zone": "UTC"}}, "bad_params"),
        ({"hours": {"days": ["mon"], "opens": "08:00", "closes": "09:00", "zone": "Mars"}},
         "bad_params"),
        ({}, "nothing_changes"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["connection.restrict", "connection.relax"])
def test_what_cannot_be_set_is_refused(
    db: None, verb: str, params: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refused) as no:
        perform(admin(), verb, GITHUB, params=params)
    assert no.value.code == code
    assert not JustInTime.objects.exists() and not Approval.objects.exists()


FORM = {"sleeps": "1", "idle": "7", "unit": "days", "wake": "owner", "reason": "least access"}


def test_an_admin_sets_it_on_the_page(caller: Gateway) -> None:
    client = signed_in("admin", "admin")
    done = client.post("/connections/settings/github/", FORM, follow=True)
    said = "Paused after 7 idle days. Resumes on next use, once the owner approves. No hours set."
    assert said in done.content.decode()
    assert said in signed_in("auditor", "auditor").get("/connections/settings/").content.decode()
    wider = client.post("/connections/settings/github/", FORM | {"wake": "use"})
    assert wider["Location"] == f"/approvals/{Approval.objects.get().pk}/"
    page = client.get("/connections/settings/github/").content.decode()
    assert "waits for approval" in page and 'value="owner" checked' in page


def test_what_was_typed_stays_when_it_cannot_be_set(caller: Gateway) -> None:
    client = signed_in("admin", "admin")
    for wrong in ({"idle": "-4"}, {"limited": "1", "zone": "Mars"}, {"limited": "1", "days": []}):
        answer = client.post("/connections/settings/github/", FORM | wrong)
        assert answer.status_code == 422 and "least access" in answer.content.decode()
    assert not JustInTime.objects.exists()


@pytest.mark.parametrize("who", ["member1", "operator", "auditor"])
def test_only_an_admin_sets_it(caller: Gateway, who: str) -> None:
    roles = () if who == "member1" else (who,)
    client = signed_in(who, *roles)
    assert client.post("/connections/settings/github/", FORM).status_code == 403
    assert client.get("/connections/settings/").status_code == (200 if who == "auditor" else 403)
    assert not JustInTime.objects.exists()


def test_the_api_sets_it_and_lists_it(caller: Gateway, gateway: Gateways) -> None:
    know("admin2")
    api, path = gateway("admin"), "/v1/connections/settings/github"
    done = api.call("PUT", path, {"idle_h": 24, "reason": "least access"})
    assert done.status_code == 201, done.content
    [one] = api.call("GET", "/v1/connections/settings").json()["items"]
    assert (one["connection"], one["idle_h"], one["wake"]) == ("github", 24, "use")
    assert api.call("PUT", path, {"idle_h": 48.0}).status_code == 202
    assert api.call("PUT", path, {"idle_h": "48"}).status_code == 422
    assert api.call("PUT", path, {"idle_h": 0}).status_code == 422
    away = {"days": ["mon"], "opens": "08:00", "closes": "09:00", "zone": "Mars"}
    assert api.call("PUT", path, {"hours": away}).json()["code"] == "bad_params"
    assert api.call("PUT", path, {"idle_h": 24}).json()["code"] == "nothing_changes"
    assert caller.call("PUT", path, {"idle_h": 1}).json()["code"] == "not_permitted"
    assert caller.call("GET", "/v1/connections/settings").status_code == 403
    assert Gateway("").call("PUT", path, {"idle_h": 1}).status_code == 401
    bad = api.call("PUT", "/v1/connections/settings/-x-", {"idle_h": 1})
    assert bad.status_code == 422


def test_the_api_says_how_an_account_stands(caller: Gateway) -> None:
    restrict(idle_h=1)
    unused(hours=2)

    def listed(state: str) -> list[dict[str, Any]]:
        answer = caller.call("GET", f"/v1/connections?owner=me&connection=github&state={state}")
        return list(answer.json()["items"])

    [one] = listed("asleep")
    assert (one["state"], one["state_reason"]) == ("asleep", "not used for 1 hour")
    assert listed("connected") == []
