"""Why a hold or block leaves a use open or unknown, in one short sentence, and what helps.

The reasons are those that `conclusion` gives; a remedy claims no more than was observed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from enforcement.effects.conclude_effect import NO_ENTRY, AgentEffect, State, Summary, WayState
from enforcement.effects.gateway_facts import agent_label
from enforcement.effects.ways_of_use import Lever

_REMOVE: Final = "Remove the copy on that machine."
_REMOVE_OR_DISABLE: Final = (
    "Remove the copy on that machine, or enrol an outpost: it disables what is held or blocked "
    "after that."
)
_NOTHING: Final = "Nothing here stops it. Remove it on that machine."
_TO_BE_SURE: Final = "Remove it on that machine to be sure."
_LOOK: Final = "Check the folder on that machine."
_READ: Final = "Let the portal read the gateway's audit database, or enrol an outpost."
_CHECK: Final = "Check on that machine what agents can use."


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a use is not stopped, or not known to be, and what helps."""

    why: str
    helps: str

    @property
    def by_outpost(self) -> bool:
        """Whether an outpost is what helps, or a part of it."""
        return self.helps in {_REMOVE_OR_DISABLE, _READ}


_NAME: Final = Reason(
    "No call of an agent carries this name.", "Decide about the name that the calls carry."
)
_RECORDED: Final = Reason("It is only recorded there.", _NOTHING)
_OBSERVE: Final = Reason(
    "Observe mode only records.",
    "Set action mode on that machine. What depends on the mode counts then.",
)
_RULES_OFF: Final = Reason(
    "An entry at the gateway allows it and switches every rule off for it.",
    "Remove that entry on that machine.",
)
_MAY_BE_BACK: Final = Reason("It was quarantined, and a copy may be back.", _LOOK)
_COPY: Final = Reason("An installed copy can still be used.", _REMOVE_OR_DISABLE)
_COPY_WITH_OUTPOST: Final = Reason(
    "An installed copy can still be used, and the outpost has not disabled it.", _REMOVE
)
_COPY_TO_REMOVE: Final = Reason(
    "An installed copy can still be used, and disabling it was never seen to stop that.", _REMOVE
)
_FILES: Final = Reason("Its files can still be read.", _REMOVE)
_FILES_UNKNOWN: Final = Reason("It is not known whether its files can be read.", _LOOK)
_OTHER_USE: Final = Reason(
    "Only some ways to use it are stopped.",
    "Nothing here stops the others. Remove it on that machine.",
)
NOT_READ: Final = Reason(
    "What counts there was not read lately.", "See under Gateways why it is not read."
)
NEVER_READ: Final = Reason("The gateway was never read.", "See under Gateways why it is not read.")
NO_AGENT: Final = Reason("The gateway names no agent.", _CHECK)
CHANGED: Final = Reason("What counts there is being read again.", "Reload the page in a minute.")

_NO_ENTRY: Final = Reason(
    "No entry at the gateway restricts it.",
    "End the decision and take it again, unless it is still being sent.",
)
_BEING_SENT: Final = Reason(
    "No entry at the gateway restricts it yet.", "Wait: the decision is still being sent there."
)

