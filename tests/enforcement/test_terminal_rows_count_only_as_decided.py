"""A row with the tag of a step counts as that step only where it is what was decided, in time."""

from __future__ import annotations

import os
import subprocess
from datetime import timedelta
from uuid import uuid4

import pytest

from approvals import clock
from approvals.models import Effect
from approvals.pipeline.service import perform
from approvals.registry import EffectRun
from audit import importing
from audit.importing.source_row_identity import SourceRow
from audit.recording.actors import Actor
from enforcement.gateways import attempt_tags, instances
from tests.enforcement.gateways import settle
from tests.enforcement.stand_ins import StandIn, register
from tests.enforcement.test_disable_and_quarantine_at_the_terminal import (
    SKILL,
    Do,
    Start,
    approved,
    bypasses,
    decide,
    in_turn,
    run,
    start,
    step,
)

pytestmark = pytest.mark.django_db
__all__ = ["start"]


def with_tag(lab: StandIn, *words: str) -> None:
    """What somebody runs with the tag of the newest step; it may fail."""
    subprocess.run(
        [lab.home / "bin/defenseclaw", *words],
        env=os.environ | {"DEFENSECLAW_RUN_ID": step().payload["tag"]},
        check=False,
        capture_output=True,
    )


def read_its_database(lab: StandIn) -> None:
    register(lab.home.parent, lab)
    instances._cache.clear()


@pytest.mark.parametrize("generation", ["0.8.4", "head"])
@pytest.mark.parametrize(
    "words",
    [
        ("skill", "block", "harmless"),
        ("skill", "restore", "pdf-exfil"),
        ("skill", "quarantine", "gone"),
        ("skill", "quarantine", "harmless"),
    ],
)
def test_another_command_with_its_tag_is_not_the_act_that_was_decided(
    start: Start, olu: Actor, do_due: Do, generation: str, words: tuple[str, ...]
) -> None:
    lab = start(generation)
    harmless = lab.home / ".claude/skills/harmless"
    harmless.mkdir(parents=True)
    (harmless / "SKILL.md").write_text("---\nname: harmless\n---\nSay hello.\n")
    if "restore" in words:
        lab.command("skill", "quarantine", "pdf-exfil")
    read_its_database(lab)
    decide(olu, "quarantine")
    with_tag(lab, *words)
    do_due()
    assert step().state == "pending"


@pytest.mark.parametrize("generation", ["0.8.4", "head"])
def test_the_act_that_was_decided_is_read_from_the_gateways_database(
    start: Start, olu: Actor, do_due: Do, generation: str
) -> None:
    lab = start(generation)
    read_its_database(lab)
    decide(olu, "quarantine")
    run(lab, "quarantine")
    do_due()
    assert step().state == "done"
    assert "its row is in the gateway's database" in step().detail


def wake(mine: Effect, do_due: Do) -> None:
    Effect.objects.filter(pk=mine.pk).update(due=mine.created)
    do_due()
    mine.refresh_from_db()


@pytest.mark.parametrize("act", ["restore", "enable"])
@pytest.mark.parametrize("later", ["hold", "block", "quarantine", "disable"])
def test_what_relaxes_gives_way_to_what_a_colleague_restricts_later(
    start: Start, olu: Actor, oona: Actor, do_due: Do, act: str, later: str
) -> None:
    lab = start("head")
    in_turn(lab, olu, do_due, "disable", "quarantine")
    approved(olu, act)
    mine = step()
    if later in {"hold", "block"}:
        perform(oona, f"skill.{later}", SKILL, params={}, reason="bad")
    else:
        decide(oona, later)
    wake(mine, do_due)
    assert (mine.state, mine.detail) == (
        "failed",
        "A later decision replaced it before its row arrived.",
    )
    run(lab, act, mine.payload["tag"])
    importing.run(lab.database, "lab")
    assert bypasses() == [f"skill-{act}"]


@pytest.mark.parametrize("act", ["unblock", "allow"])
@pytest.mark.parametrize("later", ["hold", "quarantine"])
def test_so_does_an_unblock_or_allow_at_the_terminal(
    start: Start, olu: Actor, oona: Actor, do_due: Do, act: str, later: str
) -> None:
    start("head")
    settle(olu, SKILL, "block")
    settle(olu, SKILL, act, terminal=True)
    mine = step()
    if later == "hold":
        perform(oona, "skill.hold", SKILL, params={}, reason="bad")
    else:
        decide(oona, later)
    wake(mine, do_due)
    assert mine.state == "failed" and mine.detail.startswith("A later decision replaced it")


def test_a_row_that_is_older_than_the_later_decision_is_no_bypass(
    start: Start, olu: Actor, oona: Actor, do_due: Do
) -> None:
    lab = start("head")
    in_turn(lab, olu, do_due, "quarantine")
    approved(olu, "restore")
    run(lab, "restore")
    perform(oona, "skill.hold", SKILL, params={}, reason="bad")
    importing.run(lab.database, "lab")
    assert bypasses() == []


@pytest.mark.parametrize("act", ["restore", "quarantine"])
def test_the_tag_of_a_step_that_failed_covers_nothing_that_relaxes(
    start: Start, olu: Actor, do_due: Do, act: str
) -> None:
    lab = start("head")
    if act == "restore":
        in_turn(lab, olu, do_due, "quarantine")
    approved(olu, act)
    mine = step()
    Effect.objects.filter(pk=mine.pk).update(created=clock.now() - timedelta(minutes=6))
    wake(mine, do_due)
    assert mine.state == "failed"
    run(lab, act, mine.payload["tag"])
    importing.run(lab.database, "lab")
    assert bypasses() == (["skill-restore"] if act == "restore" else [])


def test_a_row_that_is_a_bypass_ends_nobodys_quarantine(
    start: Start, olu: Actor, oona: Actor, do_due: Do
) -> None:
    lab = start("head")
    in_turn(lab, olu, do_due, "quarantine")
    approved(olu, "restore")
    mine = step()
    decide(oona, "quarantine")
    run(lab, "restore", mine.payload["tag"])
    importing.run(lab.database, "lab")
    asked = decide(olu, "restore").approval
    assert asked is not None and asked.current is not None
    assert asked.current.person.sub == oona.sub


def test_a_copied_tag_is_no_proof_that_the_gateways_log_names_the_person() -> None:
    run = EffectRun(str(uuid4()), 1, str(uuid4()), "", "lab")
    tag = attempt_tags.mint(run, "skill.block", "skill", "pdf-exfil")
    for action, name, named in (
        ("skill.block", "pdf-exfil", True),
        ("skill.block", "harmless", False),
        ("skill-allow", "pdf-exfil", False),
    ):
        values = {"action": action, "target": name, "request_id": tag, "details": "type=skill"}
        row = SourceRow("audit_events", 0, values)
        assert attempt_tags.names_person(row, run, "skill.block", "skill", "pdf-exfil") is named
