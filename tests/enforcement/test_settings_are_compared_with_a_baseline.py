"""The settings of a gateway are read, compared with what an admin approved, and recorded once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings

from approvals import clock
from approvals.errors import Refused
from approvals.models import Approval
from approvals.pipeline.service import perform
from approvals.views import gateway_baseline_changes
from audit.models import EventRow
from audit.recording.actors import Actor, Target
from audit.recording.stored_event_loader import load
from enforcement.models import Outpost, OutpostState, PostureBaseline, PostureDifference, Watch
from enforcement.posture import (
    baseline_changes,
    comparison,
    drift,
    readings,
    reported_by_gateway,
    reported_by_outpost,
    settings_catalogue,
)
from enforcement.posture.comparison import Reading
from tests.approvals.policies import keyed
from tests.enforcement import gateway_statuses
from tests.enforcement.answering import approve, deny
from tests.enforcement.gateways import known
from tests.passkeys import devices

GATEWAY = Target("gateway", "edge-1", "edge-1")


def read(status: dict[str, Any], at: datetime | None = None) -> None:
    """The gateway answered so."""
    seen = at or clock.now()
    found = reported_by_gateway.settings_in(status)
    Watch.objects.update_or_create(
        name="edge-1", defaults={"posture": found, "last_seen": seen, "due": seen}
    )


def compare_now() -> list[EventRow]:
    """Compare, and give what is on record about settings."""
    drift.update("edge-1", clock.now())
    return list(EventRow.objects.filter(action="posture.changed").order_by("event"))


@pytest.fixture
def amir(db: None, tmp_path: Path, settings: LazySettings) -> Actor:
    """An admin with a colleague, and a file that names edge-1."""
    settings.VAR_DIR = tmp_path
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "instances.toml").write_text(
        '[[instance]]\nname = "edge-1"\nbase_url = "http://127.0.0.1:9"\n'
    )
    keyed(known("admin2", "admin", name="Anna Admin").as_actor(via="web"))
    return replace(known("admin", "admin", name="Amir Admin").as_actor(via="web"), fresh=True)


def ask(actor: Actor, settings: dict[str, str], base: int = 0) -> Approval:
    params = {"settings": settings, "base": base}
    asked = perform(actor, "gateway.configure", GATEWAY, params=params).approval
    assert asked is not None
    return asked


def as_read() -> dict[str, str]:
    """What "accept as it is now" fills in."""
    rows = comparison.compare(None, readings.current("edge-1", clock.now()))
    return {row.setting: row.first_seen for row in rows}


def test_each_generation_is_read_by_named_keys_only() -> None:
    head = reported_by_gateway.settings_in(gateway_statuses.head())
    assert head["values"] == {
        "version": "dev",
        "guardrail": "on",
        "watcher": "on",
        "take_action.skill": "on",
        "take_action.plugin": "on",
        "take_action.mcp": "on",
        "mode.claudecode": "action",
        "fail_mode.claudecode": "closed",
        "mode.codex": "observe",
        "fail_mode.codex": "open",
        "retention_days": "90",
        "destination.siem": "on",
    }
    assert head["lists"] == ["mode", "destination"]
    old = reported_by_gateway.settings_in(gateway_statuses.V084)
    assert old["values"]["take_action.skill"] == "off" and old["lists"] == ["mode", "destination"]
    oldest = reported_by_gateway.settings_in(gateway_statuses.V020, "observe")
    assert oldest["values"] == {
        "guardrail": "off",
        "watcher": "on",
        "take_action.skill": "off",
        "take_action.plugin": "off",
        "mode.openclaw": "observe",
        "destination.splunk": "off",
    }
    assert "hidden-7" not in repr(oldest)


def test_what_an_outpost_reports_is_read_with_the_modes_that_count() -> None:
    values = reported_by_outpost.settings_in(gateway_statuses.OUTPOST_CONFIG)["values"]
    assert values["mode.claudecode"] == "action"  # it has none, so that of the guardrail
    assert values["destination_host.siem"] == "siem.example:8088"
    assert (values["scanner.mcp-scanner"], values["hook.claudecode"]) == ("not found", "installed")
    assert reported_by_outpost.settings_in({"modes": [], "destinations": {}, "hooks": 3}) == {
        "values": {},
        "lists": [],
    }


def webhook(name: str, host: str, enabled: bool = True) -> dict[str, Any]:
    return {"family": "webhook", "name": name, "host": host, "enabled": enabled}


@pytest.mark.parametrize("host", ["a.example", "z.example"])
@pytest.mark.parametrize("name", ["slack", "sl\u00e4ck"])
def test_no_destination_hides_behind_the_name_of_another(name: str, host: str) -> None:
    ours = webhook(name, "hooks.slack.com")
    base = reported_by_outpost.settings_in({"destinations": [ours]})["values"]
    for both in ([ours, webhook(name, host)], [webhook(name, host), ours]):
        found = reported_by_outpost.settings_in({"destinations": both})
        reading = Reading("outpost", clock.now(), found["values"], frozenset(found["lists"]))
        differing = [row for row in comparison.compare(base, [reading]) if row.worst]
        assert any(row.setting.endswith(" #2") for row in differing)
        assert host in found["values"].values() and "hooks.slack.com" in found["values"].values()


def test_a_gateway_and_its_outpost_name_destinations_of_the_same_name_alike() -> None:
    telemetry = gateway_statuses.head()["health"]["telemetry"]
    telemetry["details"]["destinations"] = [
        {"name": "siem", "kind": "otlp", "enabled": enabled} for enabled in (False, True)
    ]
    seen = reported_by_gateway.settings_in(gateway_statuses.head(telemetry=telemetry))["values"]
    both = [
        webhook("siem", host, on) | {"family": "destination"}
        for host, on in (("z.example", True), ("a.example", False))
    ]
    host = reported_by_outpost.settings_in({"destinations": both})["values"]
    for values in (seen, host):
        assert (values["destination.siem"], values["destination.siem #2"]) == ("on", "off")


def test_weakening_is_told_from_other_changes() -> None:
    weakens = settings_catalogue.weakens
    for setting, approved, seen in [
        ("mode.codex", "action", "observe"),
        ("mode.codex", "observe", "absent"),
        ("take_action.skill", "on", "off"),
        ("guardrail", "on", "off"),
        ("destination.siem", "on", "absent"),
        ("destination_host.siem", "siem.example", "elsewhere.example"),
        ("scanner.skill-scanner", "found", "not found"),
        ("hook.claudecode", "installed", "not installed"),
        ("fail_mode.codex", "closed", "open"),
        ("retention_days", "90", "7"),
        ("retention_days", "0", "90"),
        ("managed", "off", "on"),
    ]:
        assert weakens(setting, approved, seen), setting
    for setting, approved, seen in [
        ("mode.codex", "observe", "action"),
        ("mode.cursor", "absent", "action"),
        ("take_action.skill", "off", "on"),
        ("version", "0.8.4", "0.8.5"),
        ("destination.other", "absent", "on"),
        ("retention_days", "7", "90"),
        ("retention_days", "90", "0"),
    ]:
        assert not weakens(setting, approved, seen), setting


def test_another_admin_approves_the_baseline_and_it_is_kept_with_its_history(amir: Actor) -> None:
    read(gateway_statuses.head())
    asked = ask(amir, as_read())
    assert asked.current is not None and asked.current.person.sub != amir.sub
    assert asked.severity == "CRITICAL" and not PostureBaseline.objects.exists()
    approve(asked)
    second = ask(amir, as_read() | {"mode.codex": "action"}, base=1)
    assert "Mode of Codex from observe to action" in second.sentence
    approve(second)
    assert [
        (b.number, b.settings["mode.codex"]) for b in PostureBaseline.objects.order_by("number")
    ] == [
        (1, "observe"),
        (2, "action"),
    ]
    event = load(EventRow.objects.filter(action="gateway.configured").latest("time").event)
    assert event["changes"] == {"mode.codex": {"before": "observe", "after": "action"}}
    assert PostureBaseline.objects.get(number=2).event_id is not None


def test_what_a_phone_cannot_show_whole_is_approved_with_a_passkey(amir: Actor) -> None:
    settings = {f"scanner.a-program-with-a-long-name-number-{n:03}": "found" for n in range(20)}
    long = ask(amir, settings | {"webhook.evil": "on", "webhook_host.evil": "evil.example"})
    assert long.current is not None and long.current.channel == "passkey"
    assert long.sentence.startswith(
        "Approve the settings of the gateway edge-1: Webhook evil on; Host of webhook evil "
        "evil.example; Program a-program-with-a-long-name-number-000 found; "
    )
    assert len(long.sentence) <= 400
    assert long.sentence.endswith("more, which the page of the request lists")
    assert len(gateway_baseline_changes.proposed(long)) == 22


def test_no_phone_shows_a_shortened_baseline_where_both_channels_have_to_approve(
    amir: Actor,
) -> None:
    devices.answered_by("both")
    settings = {f"scanner.a-program-with-a-long-name-number-{n:03}": "found" for n in range(20)}
    with pytest.raises(Refused) as refused:
        ask(amir, settings | {"webhook.evil": "on", "webhook_host.evil": "evil.example"})
    assert refused.value.code == "too_much_to_show" and "Split" in refused.value.detail
    assert not Approval.objects.exists()
    few = ask(amir, {"webhook.evil": "on", "webhook_host.evil": "evil.example"})
    assert few.current is not None and few.current.channel == "both"


@pytest.mark.parametrize("by", ["gateway", "outpost"])
def test_every_destination_of_many_is_compared_and_more_are_a_difference(by: str) -> None:
    def values(count: int) -> dict[str, str]:
        names = [f"siem-{n:03}" for n in range(count)]
        if by == "outpost":
            found = [webhook(name, "siem.example") | {"family": "destination"} for name in names]
            return dict(reported_by_outpost.settings_in({"destinations": found})["values"])
        listed = [{"name": name, "kind": "http_jsonl", "enabled": True} for name in names]
        telemetry = {"details": {"destinations": listed}}
        status = gateway_statuses.head(telemetry=telemetry)
        return dict(reported_by_gateway.settings_in(status)["values"])

    many = values(settings_catalogue.MOST_LISTED)
    assert {f"destination.siem-{n:03}" for n in range(150)} <= many.keys()
    beyond = f"destination.{settings_catalogue.BEYOND}"
    assert beyond not in many
    more = values(settings_catalogue.MOST_LISTED + 1)
    assert more[beyond] == "on" and settings_catalogue.sends_out(beyond, "on")
    assert not settings_catalogue.is_valid(beyond, "on")


@pytest.mark.parametrize("by", ["gateway", "outpost"])
def test_every_agent_of_many_is_compared_and_more_are_a_difference(by: str) -> None:
    def values(count: int) -> dict[str, str]:
        agents = [f"agent-{n:03}" for n in range(count)]
        if by == "outpost":
            config: dict[str, Any] = {
                "modes": dict.fromkeys(agents, "action"),
                "hooks": {agent: {"installed": True} for agent in agents},
            }
            return dict(reported_by_outpost.settings_in(config)["values"])
        modes = [{"connector": agent, "guardrail_mode": "action"} for agent in agents]
        status = gateway_statuses.head() | {"connector_modes": modes}
        return dict(reported_by_gateway.settings_in(status)["values"])

    assert {f"mode.agent-{n:03}" for n in range(150)} <= values(150).keys()
    more = values(151)
    assert more[f"mode.{settings_catalogue.BEYOND}"] == "observe"
    if by == "outpost":
        assert more[f"hook.{settings_catalogue.BEYOND}"] == "not installed"


def test_what_is_beyond_the_bound_cannot_be_approved(amir: Actor) -> None:
    with pytest.raises(Refused, match="more than 150 of one kind"):
        ask(amir, {"guardrail": "on", f"webhook.{settings_catalogue.BEYOND}": "on"})


def test_what_a_phone_shows_whole_has_the_gravest_first(amir: Actor) -> None:
    plain = {"guardrail": "on", "scanner.a": "found"}
    first = ask(amir, plain | {"watcher": "off", "webhook_host.evil": "evil.example"})
    assert first.current is not None and first.current.channel == "ciba"
    assert first.sentence == (
        "Approve the settings of the gateway edge-1: Watching of folders off; Host of webhook evil "
        "evil.example; Guardrail on; Program a found"
    )
    approve(first)
    found = baseline_changes.changes(plain, plain | {"guardrail": "off", "otel.x": "on"})
    assert found == [("guardrail", "on", "off"), ("otel.x", "absent", "on")]
    found = baseline_changes.changes(plain, {"a": "b", "otel.x": "on"})
    assert [setting for setting, _, _ in found] == ["guardrail", "otel.x", "scanner.a", "a"]


def test_a_denied_baseline_changes_nothing(amir: Actor) -> None:
    read(gateway_statuses.head())
    deny(ask(amir, as_read()))
    assert not PostureBaseline.objects.exists()


def test_a_weaker_setting_is_recorded_once_and_its_end_too(amir: Actor) -> None:
    read(gateway_statuses.head("action"))
    approve(ask(amir, as_read()))
    assert compare_now() == []
    read(gateway_statuses.head("observe"))
    (found,) = compare_now()
    assert (found.severity, found.outcome) == (3, "failure")
    assert found.sentence == (
        "edge-1 is not as approved: Mode of Codex is observe, approved is action"
    )
    data = load(found.event)["data"]
    assert (data["setting"], data["expected"], data["seen"], data["from"]) == (
        "mode.codex",
        "action",
        "observe",
        "gateway",
    )
    assert len(compare_now()) == 1
    assert PostureDifference.objects.get().weakens
    read(gateway_statuses.head("action"))
    rows = compare_now()
    assert rows[-1].sentence == "edge-1 is as approved again: Mode of Codex is action"
    assert rows[-1].outcome == "success" and len(rows) == 2
    assert not PostureDifference.objects.exists() and len(compare_now()) == 2


def test_what_the_baseline_does_not_name_counts_where_it_is_new(amir: Actor) -> None:
    read(gateway_statuses.head())
    approve(ask(amir, as_read()))
    telemetry = gateway_statuses.head()["health"]["telemetry"]
    telemetry["details"]["destinations"][1]["name"] = "stranger"
    read(gateway_statuses.head(telemetry=telemetry))
    found = {load(row.event)["data"]["setting"]: row.severity for row in compare_now()}
    assert found == {"destination.siem": 3, "destination.stranger": 2}


def test_a_gateway_that_is_not_read_changes_nothing(amir: Actor) -> None:
    read(gateway_statuses.head("action"))
    approve(ask(amir, as_read()))
    read(gateway_statuses.head("observe"), clock.now() - timedelta(minutes=2))
    assert compare_now() == []
    assert readings.current("edge-1", clock.now()) == []
    rows = comparison.compare(PostureBaseline.objects.get().settings, [])
    assert {row.seen for row in rows} == {()} and rows[0].worst is None


def test_the_file_on_the_host_shows_what_the_running_gateway_does_not(amir: Actor) -> None:
    """`guardrail disable` without a restart leaves /status as it was."""
    read(gateway_statuses.head())
    now = clock.now()
    outpost = Outpost.objects.create(
        id="0" * 32, public_key="k", instance="edge-1", enrolled_at=now, reported_at=now
    )
    state = OutpostState.objects.create(
        outpost=outpost, config=gateway_statuses.OUTPOST_CONFIG, at=now
    )
    approve(ask(amir, as_read() | {"guardrail": "on"}))
    before = len(compare_now())
    state.config = gateway_statuses.OUTPOST_CONFIG | {"guardrail.enabled": False}
    state.save(update_fields=["config"])
    rows = compare_now()
    assert len(rows) == before + 1 and rows[-1].severity == 3
    assert load(rows[-1].event)["data"]["from"] == "outpost"
    outpost.suspended_at = now
    outpost.save(update_fields=["suspended_at"])
    assert [one.source for one in readings.current("edge-1", now)] == ["gateway"]


def differences() -> list[tuple[str, str]]:
    return list(PostureDifference.objects.order_by("setting").values_list("setting", "seen"))


def outcomes() -> list[tuple[str, str]]:
    """What is on record about settings that the outpost alone sees."""
    rows = [(load(row.event)["data"]["setting"], row.outcome) for row in compare_now()]
    return [one for one in rows if one[0] in {"guardrail", "webhook.stranger"}]


@pytest.fixture
def weakened(amir: Actor) -> OutpostState:
    """What the outpost of edge-1 read: the guardrail off and a webhook that nobody approved, while
    the gateway itself still says that the guardrail is on."""
    read(gateway_statuses.head())
    now = clock.now()
    outpost = Outpost.objects.create(
        id="0" * 32, public_key="k", instance="edge-1", enrolled_at=now, reported_at=now
    )
    state = OutpostState.objects.create(
        outpost=outpost, config=gateway_statuses.OUTPOST_CONFIG, at=now
    )
    approve(ask(amir, as_read()))
    approved: Any = gateway_statuses.OUTPOST_CONFIG["destinations"]
    webhook = {"family": "webhook", "name": "stranger", "host": "x.example", "enabled": True}
    state.config = gateway_statuses.OUTPOST_CONFIG | {
        "guardrail.enabled": False,
        "destinations": [*approved, webhook],
    }
    state.save(update_fields=["config"])
    return state


def test_a_difference_is_not_over_because_its_outpost_reports_no_more(
    weakened: OutpostState,
) -> None:
    seen = [("guardrail", "failure"), ("webhook.stranger", "failure")]
    assert sorted(outcomes()) == seen
    before = differences()
    reported = weakened.outpost.reported_at
    Outpost.objects.update(reported_at=clock.now() - timedelta(hours=1))
    assert sorted(outcomes()) == seen and differences() == before
    Outpost.objects.update(reported_at=reported)
    assert sorted(outcomes()) == seen and differences() == before


def test_a_difference_that_the_gateway_had_first_is_not_over_while_the_host_has_it(
    weakened: OutpostState,
) -> None:
    outcomes()
    PostureDifference.objects.filter(setting="guardrail").update(source="gateway")
    outcomes()
    Outpost.objects.update(reported_at=clock.now() - timedelta(hours=1))
    assert ("guardrail", "success") not in outcomes()


def test_the_end_of_what_nobody_approved_is_recorded(weakened: OutpostState) -> None:
    outcomes()
    weakened.config = gateway_statuses.OUTPOST_CONFIG
    weakened.save(update_fields=["config"])
    assert sorted(outcomes()[2:]) == [("guardrail", "success"), ("webhook.stranger", "success")]
    assert not {"guardrail", "webhook.stranger"} & {one for one, _ in differences()}
    last = compare_now()[-1].sentence
    assert last == "edge-1 is as approved again: Webhook stranger is absent"


def test_a_baseline_that_accepts_what_is_not_read_any_more_ends_the_difference(
    weakened: OutpostState, amir: Actor
) -> None:
    outcomes()
    approved = PostureBaseline.objects.get().settings
    Outpost.objects.update(reported_at=clock.now() - timedelta(hours=1))
    approve(ask(amir, {**approved, "webhook.stranger": "on"}, base=1))
    assert "webhook.stranger" not in dict(differences())


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"settings": {"guardrail": "maybe"}, "base": 0}, "bad_setting"),
        ({"settings": {"guardrail.codex": "on"}, "base": 0}, "bad_setting"),
        ({"settings": {"colour": "blue"}, "base": 0}, "bad_setting"),
        ({"settings": {"version": "ein\n"}, "base": 0}, "bad_setting"),
        ({"settings": {"guardrail": "on"}, "base": 3}, "stale_baseline"),
        ({"settings": {}, "base": 0}, "bad_params"),
        ({"base": 0}, "bad_params"),
    ],
)
def test_a_baseline_that_cannot_be_is_refused(
    amir: Actor, params: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        perform(amir, "gateway.configure", GATEWAY, params=params)
    assert refused.value.code == code


def test_a_gateway_has_one_name_so_that_one_request_waits(amir: Actor) -> None:
    params = {"settings": {"guardrail": "on"}, "base": 0}
    perform(amir, "gateway.configure", GATEWAY, params=params)
    with pytest.raises(Refused) as refused:
        perform(amir, "gateway.configure", Target("gateway", "edge-1", ""), params=params)
    assert refused.value.code == "bad_target"


def test_only_admins_of_a_fresh_session_ask_and_only_for_gateways_that_are_there(
    amir: Actor,
) -> None:
    params = {"settings": {"guardrail": "on"}, "base": 0}
    with pytest.raises(Refused) as refused:
        perform(amir, "gateway.configure", Target("gateway", "none", "none"), params=params)
    assert refused.value.code == "unknown_gateway"
    olu = replace(known("operator", "operator").as_actor(via="web"), fresh=True)
    with pytest.raises(Refused) as refused:
        perform(olu, "gateway.configure", GATEWAY, params=params)
    assert refused.value.code == "not_permitted"
    stale = replace(amir, fresh=False)
    with pytest.raises(Refused) as refused:
        perform(stale, "gateway.configure", GATEWAY, params=params)
    assert refused.value.code == "fresh_sign_in_required"


def test_a_baseline_that_was_changed_meanwhile_fails_at_commit(amir: Actor) -> None:
    first, second = ask(amir, {"guardrail": "on"}), ask(amir, {"guardrail": "off"})
    approve(first)
    second = approve(second)
    assert second.outcome == "failed" and PostureBaseline.objects.count() == 1