OF_WHY: Final[dict[str, Reason]] = {
    NO_ENTRY: _NO_ENTRY,
    "an entry there allows it": Reason(
        "An entry at the gateway allows it.", "Remove that entry on that machine."
    ),
    "DefenseClaw does not trim names, and no call has a space at the end of a name": _NAME,
    "calls carry the name of the server, not the name that a scan gave it": _NAME,
    "calls carry the name of the server, not its address": _NAME,
    "calls carry the name of the server between the underscores": _NAME,
    "agents write an underscore where the name of a server has a space": _NAME,
    "0.2.0 compares the whole name, and a call carries the name of the tool alone": _NAME,
    "a block of a server inside a plugin was never seen to stop it": Reason(
        "A block was never seen to stop a server inside a plugin.",
        "Remove the plugin on that machine.",
    ),
    "DefenseClaw ends a server's name at two underscores, and finds another in the call": Reason(
        "DefenseClaw cuts this name at two underscores.", _NOTHING
    ),
    "it is in observe mode, which records what action mode would stop": _OBSERVE,
    "its hook is not installed or switched off": Reason(
        "The hook is not installed or is switched off.",
        "Install the hook or switch it on, on that machine.",
    ),
    "managed_enterprise does not look at block lists": Reason(
        "Block lists do not count in managed_enterprise.", _NOTHING
    ),
    "its call carries no server name that DefenseClaw matches (documented form, never "
    "recorded)": Reason("Its calls do not name the MCP server.", _NOTHING),
    "0.2.0 looks at an MCP server's entry only when it is registered or scanned": Reason(
        "DefenseClaw 0.2.0 does not check the block when the server is called.", _NOTHING
    ),
    "0.8.4 looks at one only where its source is called skill; Claude Code was seen to name the "
    "settings that it is from": Reason(
        "DefenseClaw 0.8.4 lets the slash command through.", _REMOVE
    ),
    "the gateway does not watch its folders": Reason(
        "The gateway does not watch the folder.", _REMOVE
    ),
    "the gateway keeps the folder that its entry names, also when it is created again": Reason(
        "The gateway keeps the folder that its entry names.", _REMOVE
    ),
    "which agent's folders it watches is not known": Reason(
        "It is not known which folders the gateway watches.", _TO_BE_SURE
    ),
    "it is disabled there, which this agent is not asked about": Reason(
        "It is disabled, which does not stop this use.", _REMOVE
    ),
    "it is disabled, which was never seen to stop this": Reason(
        "It is disabled, which was never seen to stop this use.", _TO_BE_SURE
    ),
    "a block was never observed to stop this": Reason(
        "A block was never seen to stop this use.", _TO_BE_SURE
    ),
    "its mode is not known": Reason(
        "It is not known whether action mode is on.", "Check the mode on that machine."
    ),
    "whether it is disabled there is not readable from here": Reason(
        "It cannot be read from here whether it is disabled.", _READ
    ),
    "whether its files are there is not readable from here": _FILES_UNKNOWN,
    "it is only marked as quarantined there, and its files may be back": _MAY_BE_BACK,
    "its files are in quarantine there, and may have been installed again since": _MAY_BE_BACK,
    "the portal does not know which generation of DefenseClaw it is": Reason(
        "The portal does not know this version of DefenseClaw.", _CHECK
    ),
    "the gateway does not name this agent": Reason("The gateway does not name the agent.", _CHECK),
}
"""By the reason that the engine gives; a time in it makes it `NOT_READ`."""

_COPIES: Final = (_COPY, _COPY_WITH_OUTPOST, _COPY_TO_REMOVE)
_ORDER: Final = (
    *dict.fromkeys(OF_WHY.values()),
    _BEING_SENT,
    _RULES_OFF,
    _RECORDED,
    _OTHER_USE,
    _FILES,
    NO_AGENT,
    NEVER_READ,
    NOT_READ,
    CHANGED,
)


def reason_for(effect: AgentEffect, *, has_outpost: bool = False) -> Reason | None:
    """Why one agent's use is not stopped; None where all of it is."""
    match effect.summary:
        case Summary.STOPPED:
            return None
        case Summary.STOPPED_IN_PART:
            return _of_way(min(effect.not_stopped, key=lambda way: way.way.lever == Lever.FILES))
        case Summary.AT_NEXT_INSTALL:
            return _of_copy(effect, has_outpost)
        case Summary.ONLY_IN_ACTION_MODE:
            return _OBSERVE
        case Summary.RULES_OFF:
            return _RULES_OFF
        case Summary.UNKNOWN:
            return OF_WHY.get(effect.why, NOT_READ)
    return OF_WHY.get(effect.why, _RECORDED)


def by_reason(
    effects: Iterable[AgentEffect],
    *,
    has_outpost: bool = False,
    is_sent: bool = True,
    was_moved: bool = False,
) -> dict[Reason, list[str]]:
    """The labels of the agents by why use is not stopped for them, what leads first.

    Args:
        is_sent: whether the decision is not still being sent.
        was_moved: whether its files lie in quarantine there, so that only a new copy can be used.
    """
    found: dict[Reason, list[str]] = {}
    for effect in effects:
        if reason := reason_for(effect, has_outpost=has_outpost):
            if reason == _NO_ENTRY and not is_sent:
                reason = _BEING_SENT
            elif was_moved and reason in _COPIES:
                reason = _MAY_BE_BACK
            found.setdefault(reason, []).append(agent_label(effect.agent))
    return dict(sorted(found.items(), key=lambda one: rank(one[0])))


def rank(reason: Reason) -> int:
    """Copies that can be used first, then as in the table."""
    return -1 if reason in _COPIES else _ORDER.index(reason)


def _of_copy(effect: AgentEffect, has_outpost: bool) -> Reason:
    by_disable = [one for one in effect.not_stopped if one.way.lever == Lever.RUNTIME]
    if not by_disable:
        return _COPY_TO_REMOVE
    if why := next((one.why for one in by_disable if one.why in OF_WHY), ""):
        return OF_WHY[why]
    return _COPY_WITH_OUTPOST if has_outpost else _COPY


def _of_way(way: WayState) -> Reason:
    if way.why in OF_WHY:
        return OF_WHY[way.why]
    if way.way.lever == Lever.FILES:
        return _FILES if way.state == State.OPEN else _FILES_UNKNOWN
    return _OTHER_USE
