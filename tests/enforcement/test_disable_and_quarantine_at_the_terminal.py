"""Disable, enable, quarantine and restore: decided here, carried out by the real command line."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings

from approvals import clock
from approvals.errors import Refused
from approvals.models import Effect
from approvals.pipeline.service import Performed, perform
from audit import importing
from audit.recording.actors import Actor, Target
from enforcement.gateways import instances
from enforcement.models import Watch
from tests.audit import imports
from tests.enforcement.answering import approve, deny
from tests.enforcement.gateways import known, sentences, settle
from tests.enforcement.stand_ins import StandIn, register, running
from tests.enforcement.test_effects_at_gateways import look

Do = Callable[[], None]
Start = Callable[..., StandIn]
SKILL = Target("skill", "pdf-exfil", "lab")
AGENTS = ("--agent", "claudecode=action", "--agent", "codex=action")

pytestmark = pytest.mark.django_db


@pytest.fixture
def start(tmp_path: Path, settings: LazySettings) -> Iterator[Start]:
    """Start a stand-in gateway `lab` that is registered and watched, with a skill on its disk."""
    settings.VAR_DIR = tmp_path
    with ExitStack() as stack:

        def begin(
            generation: str, *options: str, agents: tuple[str, ...] = (".claude",)
        ) -> StandIn:
            for agent in agents:
                folder = tmp_path / "lab" / agent / "skills/pdf-exfil"
                folder.mkdir(parents=True)
                (folder / "SKILL.md").write_text("---\nname: pdf-exfil\n---\nSay hello.\n")
            made = stack.enter_context(running(tmp_path, "lab", generation, *options))
            register(tmp_path, made, reads_database=False)
            look()
            Watch.objects.update(watched_since=clock.now() - timedelta(minutes=1))
            return made

        yield begin
    instances._cache.clear()


def decide(actor: Actor, act: str, target: Target = SKILL) -> Performed:
    verb = "quarantine" if act in {"disable", "quarantine"} else "restore"
    params = {"terminal": True, "act": act}
    return perform(actor, f"{target.kind}.{verb}", target, params=params, reason="looked at it")


def approved(actor: Actor, act: str) -> None:
    """Decide something, and approve it where somebody is asked."""
    if (asked := decide(actor, act).approval) is not None:
        assert approve(asked).outcome == "approved"


def step() -> Effect:
    return Effect.objects.latest("created")


def late(do_due: Do) -> None:
    """Five minutes pass, and no row of the newest step arrives."""
    Effect.objects.filter(pk=step().pk).update(
        created=clock.now() - timedelta(minutes=6), due=clock.now()
    )
    do_due()
    assert step().state == "failed"


def run(lab: StandIn, act: str, tag: str = "") -> None:
    """What `ata dc` runs for the newest step, or for that of a tag."""
    tag = tag or step().payload["tag"]
    reason = ("--reason", f"[ATA {tag}] x") if act in {"disable", "quarantine"} else ()
    subprocess.run(
        [lab.home / "bin/defenseclaw", "skill", act, "pdf-exfil", *reason],
        env=os.environ | {"DEFENSECLAW_RUN_ID": tag},
        check=True,
        capture_output=True,
    )


def bypasses() -> list[str]:
    return [e["data"]["reported_action"] for e in imports.events(action="bypass.found")]


def in_turn(lab: StandIn, olu: Actor, do_due: Do, *acts: str) -> None:
    for act in acts:
        approved(olu, act)
        do_due()
        assert step().state == "pending", act
        run(lab, act)
        importing.run(lab.database, "lab")
        do_due()
        assert step().state == "done", (act, step().detail)


@pytest.mark.parametrize("generation", ["0.8.4", "head"])
def test_each_command_is_done_when_its_row_arrived_and_is_no_bypass(
    start: Start, olu: Actor, do_due: Do, generation: str
) -> None:
    lab = start(generation)
    in_turn(lab, olu, do_due, "disable", "enable", "quarantine", "restore")
    assert bypasses() == [] and imports.events(action="defenseclaw.tag_misused") == []
    said = sentences("skill.quarantined") + sentences("skill.restored")
    for act in ("disable", "enable", "quarantine", "restore"):
        assert any(one.startswith(f"Olu Operator decided to {act} skill pdf-exfil") for one in said)
        assert any(
            one.startswith(f"lab shows the {act} of skill pdf-exfil that Olu") for one in said
        )
    assert not any(action.startswith("api-") for action in lab.actions()), "nothing was sent"


def test_the_oldest_generation_is_matched_by_act_name_and_time(
    start: Start, olu: Actor, do_due: Do
) -> None:
    """Its rows have no run id, and those of enable and restore no reason."""
    lab = start("0.2.0", "--openclaw", "connected", agents=(".openclaw",))
    in_turn(lab, olu, do_due, "disable", "enable", "quarantine", "restore")
    assert bypasses() == []
    lab.command("skill", "enable", "pdf-exfil")
    importing.run(lab.database, "lab")
    assert len(bypasses()) == 1


@pytest.mark.parametrize("generation", ["0.8.4", "head"])
def test_one_command_that_moves_the_copies_of_two_agents_is_one_act(
    start: Start, olu: Actor, do_due: Do, generation: str
) -> None:
    lab = start(generation, *AGENTS, agents=(".claude", ".codex"))
    in_turn(lab, olu, do_due, "quarantine", "restore")
    assert lab.actions().count("skill-quarantine") == lab.actions().count("skill-restore") == 2
    assert bypasses() == [] and imports.events(action="defenseclaw.tag_misused") == []


@pytest.mark.parametrize(
    ("act", "severity"),
    [("disable", "MEDIUM"), ("enable", "HIGH"), ("quarantine", "MEDIUM"), ("restore", "HIGH")],
)
def test_the_same_without_a_decision_is_found(start: Start, act: str, severity: str) -> None:
    lab = start("head")
    if act == "restore":
        lab.command("skill", "quarantine", "pdf-exfil")
        importing.run(lab.database, "lab")
    lab.command("skill", act, "pdf-exfil")
    importing.run(lab.database, "lab")
    found = {e["data"]["act"]: e["severity"] for e in imports.events(action="bypass.found")}
    assert found[act] == severity


def test_what_restricts_is_decided_at_once_and_what_relaxes_is_asked(
    start: Start, olu: Actor
) -> None:
    start("head")
    for act in ("disable", "quarantine"):
        assert decide(olu, act).approval is None
    for act in ("enable", "restore"):
        asked = decide(olu, act).approval
        assert asked is not None and asked.severity == "HIGH", "it was never scanned"
    assert Effect.objects.count() == 2, "nothing to carry out before the approval"


def test_another_person_is_asked_for_what_somebody_else_took_out_of_use(
    start: Start, olu: Actor, oona: Actor
) -> None:
    start("head")
    decide(olu, "disable")
    for actor in (olu, oona):
        asked = decide(actor, "enable").approval
        assert asked is not None and asked.current is not None
        assert asked.current.person.sub == olu.sub
        deny(asked)
    assert Effect.objects.filter(payload__act="enable").count() == 0


def approvers(actor: Actor, act: str) -> str:
    """Who is asked first; nothing is decided."""
    asked = decide(actor, act).approval
    assert asked is not None and asked.current is not None
    deny(asked)
    return asked.current.person.sub


def test_who_disables_it_too_still_needs_the_first_one(
    start: Start, olu: Actor, oona: Actor
) -> None:
    """A disable commits at once: else it would make what somebody else did one's own."""
    start("head")
    decide(olu, "disable")
    decide(oona, "disable")
    decide(oona, "quarantine")
    assert [approvers(oona, act) for act in ("enable", "restore")] == [olu.sub, olu.sub]


