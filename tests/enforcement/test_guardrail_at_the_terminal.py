"""The guardrail on, off and its mode: decided here, set by the real command line."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.conf import LazySettings

from approvals import clock
from approvals.errors import Refused
from approvals.models import Approval, Effect
from approvals.pipeline.service import perform
from audit import importing
from audit.recording.actors import Actor, Target
from enforcement.gateways import instances
from enforcement.models import PostureBaseline, Watch
from tests.audit import imports
from tests.enforcement.answering import approve, deny
from tests.enforcement.gateways import known, sentences
from tests.enforcement.stand_ins import StandIn, register, running
from tests.enforcement.test_effects_at_gateways import look

Do = Callable[[], None]
LAB = Target("gateway", "lab", "lab")
APPROVED = {"guardrail": "on", "mode.codex": "action", "mode.gone": "absent", "version": "1"}
WORDS = {
    "guardrail on": ("guardrail", "enable", "--yes", "--no-restart"),
    "guardrail off": ("guardrail", "disable", "--yes", "--no-restart"),
    "mode action": ("setup", "guardrail", "--mode", "action", "--no-restart"),
    "mode observe": ("setup", "guardrail", "--mode", "observe", "--no-restart"),
}

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["0.8.4", "head"])
def lab(
    tmp_path: Path, settings: LazySettings, request: pytest.FixtureRequest
) -> Iterator[StandIn]:
    """A stand-in gateway that is registered and watched."""
    settings.VAR_DIR = tmp_path
    with ExitStack() as stack:
        made = stack.enter_context(running(tmp_path, "lab", request.param))
        register(tmp_path, made, reads_database=False)
        look()
        Watch.objects.update(watched_since=clock.now() - timedelta(minutes=1))
        yield made
    instances._cache.clear()


@pytest.fixture
def amir(db: None) -> Actor:
    """An admin who has just signed in, with a colleague who approves."""
    known("admin2", "admin", name="Anna Admin")
    return replace(known("admin", "admin", name="Amir Admin").as_actor(via="cli"), fresh=True)


def baseline(settings: dict[str, str]) -> None:
    PostureBaseline.objects.create(
        instance="lab", number=1, settings=settings, operation="x", created=clock.now()
    )


def decide(actor: Actor, change: str) -> Approval | None:
    return perform(actor, "gateway.configure", LAB, params={"terminal": change}).approval


def run(lab: StandIn, change: str, *more: str) -> None:
    """What `ata dc` runs for the newest step."""
    subprocess.run(
        [lab.home / "bin/defenseclaw", *WORDS[change], *more],
        env=os.environ | {"DEFENSECLAW_RUN_ID": Effect.objects.latest("created").payload["tag"]},
        check=True,
        capture_output=True,
    )


def bypasses() -> list[tuple[str, str]]:
    found = imports.events(action="bypass.found")
    return [(e["data"]["reported_action"], e["severity"]) for e in found]


@pytest.mark.parametrize("change", ["guardrail off", "mode observe"])
def test_what_relaxes_waits_for_another_admin_and_its_row_ends_the_step(
    lab: StandIn, amir: Actor, do_due: Do, change: str
) -> None:
    baseline(APPROVED)
    asked = decide(amir, change)
    assert asked is not None and asked.severity == "CRITICAL"
    assert asked.current is not None and asked.current.person.name == "Anna Admin"
    assert "of the gateway lab" in asked.sentence and not Effect.objects.exists()
    assert approve(asked).outcome == "approved"
    do_due()
    step = Effect.objects.get()
    assert step.state == "pending"
    assert step.detail == "waits for the row of the guardrail command there"
    run(lab, change)
    importing.run(lab.database, "lab")
    do_due()
    step.refresh_from_db()
    assert step.state == "done" and "its row is on the trail" in step.detail
    assert bypasses() == []
    assert any(
        "lab shows the change of its guardrail" in x for x in sentences("gateway.configured")
    )
    setting, _, value = change.partition(" ")
    then = {"guardrail": value} if setting == "guardrail" else {"mode.codex": value}
    assert PostureBaseline.objects.get(number=2).settings == {**APPROVED, **then}


def test_what_restricts_counts_at_once(lab: StandIn, amir: Actor, do_due: Do) -> None:
    baseline(APPROVED | {"guardrail": "off", "mode.codex": "observe"})
    lab.command(*WORDS["mode observe"])
    assert decide(amir, "mode action") is None
    run(lab, "mode action")
    importing.run(lab.database, "lab")
    do_due()
    assert Effect.objects.get().state == "done"
    assert bypasses() == [("setup-guardrail", "HIGH")], "that of before"
    assert PostureBaseline.objects.get(number=2).settings == APPROVED
    assert decide(amir, "guardrail on") is None


def test_a_tag_for_one_mode_covers_no_other(lab: StandIn, amir: Actor, do_due: Do) -> None:
    baseline(APPROVED)
    decide(amir, "mode action")
    tag = Effect.objects.get().payload["tag"]
    run(lab, "mode observe")
    importing.run(lab.database, "lab")
    do_due()
    assert bypasses() == [("setup-guardrail", "HIGH")] and Effect.objects.get().state == "pending"
    assert [e["data"]["tag"] for e in imports.events(action="defenseclaw.tag_misused")] == [tag]


@pytest.mark.parametrize("lab", ["0.8.4"], indirect=True)
def test_a_tag_for_a_mode_covers_no_command_that_also_shows_secrets(
    lab: StandIn, amir: Actor, do_due: Do
) -> None:
    """The rows of HEAD do not say whether secrets are masked."""
    baseline(APPROVED)
    decide(amir, "mode action")
    run(lab, "mode action", "--disable-redaction")
    importing.run(lab.database, "lab")
    do_due()
    assert bypasses() == [("setup-guardrail", "HIGH")] and Effect.objects.get().state == "pending"
    assert len(imports.events(action="defenseclaw.tag_misused")) == 1


def test_a_denied_request_leaves_nothing_to_carry_out(lab: StandIn, amir: Actor) -> None:
    baseline(APPROVED)
    for change in ("guardrail off", "mode observe"):
        asked = decide(amir, change)
        assert asked is not None
        deny(asked)
    assert not Effect.objects.exists() and PostureBaseline.objects.count() == 1


def test_operators_gateways_without_a_baseline_and_other_forms_are_refused(
    lab: StandIn, amir: Actor, olu: Actor
) -> None:
    def code(actor: Actor, **params: object) -> str:
        with pytest.raises(Refused) as refused:
            perform(actor, "gateway.configure", LAB, params=params)
        return refused.value.code

    assert code(amir, terminal="guardrail off") == "no_baseline"
    baseline(APPROVED)
    assert code(olu, terminal="guardrail off") == "not_permitted"
    for params in (
        {"terminal": "policy permissive"},
        {"terminal": True},
        {"terminal": "guardrail off", "settings": {"guardrail": "on"}, "base": 1},
        {"settings": {"guardrail": "on"}},
        {},
    ):
        assert code(amir, **params) == "bad_params", params
    assert not Effect.objects.exists()


def test_each_change_without_a_decision_is_found(lab: StandIn, amir: Actor) -> None:
    for words in (
        WORDS["guardrail off"],
        WORDS["mode observe"],
        WORDS["mode action"],
        ("guardrail", "enable", "--connector", "codex", "--yes", "--no-restart"),
        ("mcp", "set", "notes", "--command", "/bin/echo", "--skip-scan"),
        ("mcp", "unset", "notes"),
    ):
        lab.command(*words)
        importing.run(lab.database, "lab")
    assert bypasses() == [
        ("guardrail-disable", "HIGH"),
        ("setup-guardrail", "HIGH"),
        ("setup-guardrail", "MEDIUM"),
        ("guardrail-enable", "MEDIUM"),
        ("mcp-set", "HIGH"),
        ("mcp-unset", "MEDIUM"),
    ]
    config = yaml.safe_load((lab.home / ".defenseclaw/config.yaml").read_text())
    assert config["guardrail"]["enabled"] and config["guardrail"]["mode"] == "action"
