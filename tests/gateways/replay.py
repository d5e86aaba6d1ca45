"""Replay of observations at one gateway, and comparison with what was seen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.gateways.act import Act, reinstall
from tests.gateways.acts import act_of
from tests.gateways.asset_files import (
    agents_with,
    folder_of,
    quarantined,
    write_asset,
)
from tests.gateways.configurations import Configuration, agents_of, configuration_of
from tests.gateways.entry_names import expected_names, rename_entry
from tests.gateways.observations import Entry, Observation
from tests.gateways.peers import Peer
from tests.gateways.probes import question_of
from tests.gateways.start_states import (
    ASSETS,
    StartState,
    listed_place,
    predecessor_of,
    start_state,
)

PARTS: Final = ("status", "entries_after", "entries_after_folder", "probe_after", "files_after")


@dataclass(slots=True)
class Case:
    """One observation, the state it starts from, and the name it has at the gateway."""

    observation: Observation
    start: StartState
    name: str


@dataclass(frozen=True, slots=True)
class Result:
    """What was recorded and what was seen, by part; `reason` if it could not be replayed."""

    observation: Observation
    expected: dict[str, Any] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)
    reason: str = ""

    @property
    def differs_in(self) -> list[str]:
        """Parts that were recorded and do not agree."""
        return [p for p in PARTS if p in self.expected and self.expected[p] != self.seen.get(p)]

    @property
    def reproduced(self) -> bool:
        """Whether everything that was recorded agrees."""
        return not self.reason and not self.differs_in


def cases_by_configuration(
    observations: Sequence[Observation],
) -> dict[str, tuple[Configuration, list[Case]]]:
    """Return the cases of each configuration, in the order of the file."""
    groups: dict[str, tuple[Configuration, list[Case]]] = {}
    names: dict[int, str] = {}
    for index, observation in enumerate(observations):
        configuration = configuration_of(observation)
        earlier = predecessor_of(observation, observations[:index])
        start = start_state(observation, configuration, has_predecessor=earlier is not None)
        known = names.get(earlier.number) if earlier and start.follows else None
        names[observation.number] = known or _name(observation)
        case = Case(observation, start, names[observation.number])
        _, cases = groups.setdefault(configuration.as_text(), (configuration, []))
        cases.append(case)
    return groups


def _name(observation: Observation) -> str:
    """Things on disk get a separate name for each observation; servers and tools keep theirs."""
    name = observation.name.replace("*", "x")
    if observation.kind in ASSETS:
        return f"{name or 'mal-x'}-n{observation.number}"
    return name


class Replay:
    """All cases of one configuration at one gateway."""

    def __init__(self, peer: Peer, cases: Sequence[Case]) -> None:
        self.peer = peer
        self.cases = cases

    def results(self) -> Iterator[Result]:
        """Set the gateway up, start it and replay each case."""
        self.peer.set_up()
        self._place_on_disk()
        self.peer.start()
        try:
            for case in self.cases:
                yield self._result(case)
        finally:
            self.peer.stop()

    def _place_on_disk(self) -> None:
        """What is on disk at first was there before the gateway, which then ignores it."""
        for case in self.cases:
            kind = case.observation.kind
            if kind not in ASSETS or case.start.follows:
                continue
            for agent in case.start.on_disk | self._quarantined_by_command(case):
                folder = folder_of(self.peer.home, agent, kind) / case.name
                write_asset(folder, kind, malicious=case.start.malicious)
            if case.start.in_quarantine and not self._quarantined_by_command(case):
                folder = self.peer.home / ".defenseclaw" / "quarantine" / f"{kind}s" / case.name
                write_asset(folder, kind, malicious=case.start.malicious)

    def _quarantined_by_command(self, case: Case) -> frozenset[str]:
        """Agents whose copy the command line tool moves into quarantine: 0.8.4 and HEAD keep
        more about it than the folder."""
        if self.peer.configuration.generation == "0.2.0":
            return frozenset()
        return case.start.in_quarantine

    def _result(self, case: Case) -> Result:
        observation = case.observation
        try:
            return self._replayed(case)
        except KeyError as missing:
            return Result(observation, reason=f"not mapped: {missing.args[0]}")
        except Exception as problem:  # whatever a gateway does is a result
            return Result(observation, reason=f"{type(problem).__name__}: {problem}")

    def _replayed(self, case: Case) -> Result:
        observation = case.observation
        if self.peer.ended() is not None:
            self.peer.start()
        act = Act(self.peer, observation, case.name, self._agent(observation))
        if not case.start.follows:
            self._prepare(case, act)
        before = self._copies(act)
        status = act_of(observation)(act)
        seen: dict[str, Any] = {"status": status, "entries_after": self._entries(act)}
        seen["files_after"] = self._files(act, before)
        expected = self._expected(act)
        if "probe_after" in expected:
            ask, expect = question_of(observation.probe)
            expected["probe_after"] = expect(expected["probe_after"], act)
            seen["probe_after"] = ask(act)
        if "probe_folder" in observation.row:
            reinstall(act)
            seen["entries_after_folder"] = self._entries(act)
            seen["files_after"] = self._files(act, before)
        return Result(observation, expected, {k: seen[k] for k in expected if k in seen})

    def _agent(self, observation: Observation) -> str:
        agents = [a for a in agents_of(observation) if a in self.peer.configuration.modes]
        primary = self.peer.configuration.primary
        return agents[0] if len(agents) == 1 else primary

    # Start state

    def _prepare(self, case: Case, act: Act) -> None:
        names = expected_names(act)
        entries = [rename_entry(e, names) for e in case.start.entries or ()]
        if case.start.by_watcher:
            act.drop(malicious=True)
        for agent in sorted(self._quarantined_by_command(case)):
            self.peer.cli(act.kind, "quarantine", act.name, "--connector", agent)
        self.peer.forget_lists()
        self.peer.replace_entries(act.kind, [act.name], self._with_paths(act, entries))

    def _with_paths(self, act: Act, entries: Iterable[Entry]) -> list[Entry]:
        """HEAD's rows were recorded without paths, which its entries of quarantine have."""
        present = {(e.agent, e.name): e.path for e in self.peer.entries(act.kind, [act.name])}
        return [
            e if e.path is not None else replace(e, path=present.get((e.agent, e.name)))
            for e in entries
        ]

    # What is seen

    def _entries(self, act: Act) -> list[str]:
        names = expected_names(act)
        back = {here: recorded for recorded, here in names.items()}
        found = self.peer.entries(act.kind, self._names_collected(act, names))
        recorded = act.observation.entries("entries_after") or ()
        with_path = not recorded or any(e.path is not None for e in recorded)
        if "scenario" not in act.observation.row and not any(e.is_empty for e in recorded):
            found = [e for e in found if not e.is_empty]  # rows written by hand leave them out
        with_reason = any(e.reason is not None for e in recorded)
        return sorted(
            replace(
                rename_entry(e, back),
                path=rename_entry(e, back).path if with_path else None,
                reason=e.reason if with_reason else None,
            ).as_text()
            for e in found
        )

    def _names_collected(self, act: Act, names: dict[str, str]) -> list[str]:
        """The collector at HEAD looked for the plain name of a tool only."""
        if self.peer.configuration.generation == "head":
            return [act.name]
        return list(names.values())

    def _copies(self, act: Act) -> str:
        if act.kind not in ASSETS:
            return ""
        modes = iter(self.peer.configuration.modes)
        agents = agents_with(self.peer.home, modes, act.kind, act.name)
        moved = quarantined(self.peer.home, act.kind, act.name)
        return ",".join([*sorted(agents), *(["quarantine"] if moved else [])])

    def _files(self, act: Act, before: str) -> str:
        """Where the thing is now, in the words of what was recorded."""
        recorded = act.observation.text("files_after")
        now = self._copies(act)
        if recorded.startswith("was "):
            return now.removesuffix("quarantine").removesuffix(",") or "none"
        if recorded.startswith("merged"):
            both = {"SKILL.md", "sync.py"} <= set(act.facts.get("files", ()))  # type: ignore[call-overload]
            return "merged" if both and act.facts.get("text is clean") else str(act.facts)
        if "under the other name" in recorded:
            other = folder_of(self.peer.home, act.agent, act.kind) / f"tmp-{act.name}"
            return "other name" if other.is_dir() else now
        dropped = not before and act.agent in now.split(",")
        if recorded.startswith("kept") and (now == before or dropped):
            return "kept"
        if act.agent in now.split(","):
            return "disk"
        return "quarantine" if "quarantine" in now else ""

    # What was recorded

    def _expected(self, act: Act) -> dict[str, Any]:
        observation = act.observation
        expected: dict[str, Any] = {}
        if observation.status is not None:
            expected["status"] = observation.status
        for part in ("entries_after", "entries_after_folder"):
            entries = observation.entries(part)
            if entries is not None:
                expected[part] = sorted(e.as_text() for e in entries)
        if observation.row.get("probe_after") is not None:
            expected["probe_after"] = observation.row["probe_after"]
        files = self._expected_files(observation)
        if files:
            expected["files_after"] = files
        return expected

    def _expected_files(self, observation: Observation) -> str:
        recorded = observation.text("files_after")
        if not recorded and observation.text("effect") in _IN_EFFECTS:
            return _IN_EFFECTS[observation.text("effect")]
        if observation.kind not in ASSETS or not recorded or recorded == "see probe_after":
            return "" if recorded != "kept" else "kept"
        if match := re.match(r"was [\w,]+, now ([\w,]+)", recorded):
            return ",".join(sorted(match[1].split(",")))
        if "'skills':" in recorded:
            return listed_place(recorded.rpartition("->")[2], observation.name)
        return _IN_WORDS.get(recorded.split(":")[0].split("(")[0].strip(), recorded)


_IN_WORDS: Final = {
    "kept": "kept",
    "moved": "quarantine",
    "moved to quarantine": "quarantine",
    "moved to ~/.defenseclaw/quarantine/skills/deployer": "quarantine",
    "in quarantine": "quarantine",
    "back on disk and kept": "disk",
    "kept under the other name": "other name",
    "merged": "merged",
}


_IN_EFFECTS: Final = {
    "nothing: never scanned": "disk",
    "moved after 8.3 s: scans run one after another": "quarantine",
    "scan saw what was there when it ran; nothing rescans": "disk",
}
"""Where it was, for rows whose outcome stands in the text of the effect only."""
