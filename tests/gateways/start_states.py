"""The state from which an observation starts: entries, copies on disk, copies in quarantine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.gateways.asset_files import is_malicious
from tests.gateways.configurations import Configuration, agents_of
from tests.gateways.observations import Entry, Observation

ASSETS: Final = ("skill", "plugin")
_LISTED: Final = re.compile(r"'(skills|ext|q_skills|q_plugins)': \[([^\]]*)\]")
_PLACES: Final = {"skills": "disk", "ext": "disk"}


@dataclass(frozen=True, slots=True)
class StartState:
    """What is there before the act. `entries` is None where the predecessor's are kept."""

    entries: tuple[Entry, ...] | None
    on_disk: frozenset[str] = frozenset()
    in_quarantine: frozenset[str] = frozenset()
    by_watcher: bool = False
    """The watcher itself put it there: a malicious folder is dropped and awaited."""
    malicious: bool = False

    @property
    def follows(self) -> bool:
        """Whether it is what the predecessor of the same name left."""
        return self.entries is None


def listed_place(listing: str, name: str) -> str:
    """Return where a recorded listing has a name: disk, quarantine, or "" for neither."""
    lists = _LISTED.findall(listing)
    if not lists and listing.startswith("["):
        return "disk" if f"'{name}'" in listing else ""
    for key, names in lists:
        if f"'{name}'" in names:
            return _PLACES.get(key, "quarantine")
    return ""


def start_state(
    observation: Observation, configuration: Configuration, *, has_predecessor: bool
) -> StartState:
    """Return the state that a row records, or that it follows its predecessor of the same name."""
    entries = observation.entries("entries_before")
    present = observation.text("present")
    malicious = is_malicious(observation.name)
    if entries is None:
        entries = _entries_in_words(observation, present)
        if entries is None and has_predecessor:
            return StartState(None, malicious=malicious)
    entries = (*(entries or ()), *_entries_not_collected(observation))
    if observation.kind not in ASSETS:
        return StartState(entries)
    if _made_by_watcher(configuration, entries):
        return StartState(entries, by_watcher=True, malicious=True)
    on_disk, in_quarantine = _copies(observation, configuration, entries)
    return StartState(entries, on_disk, in_quarantine, malicious=malicious)


def predecessor_of(observation: Observation, before: Sequence[Observation]) -> Observation | None:
    """Return the row that one without a recorded start follows: the nearest of its name, as long
    as those between have no recorded start either."""
    for earlier in reversed(before):
        if (earlier.kind, earlier.name) == (observation.kind, observation.name):
            return earlier
        if earlier.entries("entries_before") is not None:
            return None
    return None


def _entries_in_words(observation: Observation, present: str) -> tuple[Entry, ...] | None:
    """Entries that `present` or the act names in words."""
    after = observation.entries("entries_after") or ()
    reason = next((entry.reason for entry in after if entry.reason), None)
    held = "held" in present or observation.act.startswith("held ")
    held = held or "blocked beforehand" in observation.act or "held over REST" in observation.act
    if held or "(blocked)" in observation.act:
        return (Entry("", observation.name, "block", "", "", "", reason),)
    if observation.act.endswith("after allow"):
        return (Entry("", observation.name, "allow", "", "", "", reason),)
    if "flags file+runtime" in present:
        path = f"~/.openclaw/skills/{observation.name}"
        return (Entry("", observation.name, "block", "quarantine", "disable", path, reason),)
    if "queued for scan" in present:
        return ()
    return None


def _entries_not_collected(observation: Observation) -> tuple[Entry, ...]:
    """HEAD's collector missed an agent's own entries of a tool (`@codex/TOOL`), as its notes say:
    they show in what was asked before, and in the scenario that set an agent's own allow."""
    if "missing from entries_before" not in observation.text("note"):
        return ()
    before = observation.row.get("probe_before") or {}
    found = [
        Entry("", f"@{agent}/{observation.name}", "block", "", "")
        for agent in ("claudecode", "codex", "cursor", "geminicli")
        if ("block" in before.get(agent, "") and not observation.entries("entries_before"))
        or ("block" in before.get(agent, "") and "block" not in before.get("claudecode", ""))
    ]
    own_allow = observation.text("scenario") == "M2a" and "--connector" not in observation.via
    if own_allow:
        found.append(Entry("", f"@codex/{observation.name}", "allow", "", ""))
    return tuple(found)


def _made_by_watcher(configuration: Configuration, entries: tuple[Entry, ...]) -> bool:
    """HEAD and 0.8.4 write all three at once, globally, when they act on a finding."""
    return configuration.generation != "0.2.0" and any(
        (e.agent, e.install, e.file, e.runtime) == ("", "block", "quarantine", "disable")
        for e in entries
    )


def _copies(
    observation: Observation, configuration: Configuration, entries: tuple[Entry, ...]
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the agents with a copy on disk, and those whose copy is in quarantine."""
    if configuration.generation == "0.2.0":
        return _copies_at_openclaw(observation)
    agents = frozenset(configuration.modes)
    own = frozenset(agents_of(observation)) & agents
    quarantined = {e.agent or configuration.primary for e in entries if e.file == "quarantine"}
    quarantined |= _missing_before(observation, agents)
    if observation.text("present").startswith("quarantined"):
        quarantined |= own
    return _on_disk(observation, agents, own) - quarantined, frozenset(quarantined)


def _on_disk(
    observation: Observation, agents: frozenset[str], own: frozenset[str]
) -> frozenset[str]:
    present = observation.text("present")
    if "queued for scan" in present:
        return frozenset()
    if "(new " in observation.act or "new folder" in observation.act:
        return agents if observation.row.get("watcher_primary") else frozenset()
    if observation.row.get("watcher_primary"):
        return agents  # both agents had a copy; `present` was looked at afterwards
    if "all four agents" in present:
        return agents
    scanned = observation.act == "scan"
    return own if scanned or present.startswith("on disk") else frozenset()


def _missing_before(observation: Observation, agents: frozenset[str]) -> frozenset[str]:
    """Agents whose copy was away: `was codex,cursor, now …`."""
    match = re.match(r"was ([\w,]+), now", observation.text("files_after"))
    if not match:
        return frozenset()
    return agents - set(match[1].split(","))


def _copies_at_openclaw(observation: Observation) -> tuple[frozenset[str], frozenset[str]]:
    here = frozenset({"openclaw"})
    present = observation.text("present")
    before = observation.text("probe_before")
    place = listed_place(before, observation.name)
    if "on_disk=True" in before or present.startswith("on disk"):
        place = place or "disk"
    if present.startswith("quarantined"):
        place = place or "quarantine"
    if observation.act.startswith("skill scan"):
        place = "disk"
    return (here if place == "disk" else frozenset()), (
        here if place == "quarantine" else frozenset()
    )
