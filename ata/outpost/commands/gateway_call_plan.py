"""Which calls a command takes, and what of the gateway's entries it must leave alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ata.outpost.commands import target_entries
from ata.outpost.commands.command_journal_queries import Added, Place, TargetHistory
from ata.outpost.commands.gateway_calls import Call
from ata.outpost.commands.signed_command import WITH_FILES, Command
from ata.outpost.commands.target_entries import Rows

FOR_ALL: Final = ""
"""The agent of an entry that counts for all agents."""
_INSTALL: Final[Place] = (FOR_ALL, "install")
_RUNTIME: Final[Place] = (FOR_ALL, "runtime")


@dataclass(frozen=True, slots=True)
class WayBack:
    """The calls of a relaxing command, and what stays and why."""

    calls: tuple[Call, ...]
    left: tuple[dict[str, Any], ...]
    is_disabled_by_others: bool = False
    replaced: str = ""


def restricting(command: Command) -> tuple[Call, ...]:
    """The calls of a hold or block. What stops a skill or plugin is the disable, so it is first."""
    if command.kind not in WITH_FILES:
        return (Call("block"),)
    calls = [Call("disable")]
    if command.strength == "quarantine":
        calls.append(Call("quarantine"))
    if command.act == "block":
        calls.append(Call("block"))
    return tuple(calls)


def missing(command: Command, rows: Rows) -> tuple[Call, ...]:
    """Of those calls the ones whose effect the entries do not show."""
    found = target_entries.values(rows)
    shown = {"block": found.get(_INSTALL) == "block"}
    shown["disable"] = any(one == "runtime" for _, one in found)
    shown["quarantine"] = any(one == "file" for _, one in found)
    return tuple(call for call in restricting(command) if not shown[call.verb])


def way_back(command: Command, history: TargetHistory, denied: bool, rows: Rows) -> WayBack:
    """The calls that end what this portal added and still reads so; all else is left."""
    found = target_entries.values(rows)
    # With a hold or block in the journal it says whose the entries are, else they do.
    all_owners = {place: tuple(owners) for place, owners in history.owners.items()}
    if not history.first_restricting:
        of_before = target_entries.found_of_portal(rows)
        all_owners = {place: (one,) for place, one in of_before.items()} | all_owners
    mine: set[Place] = set()
    left: list[dict[str, Any]] = []
    replaced = ""
    for place, value in found.items():
        owners, reason = all_owners.get(place, ()), target_entries.reason_of(rows, place[0])
        reads_so = _reads_so(owners, value, reason)
        ends = reads_so and all(one.is_ended_by(command, denied) for one in owners)
        if ends:
            mine.add(place)
        elif command.act == "allow" and place == _INSTALL:
            replaced = "" if value == "allow" else value
        else:
            left.append(_left(place, value, "changed" if owners and not reads_so else "others"))
    return replace(_with_calls(command, rows, mine, left), replaced=replaced)


def _with_calls(
    command: Command, rows: Rows, mine: set[Place], left: list[dict[str, Any]]
) -> WayBack:
    found = target_entries.values(rows)
    calls: list[Call] = []
    if _INSTALL in mine and command.act != "allow":
        calls.append(Call("unblock"))
    # A bare `enable` clears the rows of all agents; those of others have to stay.
    others = [one for one in found if one[1] == "runtime" and one not in mine]
    if _RUNTIME in mine and others:
        mine.remove(_RUNTIME)
        left.append(_left(_RUNTIME, "disable", "not_separable"))
    agents = [agent for agent, dimension in sorted(mine) if dimension == "runtime"]
    # A bare one is refused for a plugin that is not on disk.
    is_bare = not others and (command.kind == "skill" or FOR_ALL in agents)
    calls += [Call("enable", agent) for agent in ([FOR_ALL] if is_bare and agents else agents)]
    # Under a block that stays, the watcher would take the files again.
    stays_blocked = (_INSTALL in found and _INSTALL not in mine) and command.act != "allow"
    for place in [one for one in sorted(mine) if one[1] == "file"]:
        if stays_blocked:
            mine.remove(place)
            left.append(_left(place, found[place], "not_separable"))
        else:
            calls.append(Call("restore", place[0]))
    is_stuck = _is_disabled_by_others(command, rows, mine)
    if command.act == "allow" and not is_stuck and found.get(_INSTALL) != "allow":
        calls.append(Call("allow"))
    return WayBack(tuple(calls), tuple(left), is_stuck)


def _is_disabled_by_others(command: Command, rows: Rows, mine: set[Place]) -> bool:
    """Whether an allow would wait 88 s for OpenClaw, and change nothing; 0.2.0, whose entries are
    for no agent, asks nobody."""
    if command.act != "allow" or command.kind not in WITH_FILES:
        return False
    has_agents = any("connector" in row for row in rows)
    return has_agents and _RUNTIME in target_entries.values(rows) and _RUNTIME not in mine


def _reads_so(owners: Sequence[Added], value: str, reason: str) -> bool:
    """Whether an entry still reads as the newest of its owners left it."""
    newest = owners[-1] if owners else None
    return bool(newest and newest.value == value and target_entries.tagged(newest.tag) in reason)


def _left(place: Place, value: str, why: str) -> dict[str, Any]:
    return {"connector": place[0], "dimension": place[1], "value": value, "why": why}