def test_what_was_enabled_since_is_nobodys_any_more(
    start: Start, olu: Actor, oona: Actor, do_due: Do
) -> None:
    lab = start("head")
    in_turn(lab, olu, do_due, "disable", "enable")
    decide(oona, "disable")
    assert approvers(oona, "enable") == oona.sub
    assert approvers(olu, "enable") == oona.sub


def test_an_enable_that_was_not_carried_out_or_a_restore_ends_no_disable(
    start: Start, olu: Actor, oona: Actor, do_due: Do
) -> None:
    lab = start("head")
    in_turn(lab, olu, do_due, "disable", "quarantine", "restore")
    approved(olu, "enable")
    Effect.objects.filter(payload__act="enable").update(state="failed")
    decide(oona, "disable")
    assert approvers(oona, "enable") == olu.sub


def test_a_disable_that_failed_makes_nobody_its_author(
    start: Start, olu: Actor, oona: Actor, do_due: Do
) -> None:
    start("head")
    decide(oona, "disable")
    late(do_due)
    decide(olu, "disable")
    assert approvers(olu, "enable") == olu.sub
    assert approvers(oona, "enable") == olu.sub


def test_a_disable_whose_row_arrived_after_it_failed_is_its_authors(
    start: Start, olu: Actor, oona: Actor, do_due: Do
) -> None:
    lab = start("head")
    decide(olu, "disable")
    late(do_due)
    run(lab, "disable")
    importing.run(lab.database, "lab")
    assert step().state == "failed" and approvers(oona, "enable") == olu.sub


def test_a_disable_that_was_carried_out_after_a_later_enable_is_its_authors(
    start: Start, olu: Actor, oona: Actor, do_due: Do
) -> None:
    """Who decided first may run the command last."""
    lab = start("head")
    in_turn(lab, olu, do_due, "disable")
    decide(olu, "disable")
    tag = step().payload["tag"]
    in_turn(lab, olu, do_due, "enable")
    assert approvers(oona, "enable") == olu.sub, "it may still come"
    run(lab, "disable", tag)
    importing.run(lab.database, "lab")
    Effect.objects.filter(state="pending").update(due=clock.now())
    do_due()
    assert not Effect.objects.exclude(state="done").exists()
    assert approvers(oona, "enable") == olu.sub


