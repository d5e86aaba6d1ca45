"""Effects in words: what is stopped for which agent, what stays open, and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from enforcement.effects.conclude_effect import AgentEffect, State, Summary, WayState
from enforcement.effects.gateway_facts import V020, agent_label
from enforcement.effects.ways_of_use import Lever

RULES_OFF: Final = (
    "every DefenseClaw rule is switched off for this tool there, also those that stop the theft of "
    "keys or the deletion of files"
)
LABELS: Final[dict[str, str]] = {
    Summary.STOPPED: "stopped",
    Summary.STOPPED_IN_PART: "stopped in part",
    Summary.AT_NEXT_INSTALL: "at the next install or rename",
    Summary.ONLY_IN_ACTION_MODE: "only in action mode",
    Summary.RECORDED_ONLY: "recorded only",
    Summary.UNKNOWN: "unknown",
    Summary.OPEN: "open",
    Summary.RULES_OFF: "every rule off",
}


_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")
_CLAUSES: Final[dict[str, str]] = {
    Summary.STOPPED: "it is stopped",
    Summary.AT_NEXT_INSTALL: "it runs on until it is installed again or renamed",
    Summary.ONLY_IN_ACTION_MODE: "it is only recorded (observe mode)",
    Summary.RECORDED_ONLY: "it is only recorded",
    Summary.UNKNOWN: "the effect is not known",
    Summary.OPEN: "nothing stops it",
    Summary.RULES_OFF: "every DefenseClaw rule is off for it",
}


def in_words(effects: Sequence[AgentEffect]) -> list[str]:
    """One sentence for each group of agents that have the same effect."""
    return [pattern.format(agents=joined(names)) for pattern, names in by_pattern(effects).items()]


def by_pattern(effects: Sequence[AgentEffect]) -> dict[str, list[str]]:
    """The labels of agents by their sentence, which has `{agents}` in their place."""
    groups: dict[str, list[str]] = {}
    for effect in effects:
        groups.setdefault(_pattern(effect), []).append(agent_label(effect.agent))
    return groups


def files_left(kind: str, name: str, gateway: str, generation: str = "") -> str:
    """That the files of a skill or plugin are in quarantine, where the end of a hold leaves
    them, and what brings them back."""
    found = f"Its files are still in quarantine at {gateway}"
    named = _in_command(name)
    if _has_no_restore(kind, generation):
        return f"{found}. {_BY_HAND.format(named)}"
    return (
        f"{found}: restore them there with `ata {kind} restore {named}`. Where DefenseClaw asks "
        f"for a path, run `defenseclaw {kind} restore {named} --path FOLDER`, which is listed as a "
        "change without a decision."
    )


def files_unseen(kind: str, name: str, gateway: str, generation: str = "") -> str:
    """That the portal cannot see whether a hold or block moved the files, and what shows it."""
    named = _in_command(name)
    back = f"`ata {kind} restore {named}` restores them there."
    if _has_no_restore(kind, generation):
        back = _BY_HAND.format(named)
    return (
        f"The portal cannot see whether its files were moved to quarantine at {gateway}. "
        f"`find ~/.defenseclaw/quarantine -name {named}` finds them on that machine. {back}"
    )


_BY_HAND: Final = (
    "DefenseClaw 0.2.0 cannot restore a plugin: move its folder back from "
    "`~/.defenseclaw/quarantine/plugins/{}` on that machine."
)


def _has_no_restore(kind: str, generation: str) -> bool:
    """Its command refuses every folder of a plugin that it guards."""
    return kind == "plugin" and generation == V020


def _in_command(name: str) -> str:
    """A name as a command takes it, without what a shell would read."""
    return name if _PLAIN_NAME.fullmatch(name) else "NAME"


def as_clause(effects: Sequence[AgentEffect]) -> str:
    """The same as a clause, such as `it is stopped`; agents are named where they differ."""
    groups: dict[tuple[str, str], list[AgentEffect]] = {}
    for effect in effects:
        ways = joined([one.way.words for one in effect.stopped])
        in_part = effect.summary == Summary.STOPPED_IN_PART
        groups.setdefault((effect.summary, ways if in_part else ""), []).append(effect)
    clauses = [
        _clause(summary, ways, some, alone=len(groups) == 1)
        for (summary, ways), some in groups.items()
    ]
    return ", ".join(clauses) or _CLAUSES[Summary.UNKNOWN]


def _clause(summary: str, ways: str, effects: Sequence[AgentEffect], *, alone: bool) -> str:
    names = joined([agent_label(one.agent) for one in effects])
    if ways:
        return f"it is stopped for {names}'s {ways}"
    return _CLAUSES[summary] if alone else f"{_CLAUSES[summary]} for {names}"


def _pattern(effect: AgentEffect) -> str:
    because = f": {effect.why}" if effect.why else ""
    match effect.summary:
        case Summary.STOPPED:
            return "Stopped for {agents}."
        case Summary.STOPPED_IN_PART:
            return _in_part(effect)
        case Summary.AT_NEXT_INSTALL:
            return (
                "Not stopped for {agents}: an installed copy can still be used. The next time its "
                "folder is created or renamed, it is moved to quarantine."
            )
        case Summary.ONLY_IN_ACTION_MODE:
            return f"Not stopped for {{agents}}{because}."
        case Summary.RECORDED_ONLY:
            return f"Not stopped for {{agents}}{because}." if because else _RECORDED
        case Summary.UNKNOWN:
            return f"Not known for {{agents}}{because}."
        case Summary.RULES_OFF:
            return f"Allowed for {{agents}}: {RULES_OFF}."
        case Summary.OPEN:
            return f"Not stopped for {{agents}}{because}."


_RECORDED: Final = "Recorded only for {agents}: nothing there stops its use."


def _in_part(effect: AgentEffect) -> str:
    stopped = joined([one.way.words for one in effect.stopped])
    still = _joined_clauses([_open_clause(one) for one in effect.not_stopped])
    return f"Stopped for {{agents}}'s {stopped}; {still}."


def _open_clause(one: WayState) -> str:
    if one.way.lever == Lever.FILES:
        readable = "its files can still be read"
        return readable if one.state == State.OPEN else "whether its files can be read is not known"
    if one.state == State.UNKNOWN:
        return f"not known for its {one.way.words}"
    why = f" ({one.why})" if one.why else ""
    return f"not stopped for its {one.way.words}{why}"


def joined(names: Sequence[str]) -> str:
    """`a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _joined_clauses(clauses: Sequence[str]) -> str:
    return ", ".join(clauses)
