"""A hold waits for no proof; whether the log has its decision is looked for afterwards."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from ata.cli import app
from ata.outpost.commands import post_execution_log_check
from ata.outpost.commands.command_journal import log_as_accepted
from audit.ledger import merkle
from tests.ata.outpost.commanded import Commanded

type Enrol = Callable[..., Commanded]
type Command = dict[str, Any]
type Decided = dict[str, Any]


@pytest.fixture
def edge(commanded: Enrol) -> Commanded:
    """An outpost next to a gateway, enrolled when the log had three entries."""
    found = commanded("head", enrol=False)
    found.portal.leaves += [merkle.leaf_hash(bytes([n])) for n in range(3)]
    found.receiver.checkpoint = found.portal.checkpoint()
    found.receiver.complete = found.portal.extend
    found.enrol()
    return found


@pytest.fixture
def ten_minutes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post_execution_log_check, "NOT_IN_LOG_AFTER_S", 0.0)


def hold(edge: Commanded, name: str = "Bash", **changes: Any) -> Command:
    said = {"operation": str(uuid.uuid4())} | changes
    return edge.send(edge.portal.restrict("hold", "tool", name, **said))


def shows(edge: Commanded, decided: Decided | None, **changes: Any) -> None:
    """The portal answers with this entry, whatever command it is asked about."""

    def answer(_id: str, log_size: int) -> tuple[int, dict[str, Any]]:
        shown = edge.portal.shown(decided, log_size) | changes if decided else None
        return 200, {"decision": shown}

    edge.receiver.decision = answer


def missing(edge: Commanded) -> list[str]:
    """What the outpost holds to be missing from the log, as its newest report says."""
    edge.report()
    said = [one["health"] for one in edge.receiver.reports if "health" in one]
    found: list[str] = said[-1].get("not_in_log", [])
    assert found == log_as_accepted(edge.folder)[2]
    return found


def test_a_hold_is_carried_out_before_the_log_shows_its_decision(edge: Commanded) -> None:
    shows(edge, None)
    hold(edge)
    assert edge.refusals() == ["done "] and edge.entries("tool", "Bash")
    assert missing(edge) == [], "ten minutes are not over"


@pytest.mark.usefixtures("ten_minutes_later")
def test_a_decision_that_the_log_shows_is_found_and_asked_about_once(edge: Commanded) -> None:
    command = hold(edge)
    shows(edge, edge.portal.decided(command))
    assert missing(edge) == []
    seen, _, _ = log_as_accepted(edge.folder)
    assert seen.size == 4, "the checkpoint that shows it is the newest accepted one"
    shows(edge, None)
    assert missing(edge) == []


@pytest.mark.usefixtures("ten_minutes_later")
def test_a_hold_that_the_log_does_not_show_stays_and_is_reported(
    edge: Commanded, monkeypatch: pytest.MonkeyPatch
) -> None:
    shows(edge, None)
    command = hold(edge)
    assert missing(edge) == [command["id"]] and edge.entries("tool", "Bash")
    monkeypatch.setenv("HOME", str(edge.home))
    said = CliRunner().invoke(app, ["outpost", "status"]).output
    assert "did not show" in said
    said = CliRunner().invoke(app, ["outpost", "status", "--json"]).output
    assert json.loads(said)["not_in_log"] == [command["id"]]
    shows(edge, edge.portal.decided(command))
    assert missing(edge) == [], "the log was late"


@pytest.mark.usefixtures("ten_minutes_later")
@pytest.mark.parametrize(
    ("of_command", "of_entry"),
    [
        ({"name": "Read"}, {}),
        ({"kind": "mcp"}, {}),
        ({"operation": str(uuid.uuid4())}, {}),
        ({}, {"action": "approval.approved"}),
        ({}, {"target": {"kind": "tool", "name": "Bash", "instance": "edge-1"}}),
    ],
    ids=["component", "kind", "operation", "action", "gateway"],
)
def test_an_entry_about_something_else_shows_nothing(
    edge: Commanded, of_command: dict[str, Any], of_entry: dict[str, Any]
) -> None:
    command = hold(edge)
    shows(edge, edge.portal.decided(command | of_command, **of_entry))
    assert missing(edge) == [command["id"]]


@pytest.mark.usefixtures("ten_minutes_later")
@pytest.mark.parametrize(
    "change", [{"salt": "AAAA"}, {"salt": None}, {"entry": "e30="}, {"proof": ""}]
)
def test_an_entry_that_does_not_open_or_is_not_in_the_log_shows_nothing(
    edge: Commanded, change: dict[str, Any]
) -> None:
    command = hold(edge)
    shows(edge, edge.portal.decided(command), **change)
    assert missing(edge) == [command["id"]]


@pytest.mark.usefixtures("ten_minutes_later")
def test_one_decision_shows_one_command(edge: Commanded) -> None:
    command = hold(edge)
    decided = edge.portal.decided(command)
    shows(edge, decided)
    assert missing(edge) == []
    other = hold(edge, operation=command["operation"])
    assert missing(edge) == [other["id"]]


@pytest.mark.usefixtures("ten_minutes_later")
def test_a_portal_that_does_not_answer_is_asked_again_and_accused_of_nothing(
    edge: Commanded,
) -> None:
    edge.receiver.decision = lambda _id, _size: (503, {"code": "busy"})
    command = hold(edge)
    assert missing(edge) == []
    edge.receiver.decision = lambda _id, _size: (404, {})
    assert missing(edge) == [], "a 404 of something in between"
    edge.receiver.decision = lambda _id, _size: (404, {"code": "not_found"})
    assert missing(edge) == [command["id"]]


def test_ten_minutes_count_from_the_first_answer(
    edge: Commanded, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    edge.receiver.decision = lambda _id, _size: (503, {"code": "busy"})
    command = hold(edge)
    with edge.outpost() as outpost:
        commands = outpost._commands
        assert commands is not None
        commands.step()
        now[0] += 660
        shows(edge, None)
        commands.step()
        assert commands.not_in_log == [], "the portal was away until now"
        now[0] += 600
        commands.step()
        assert commands.not_in_log == [command["id"]]


def test_each_of_many_holds_is_asked_about(
    edge: Commanded, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, asked = [1000.0], set()
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def answer(id_: str, _size: int) -> tuple[int, dict[str, Any]]:
        asked.add(id_)
        return 200, {"decision": None}

    edge.receiver.decision = answer
    held = {hold(edge, f"tool-{n}")["id"] for n in range(12)}
    with edge.outpost() as outpost:
        commands = outpost._commands
        assert commands is not None
        for _ in range(6):
            commands.step()
            now[0] += 25
    assert asked == held


@pytest.mark.usefixtures("ten_minutes_later")
def test_a_hold_of_another_request_in_the_same_operation_is_shown_too(edge: Commanded) -> None:
    command = hold(edge, intent_hash="a" * 64)
    shows(edge, edge.portal.decided(command))
    assert missing(edge) == []
    hold(edge, operation=command["operation"], intent_hash="b" * 64)
    assert missing(edge) == [], "it stays where the first one ends"


@pytest.mark.usefixtures("ten_minutes_later")
def test_a_hold_shows_that_the_log_has_two_histories(edge: Commanded) -> None:
    edge.portal.leaves = [merkle.leaf_hash(b"other %d" % n) for n in range(2)]
    command = hold(edge)
    shows(edge, edge.portal.decided(command))
    edge.report()
    edge.report()
    health = [one["health"] for one in edge.receiver.reports if "health" in one]
    assert health[-1]["log_forked_at"] and edge.entries("tool", "Bash")


@pytest.mark.usefixtures("ten_minutes_later")
def test_a_portal_of_an_earlier_version_is_not_asked(commanded: Enrol) -> None:
    edge = commanded("head")
    edge.receiver.decision = lambda _id, _size: (200, {"decision": None})
    hold(edge)
    assert missing(edge) == []
