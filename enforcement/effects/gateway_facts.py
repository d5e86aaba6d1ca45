"""What an effect is concluded from: entries, agents and settings of one gateway.

None means that it could not be read. Nothing here is asked of a hook.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Final

V020: Final = "0.2.0"
V084: Final = "0.8.4"
HEAD: Final = "head"
GENERATIONS: Final = (V020, V084, HEAD)
IN_DATABASE: Final = "audit database"
IN_LISTS: Final = "lists over REST"
IN_REPORTS: Final = "outpost's reports"
_OF_AGENT: Final = re.compile(r"@(?P<agent>[^/]+)/(?P<tool>.+)")

_AGENTS: Final = {
    "claudecode": "Claude Code",
    "codex": "Codex",
    "cursor": "Cursor",
    "geminicli": "Gemini CLI",
    "openclaw": "OpenClaw",
}
_FOLDERS: Final = {
    "claudecode": ".claude",
    "codex": ".codex",
    "cursor": ".cursor",
    "geminicli": ".gemini",
    "openclaw": ".openclaw",
}
"""Where each agent has its skills and plugins, below the user's home."""


def agent_label(agent: str) -> str:
    """`Claude Code`, as sentences name the agent behind a connector."""
    return _AGENTS.get(agent, agent)


def tool_of_agent(generation: str, kind: str, name: str) -> tuple[str, str]:
    """Agent and tool of `@codex/Bash`, the name of an agent's own entry; else no agent and the
    name itself. 0.2.0 has no such entries."""
    match = _OF_AGENT.fullmatch(name) if kind == "tool" and generation != V020 else None
    return (match["agent"], match["tool"]) if match else ("", name)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of DefenseClaw's `actions` about the thing. `connector` is empty for all agents.

    `runtime` and `file` are None where only the lists over REST were read, which do not have them.
    `recorded`: a record says that its files are in quarantine; None where no records can be read.
    False also where the audit log has an act since that let the files come back. `ours`: its reason
    has the tag of a decision of this portal, of a `hold` or a `block`. `path`: the folder that it
    names; empty where it names none, or only the lists were read.
    """

    name: str
    connector: str = ""
    install: str = ""  # block | allow | ""
    file: str | None = ""  # quarantine | ""
    runtime: str | None = ""  # disable | ""
    recorded: bool | None = None
    ours: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent of a gateway. `mode` is observe or action; `watched`: the gateway watches its
    folders; `hook`: its hook is installed; `files`: present, quarantined or absent."""

    name: str
    mode: str | None = None
    watched: bool | None = None
    hook: bool | None = None
    files: str | None = None


@dataclass(frozen=True, slots=True)
class GatewayFacts:
    """What is known of one gateway about one thing. `entries` is None where they are not known,
    `unread` says why, as it follows "because". `outdated` says why what was read may not be so now,
    such as when it was read, so that nothing is concluded; empty where it counts. `in_quarantine`:
    the agents of which a copy lies in the quarantine folder, "" where it does not say of which;
    None where nobody looked."""

    generation: str
    kind: str
    name: str
    entries: tuple[Entry, ...] | None
    agents: tuple[Agent, ...]
    managed: bool | None = False
    unread: str = "its lists were not read"
    outdated: str = ""
    source: str = ""
    in_quarantine: frozenset[str] | None = None

    def with_install(self, install: str) -> GatewayFacts:
        """The same after `install` of the entry for all agents is set, as REST sets it."""
        return self._with(replace(self.for_all or Entry(self.name), install=install))

    def with_runtime(self, runtime: str) -> GatewayFacts:
        """The same after `runtime` is set for all agents, as an outpost has it set."""
        return self._with(replace(self.for_all or Entry(self.name), runtime=runtime))

    def _with(self, entry: Entry) -> GatewayFacts:
        if self.entries is None:
            return self
        kept = tuple(one for one in self.entries if one is not self.for_all)
        return replace(self, entries=(*kept, entry))

    @property
    def for_all(self) -> Entry | None:
        """The entry for all agents."""
        found = (e for e in self.entries or () if not e.connector and e.name == self.name)
        return next(found, None)


@dataclass(frozen=True, slots=True)
class InForce:
    """The entries that count for one agent: its own install before that for all agents, and a
    disable of either. The watcher puts a block for all agents first. None means not known.

    `marked`: an entry says that its files are in quarantine. The mark stays after an unblock, an
    allow and a restore, so files are `quarantined` only where a block still stands that would move
    them again, and no missing record contradicts it. `lies`: a copy is in the quarantine folder,
    which does not say that none was installed since. `keeps`: an entry names the agent's folder of
    it, which HEAD then leaves in place.
    """

    install: str | None
    at_install: str | None
    disabled: bool | None
    quarantined: bool | None
    marked: bool = False
    lies: bool = False
    keeps: bool = False


def in_force(facts: GatewayFacts, agent: Agent) -> InForce:
    """What counts for one agent at run time."""
    if facts.entries is None:
        return InForce(None, None, None, None)
    for_all = [e for e in facts.entries if not e.connector and e.name == facts.name]
    own = [e for e in facts.entries if _is_own(facts, e, agent.name)]
    installs = [e.install for e in (*own, *for_all) if e.install]
    # The entry for all agents says that the watcher moved files, and it watches one agent's.
    moved = [*own, *(for_all if agent.watched is not False else ())]
    blocked = any(e.install == "block" for e in for_all)
    counts = installs[0] if installs else ""
    at_install = "block" if blocked else counts
    marked = [e for e in moved if e.file == "quarantine"]
    lies = _lies_in_quarantine(facts, agent)
    looked = facts.in_quarantine is not None  # by agent, which a record of the gateway does not say
    recorded = any(lies if looked else e.recorded is not False for e in marked)
    proven = at_install == "block" and recorded
    unread = any(e.file is None for e in moved)
    return InForce(
        counts,
        at_install,
        _any([None if e.runtime is None else e.runtime == "disable" for e in (*own, *for_all)]),
        proven or (None if marked or unread or lies else False),
        bool(marked),
        lies,
        facts.generation == HEAD and any(_names_folder(e, agent) for e in (*own, *for_all)),
    )


def _names_folder(entry: Entry, agent: Agent) -> bool:
    """Whether HEAD takes the folder for one that was restored: a restore leaves such an entry, and
    so does a block on its command line."""
    return not entry.file and _FOLDERS.get(agent.name, "") in PurePath(entry.path).parts


def _lies_in_quarantine(facts: GatewayFacts, agent: Agent) -> bool:
    found = facts.in_quarantine or frozenset()
    return agent.name in found or ("" in found and agent.watched is not False)


def _is_own(facts: GatewayFacts, entry: Entry, agent: str) -> bool:
    if facts.kind == "tool":  # an agent's own entry of a tool has the agent in its name
        return tool_of_agent(facts.generation, "tool", entry.name) == (agent, facts.name)
    return entry.connector == agent and entry.name == facts.name


def _any(said: list[bool | None]) -> bool | None:
    if any(said):
        return True
    return None if None in said else False
