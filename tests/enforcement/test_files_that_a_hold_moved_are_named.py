"""A release ends the entry; files that the gateway moved stay in quarantine, and pages say so.

The watcher moves the folder of a blocked skill when it is created again, and no entry says so.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.conf import LazySettings

from approvals.models import Effect
from audit.evidence.log_proof_levels import LogSizes
from audit.models import EventRow
from audit.recording.actors import Actor, Target
from audit.recording.stored_event_loader import load_many
from enforcement.audit_database import files_in_quarantine
from enforcement.audit_database.open_read_only import SourceUnreadable
from enforcement.decisions.steps import steps_at_outposts
from enforcement.effects import sentences
from enforcement.gateways import decided_and_enforced_state, instances
from enforcement.models import CommandState, Outpost, OutpostCommand
from local.gateway.audit import database
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import lift, settle
from tests.enforcement.stand_ins import StandIn, register, running
from tests.enforcement.test_effects_at_gateways import look

pytestmark = pytest.mark.django_db
Do = Callable[[], None]
NOTES = Target("skill", "notes")
LEFT = "Its files are still in quarantine at lab: restore them there with `ata skill restore"
GENERATIONS = {"0.2.0": "openclaw", "0.8.4": "claudecode", "head": "claudecode"}


@pytest.fixture(params=GENERATIONS)
def gateway(
    request: pytest.FixtureRequest, tmp_path: Path, settings: LazySettings, db: None
) -> Iterator[StandIn]:
    """Of each generation, with take_action off, as 0.8.4 is set up."""
    settings.VAR_DIR = tmp_path
    agent = GENERATIONS[request.param]
    with ExitStack() as stack:
        made = stack.enter_context(
            running(
                tmp_path, "lab", request.param, "--agent", f"{agent}=action", "--take-action", "off"
            )
        )
        register(tmp_path, made)
        look()
        yield made
    instances._cache.clear()


def folder_of(gateway: StandIn) -> Path:
    old = (gateway.home / ".openclaw").exists()
    return gateway.home / (".openclaw" if old else ".claude") / "skills/notes"


def put_there(gateway: StandIn) -> Path:
    folder = folder_of(gateway)
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text("# Notes")
    return folder


def wait_until_moved(folder: Path) -> None:
    until = time.monotonic() + 10
    while folder.exists():
        assert time.monotonic() < until, "its watcher moved nothing"
        time.sleep(0.05)
    time.sleep(0.3)  # its row follows


def release_step() -> Effect:
    return Effect.objects.get(kind="gateway.release")


def words() -> str:
    [at] = decided_and_enforced_state.with_effects(
        decided_and_enforced_state.everywhere("skill", "notes"), "skill", "notes"
    )
    return at.words


def results_of_release() -> list[dict[str, object]]:
    rows = EventRow.objects.filter(action="skill.released").order_by("event")
    said = load_many(list(rows.values_list("event", flat=True)), LogSizes())
    return [one for one in said if one["data"].get("step")]


def test_a_release_says_what_the_gateway_moved_and_nothing_brought_back(
    gateway: StandIn, olu: Actor, do_due: Do
) -> None:
    settle(olu, NOTES, "hold")
    do_due()
    folder = put_there(gateway)
    wait_until_moved(folder)
    look()
    assert LEFT not in words() and decided_and_enforced_state.MOVED in words()
    web = browser("operator", "operator")
    shown = web.get("/enforcement/skill/notes/").content.decode()
    table = shown.partition("How this is known")[0]
    assert "It was quarantined, and a copy may be back." in table
    assert "An installed copy can still be used." not in table
    lift(olu, NOTES)
    do_due()
    step = release_step()
    assert step.state == "done" and LEFT in step.detail
    [result] = results_of_release()
    assert result["data"]["not_undone"] == ["quarantine"]  # type: ignore[index]
    [said] = [
        one.sentence
        for one in EventRow.objects.filter(action="skill.released")
        if "acknowledged" in one.sentence
    ]
    assert said.endswith(", and its files stayed in quarantine there"), said
    look()
    assert LEFT in words()
    shown = web.get("/enforcement/skill/notes/").content.decode()
    assert "Its files are still in quarantine at lab" in shown


def test_where_nothing_was_moved_nothing_is_said(gateway: StandIn, olu: Actor, do_due: Do) -> None:
    settle(olu, NOTES, "hold")
    do_due()
    lift(olu, NOTES)
    do_due()
    assert release_step().state == "done" and "quarantine" not in release_step().detail
    [result] = results_of_release()
    assert "not_undone" not in result["data"]  # type: ignore[operator]
    assert "quarantine" not in words()


def test_files_that_were_restored_since_are_not_named(
    gateway: StandIn, olu: Actor, do_due: Do
) -> None:
    settle(olu, NOTES, "hold")
    do_due()
    folder = put_there(gateway)
    wait_until_moved(folder)
    lift(olu, NOTES)
    do_due()
    gateway.command("skill", "restore", "notes", "--path", str(folder))
    look()
    assert folder.exists() and "quarantine" not in words()


def test_where_the_portal_cannot_see_files_it_says_so_and_what_shows_them(
    gateway: StandIn, olu: Actor, do_due: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object) -> bool:
        raise SourceUnreadable("no such file")

    monkeypatch.setattr(files_in_quarantine, "lie_there", unreadable)
    said = "cannot see whether its files were moved to quarantine at lab"
    assert said not in words(), "the portal never restricted it"
    settle(olu, NOTES, "hold")
    do_due()
    look()
    assert said not in words(), "its end leaves nothing yet"
    lift(olu, NOTES)
    do_due()
    look()
    assert said in words() and said in release_step().detail
    assert "`find ~/.defenseclaw/quarantine -name notes`" in words()
    assert "`ata skill restore notes`" in words()
    [result] = results_of_release()
    assert "not_undone" not in result["data"], "it is not known"  # type: ignore[operator]
    shown = browser("operator", "operator").get("/enforcement/skill/notes/").content.decode()
    assert said in shown.partition("How this is known")[0]


def test_an_unblock_says_it_too(gateway: StandIn, olu: Actor, do_due: Do) -> None:
    settle(olu, NOTES, "block")
    do_due()
    wait_until_moved(put_there(gateway))
    settle(olu, NOTES, "unblock")
    do_due()
    step = Effect.objects.get(kind="gateway.unblock")
    assert step.state == "done" and LEFT in step.detail
    rows = EventRow.objects.filter(action="skill.unblocked").values_list("sentence", flat=True)
    [said] = [one for one in rows if "acknowledged" in one]
    assert said.endswith(", and its files stayed in quarantine there"), said


@pytest.mark.parametrize("dimension", ["file", "install"])
def test_an_outpost_that_left_files_in_quarantine_has_it_said(db: None, dimension: str) -> None:
    left = [{"connector": "", "dimension": dimension, "value": "x", "why": "others"}]
    command = OutpostCommand(
        act="release", state=CommandState.DONE, n=1, result={"entries": [], "left": left}
    )
    outpost = Outpost(id="o1", instance="lab")
    result = steps_at_outposts._reported(outpost, command, {"kind": "skill", "name": "notes"})
    assert (result.state, result.data["left"]) == ("done", 1)
    assert (LEFT in result.detail) is (dimension == "file")
    assert ("not_undone" in result.data) is (dimension == "file")


def test_a_name_that_a_shell_would_read_is_not_put_into_the_command() -> None:
    said = sentences.files_left("skill", "x; rm -rf ~", "lab")
    assert "rm -rf" not in said and "skill restore NAME" in said


@pytest.mark.parametrize("said", [sentences.files_left, sentences.files_unseen])
def test_a_command_is_named_only_where_it_restores(said: Callable[..., str]) -> None:
    """0.2.0 refuses every folder of a plugin that it guards."""
    assert "`ata skill restore notes`" in said("skill", "notes", "lab", "0.2.0")
    assert "`ata plugin restore notes`" in said("plugin", "notes", "lab", "0.8.4")
    refused = said("plugin", "notes", "lab", "0.2.0")
    assert "restore notes" not in refused
    assert "move its folder back from `~/.defenseclaw/quarantine/plugins/notes`" in refused


@pytest.mark.parametrize("schema", ["0.2.0-1-tables.sql", "0.8.4-1-tables.sql"])
def test_no_gateway_has_all_its_rows_read_for_this(schema: str) -> None:
    """HEAD has a table of its own for what is in quarantine."""
    source = sqlite3.connect(":memory:")
    source.executescript((Path(database.__file__).parent / "schemas" / schema).read_text())
    asked = {"kind": "skill", "name": "notes", "folder": "/skills/notes"}
    plan = source.execute(f"EXPLAIN QUERY PLAN {files_in_quarantine.MOVES}", asked)
    assert all("USING INDEX" in step[-1] for step in plan)