def test_an_allow_or_unblock_that_ends_what_another_disabled_needs_that_person(
    start: Start, olu: Actor, oona: Actor
) -> None:
    start("head")
    decide(olu, "disable")
    for target in (SKILL, Target("skill", "pdf-exfil")):
        settle(oona, target, "block")
        for act in ("allow", "unblock"):
            asked = perform(oona, f"skill.{act}", target).approval
            assert asked is not None and asked.current is not None
            assert asked.current.person.sub == olu.sub, (act, target)
            deny(asked)


def test_a_disable_of_another_ends_the_request_that_waits_to_enable(
    start: Start, olu: Actor, oona: Actor
) -> None:
    start("head")
    decide(oona, "disable")
    asked = decide(oona, "enable").approval
    assert asked is not None
    decide(olu, "disable")
    assert approve(asked).outcome == "failed"
    assert Effect.objects.filter(payload__act="enable").count() == 0


def test_a_denied_request_leaves_nothing_to_carry_out_and_no_other_way_is_open(
    start: Start, olu: Actor, do_due: Do
) -> None:
    start("head")
    asked = decide(olu, "enable").approval
    assert asked is not None
    deny(asked)
    do_due()
    assert not Effect.objects.exists()
    for verb, params in (
        ("restore", {"terminal": True, "act": "restore"}),
        ("allow", {"terminal": True}),
    ):
        again = perform(olu, f"skill.{verb}", SKILL, params=params, reason="x", severity="LOW")
        assert again.approval is not None, verb


@pytest.mark.parametrize(("verb", "code"), [("hold", "on_hold"), ("block", "blocked")])
@pytest.mark.parametrize("scope", ["lab", ""])
def test_nothing_is_brought_back_past_a_hold_or_block(
    start: Start, olu: Actor, verb: str, code: str, scope: str
) -> None:
    """Else who was denied a release or unblock would reach its effect by `enable`."""
    start("head")
    settle(olu, Target("skill", "pdf-exfil", scope), verb)
    for act in ("enable", "restore"):
        with pytest.raises(Refused) as refused:
            decide(olu, act)
        assert refused.value.code == code


def test_a_hold_placed_while_it_waits_ends_the_request(start: Start, olu: Actor) -> None:
    start("head")
    asked = decide(olu, "enable").approval
    assert asked is not None
    settle(olu, SKILL, "hold")
    assert approve(asked).outcome == "failed"
    assert not Effect.objects.filter(kind="gateway.command").exists()


def test_a_row_with_the_tag_of_another_act_is_no_part_of_it(
    start: Start, olu: Actor, do_due: Do
) -> None:
    """A tag is readable on the host: it covers the act that was decided, and none that relaxes."""
    lab = start("head")
    decide(olu, "disable")
    run(lab, "enable")
    importing.run(lab.database, "lab")
    do_due()
    assert bypasses() == ["skill-enable"] and step().state == "pending"
    assert len(imports.events(action="defenseclaw.tag_misused")) == 1


def test_where_no_row_arrives_it_has_failed_after_five_minutes(
    start: Start, olu: Actor, do_due: Do
) -> None:
    start("head")
    decide(olu, "disable")
    Effect.objects.update(created=clock.now() - timedelta(minutes=6))
    do_due()
    assert step().state == "failed" and "No row with the tag" in step().detail
    assert any("lab did not show the disable" in one for one in sentences("skill.quarantined"))


@pytest.mark.parametrize(
    ("target", "params", "code"),
    [
        (Target("skill", "x/pdf-exfil", "lab"), {"terminal": True}, "bad_target"),
        (Target("skill", "pdf-exfil", ""), {"terminal": True}, "bad_params"),
        (SKILL, {}, "bad_params"),
        (SKILL, {"terminal": True, "act": "enable"}, "bad_params"),
        (Target("tool", "Bash", "lab"), {"terminal": True}, "unknown_verb"),
    ],
)
def test_what_cannot_be_carried_out_there_is_refused(
    start: Start, olu: Actor, target: Target, params: dict[str, Any], code: str
) -> None:
    start("head")
    given = {"act": "disable"} | params
    with pytest.raises(Refused) as refused:
        perform(olu, f"{target.kind}.quarantine", target, params=given, reason="x")
    assert refused.value.code == code
    assert not Effect.objects.exists()


def test_a_path_is_no_other_name_at_a_terminal(start: Start, olu: Actor) -> None:
    """`skill allow x/pdf-exfil` allows pdf-exfil, whatever was found about that."""
    start("head")
    with pytest.raises(Refused) as refused:
        target = Target("skill", "x/pdf-exfil", "lab")
        perform(olu, "skill.allow", target, params={"terminal": True}, reason="x")
    assert refused.value.code == "bad_target"


def test_auditors_and_admins_take_nothing_out_of_use(start: Start) -> None:
    start("head")
    for role in ("auditor", "admin"):
        with pytest.raises(Refused) as refused:
            decide(known(role, role).as_actor(via="web"), "disable")
        assert refused.value.code == "not_permitted"
