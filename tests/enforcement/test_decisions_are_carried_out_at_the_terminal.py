"""A decision whose step a person carries out with the real command line, which has its tag."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings

from approvals import clock
from approvals.errors import Refused
from approvals.models import Effect
from approvals.pipeline.service import perform
from audit import importing
from audit.recording.actors import Actor, Target
from enforcement.gateways import instances
from enforcement.models import AdministrativeAct, Watch
from tests.audit import imports
from tests.enforcement.gateways import sentences, settle
from tests.enforcement.stand_ins import StandIn, register, running
from tests.enforcement.test_effects_at_gateways import look

Do = Callable[[], None]
Start = Callable[..., StandIn]
GENERATIONS = ["0.2.0", "0.8.4", "head"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def start(tmp_path: Path, settings: LazySettings) -> Iterator[Start]:
    """Start a stand-in gateway `lab` that is registered and watched."""
    settings.VAR_DIR = tmp_path
    with ExitStack() as stack:

        def begin(generation: str, *, reads_database: bool = True) -> StandIn:
            made = stack.enter_context(running(tmp_path, "lab", generation))
            register(tmp_path, made, reads_database=reads_database)
            look()
            Watch.objects.update(watched_since=clock.now() - timedelta(minutes=1))
            return made

        yield begin
    instances._cache.clear()


def step() -> Effect:
    (found,) = Effect.objects.filter(kind="gateway.terminal")
    return found


def at_terminal(lab: StandIn, *words: str) -> None:
    """What `ata dc` runs: the tag first in the reason, and as run id."""
    tag = step().payload["tag"]
    reason = () if "unblock" in words else ("--reason", f"[ATA {tag}] reads all of home")
    subprocess.run(
        [lab.home / "bin/defenseclaw", *words, *reason],
        env=os.environ | {"DEFENSECLAW_RUN_ID": tag},
        check=True,
        capture_output=True,
    )


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("kind", ["skill", "mcp"])
def test_the_step_is_done_when_the_row_with_its_tag_is_known_and_nothing_is_sent(
    start: Start, olu: Actor, do_due: Do, generation: str, kind: str
) -> None:
    lab = start(generation, reads_database=False)
    settle(olu, Target(kind, "pdf-exfil", "lab"), "block", terminal=True)
    do_due()
    assert step().state == "pending" and lab.actions().count("api-enforce-block") == 0
    at_terminal(lab, kind, "block", "pdf-exfil")
    do_due()
    assert step().state == "pending", "its row did not arrive yet"
    importing.run(lab.database, "lab")
    do_due()
    assert step().state == "done"
    assert step().detail.startswith("carried out at the terminal: its row is on the trail")
    action = "block-mcp" if kind == "mcp" else "skill-block"
    (row,) = imports.events(action=f"defenseclaw.{action}")
    assert (row["data"]["repeats"], row["operation"]) == ("tag", step().operation)
    assert imports.events(action="bypass.found") == []
    importing.run(lab.database, "lab")
    assert AdministrativeAct.objects.count() == 1
    assert "api-enforce-block" not in lab.actions() and lab.actions().count(action) == 1
    assert any("that Olu Operator carried out there" in one for one in sentences(f"{kind}.blocked"))


@pytest.mark.parametrize("generation", ["0.8.4", "head"])
def test_an_unblock_has_no_reason_and_is_known_by_its_run_id(
    start: Start, olu: Actor, do_due: Do, generation: str
) -> None:
    lab = start(generation)
    lab.command("skill", "block", "pdf-exfil")
    settle(olu, Target("skill", "pdf-exfil", "lab"), "unblock", terminal=True)
    at_terminal(lab, "skill", "unblock", "pdf-exfil")
    do_due()
    assert step().state == "done"
    assert "its row is in the gateway's database" in step().detail
    importing.run(lab.database, "lab")
    found = imports.events(action="bypass.found")
    assert [e["data"]["reported_action"] for e in found] == ["skill-block"], "by the other one"


def test_a_row_of_the_oldest_command_line_without_a_tag_joins_its_step_once(
    start: Start, olu: Actor, do_due: Do
) -> None:
    lab = start("0.2.0")
    settle(olu, Target("tool", "Bash", "lab"), "unblock", terminal=True)
    at_terminal(lab, "tool", "unblock", "Bash")
    lab.command("tool", "unblock", "Bash")
    importing.run(lab.database, "lab")
    do_due()
    assert step().state == "done"
    assert len(imports.events(action="bypass.found")) == 1


@pytest.mark.parametrize("generation", ["0.8.4", "head"])
def test_an_act_without_the_tag_of_the_step_is_none_of_it(
    start: Start, olu: Actor, do_due: Do, generation: str
) -> None:
    lab = start(generation, reads_database=False)
    settle(olu, Target("skill", "pdf-exfil", "lab"), "block", terminal=True)
    lab.command("skill", "block", "pdf-exfil")
    importing.run(lab.database, "lab")
    do_due()
    assert step().state == "pending"
    found = imports.events(action="bypass.found")
    assert [e["data"]["reported_action"] for e in found] == ["skill-block"]


def test_the_step_is_not_done_while_its_lists_lack_it_or_are_not_read(
    start: Start, olu: Actor, do_due: Do
) -> None:
    lab = start("head", reads_database=False)
    settle(olu, Target("skill", "pdf-exfil", "lab"), "block", terminal=True)
    at_terminal(lab, "skill", "block", "pdf-exfil")
    lab.command("skill", "unblock", "pdf-exfil")
    importing.run(lab.database, "lab")
    token = (lab.home / "token").read_text()
    for known in ("wrong", token):
        (lab.home / "token").write_text(known)
        Effect.objects.update(due=clock.now())
        do_due()
        assert step().state == "unknown" and "or were not read" in step().detail
    lab.command("skill", "block", "pdf-exfil")
    Effect.objects.update(due=clock.now())
    do_due()
    assert step().state == "done"


@pytest.mark.parametrize(("done", "state"), [(True, "done"), (False, "failed")])
def test_where_no_row_arrives_the_lists_decide_after_five_minutes(
    start: Start, olu: Actor, do_due: Do, done: bool, state: str
) -> None:
    lab = start("head", reads_database=False)
    settle(olu, Target("tool", "Bash", "lab"), "allow", terminal=True)
    if done:
        lab.command("tool", "allow", "Bash")
    do_due()
    assert step().state == "pending"
    Effect.objects.update(created=clock.now() - timedelta(minutes=6))
    do_due()
    assert step().state == state and "No row with the tag" in step().detail


@pytest.mark.parametrize(
    ("verb", "params"),
    [("skill.block", {}), ("mcp.allow", {}), ("plugin.quarantine", {"act": "quarantine"})],
)
def test_a_name_that_its_command_line_takes_for_an_option_or_a_folder_is_refused(
    start: Start, olu: Actor, verb: str, params: dict[str, str]
) -> None:
    start("head")
    for name in ("-v", "--reason=x", ".", "..", "~", "~root"):
        target = Target(verb.partition(".")[0], name, "lab")
        with pytest.raises(Refused) as refused:
            perform(olu, verb, target, params={"terminal": True, **params}, reason="x")
        assert (refused.value.code, refused.value.pointer) == ("bad_target", "/target/name"), name
        assert "without the terminal" in refused.value.detail
    assert not Effect.objects.exists()


def test_it_is_about_one_registered_gateway_and_only_where_its_command_is_known(
    start: Start, olu: Actor
) -> None:
    start("head")
    for instance in ("", "elsewhere"):
        with pytest.raises(Refused) as refused:
            target = Target("skill", "pdf-exfil", instance)
            perform(olu, "skill.block", target, params={"terminal": True}, reason="x")
        assert refused.value.code in {"bad_params", "unknown_instance"}
    for verb, given in (("skill.hold", True), ("skill.block", False), ("skill.block", "yes")):
        with pytest.raises(Refused) as refused:
            target = Target("skill", "pdf-exfil", "lab")
            perform(olu, verb, target, params={"terminal": given}, reason="x")
        assert refused.value.code == "bad_params"
    assert not Effect.objects.exists()
