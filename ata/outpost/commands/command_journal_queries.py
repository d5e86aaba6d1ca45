"""What the journal says: of each component and command, and what was added at the gateway."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ata.outpost.commands.log_checkpoints import Seen
from ata.outpost.commands.signed_command import Command, TargetKey

_USED: Final = ("done", "unproven")
"""After these a decision is not carried out again, under whatever number it comes."""
_REMEMBERED: Final = 1000
"""So many outcomes are kept in memory, for a portal that asks again."""

type Place = tuple[str, str]
"""Where a value stands in the gateway's entries: agent ("" for all), and install, file, runtime."""


@dataclass(frozen=True, slots=True)
class Added:
    """A value that a command of this portal put into an entry."""

    value: str
    act: str
    intent_hash: str
    tag: str

    def is_ended_by(self, command: Command, denied: bool) -> bool:
        """Whether an act ends this: a release ends holds only, a denial those of its intent."""
        if command.act != "release":
            return True
        return self.act == "hold" and (not denied or self.intent_hash == command.intent_hash)


@dataclass(slots=True)
class TargetHistory:
    """What was done about one component."""

    newest: int = 0
    restricted_at: str = ""
    first_restricting: int = 0
    newest_restricting: int = 0
    owners: dict[Place, list[Added]] = field(default_factory=dict)
    """All commands that put the value there which stands, oldest first."""
    used: set[tuple[str, str]] = field(default_factory=set)
    accepted: dict[str, int] = field(default_factory=dict)
    """Under which number an intent was accepted first."""


@dataclass(slots=True)
class Progress:
    """How far a command got."""

    command: Command
    denied: bool = False
    started: list[str] = field(default_factory=list)
    before: list[dict[str, Any]] | None = None
    is_failing: bool = False
    exit: int | None = None
    seconds: float = 0.0


class History:
    """The state that the lines of the journal lead to."""

    def __init__(self) -> None:
        self.last = 0
        self.was_changed = False
        self.seen = Seen()
        self.forked_at = ""
        self.open: dict[str, Progress] = {}
        self.outcomes: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self.unreported: set[str] = set()
        self.unproven: dict[str, Command] = {}
        """Holds and blocks whose decision the log has not shown."""
        self.not_in_log: dict[str, str] = {}
        """Of these, those that it did not show for ten minutes, and when that was found."""
        self.shown_by: dict[tuple[str, ...], str] = {}
        """Which command a decision was found for, by its use."""
        self._targets: dict[TargetKey, TargetHistory] = {}

    def target(self, key: TargetKey) -> TargetHistory:
        """What was done about a component."""
        return self._targets.setdefault(key, TargetHistory())

    def add(self, record: Mapping[str, Any]) -> None:
        """Take in one line of the journal."""
        steps: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "journal_changed": self._journal_changed,
            "checkpoint": self._checkpoint,
            "log_forked": self._log_forked,
            "in_log": self._in_log,
            "not_in_log": self._not_in_log,
            "accepted": self._accepted,
            "refused": self._refused,
            "started": self._started,
            "ended": self._ended,
            "read_back": self._read_back,
            "failing": self._failing,
            "concluded": self._concluded,
            "reported": self._reported,
            "report_again": self._report_again,
        }
        steps[record["step"]](record)

    def _journal_changed(self, _record: Mapping[str, Any]) -> None:
        self.was_changed = True

    def _checkpoint(self, record: Mapping[str, Any]) -> None:
        self.seen = Seen(**record["seen"])

    def _log_forked(self, record: Mapping[str, Any]) -> None:
        self.forked_at = record["at"]

    def _in_log(self, record: Mapping[str, Any]) -> None:
        self.seen = Seen(**record["seen"])
        self.not_in_log.pop(record["id"], None)
        command = self.unproven.pop(record["id"])
        self.shown_by[command.use] = command.id

    def _not_in_log(self, record: Mapping[str, Any]) -> None:
        self.not_in_log[record["id"]] = record["at"]

    def _accepted(self, record: Mapping[str, Any]) -> None:
        command = Command(**record["command"])
        self.last = max(self.last, command.n)
        self.open[command.id] = Progress(command, denied=bool(record.get("denied")))
        target = self.target(command.target)
        if command.is_restricting:
            target.first_restricting = target.first_restricting or command.n
            target.newest_restricting = max(target.newest_restricting, command.n)
            target.restricted_at = max(target.restricted_at, command.issued_at)
            if record.get("awaits_log"):
                self.unproven[command.id] = command
        else:
            target.accepted.setdefault(command.intent_hash, command.n)
            self.seen = Seen(**record["seen"])

    def _refused(self, record: Mapping[str, Any]) -> None:
        # A number counts only where the portal's key signed it.
        self.last = max(self.last, record["signed_n"])
        self._conclude(record["outcome"])

    def _started(self, record: Mapping[str, Any]) -> None:
        progress = self.open[record["id"]]
        target = self.target(progress.command.target)
        target.newest = max(target.newest, progress.command.n)
        progress.started.append(record["call"])
        if progress.before is None:
            progress.before = record["before"]

    def _ended(self, record: Mapping[str, Any]) -> None:
        progress = self.open[record["id"]]
        progress.seconds += record["milliseconds"] / 1000
        if record["exit"] is not None:
            progress.exit = record["exit"]

    def _read_back(self, record: Mapping[str, Any]) -> None:
        progress = self.open[record["id"]]
        command, target = progress.command, self.target(progress.command.target)
        for agent, dimension in record["gone"]:
            target.owners.pop((agent, dimension), None)
        for agent, dimension, *found in record.get("found", ()):
            target.owners.setdefault((agent, dimension), [Added(*found)])
        for agent, dimension, value, tag in record["added"]:
            added = Added(value, command.act, command.intent_hash, tag)
            owners = target.owners.get((agent, dimension), [])
            others = [one for one in owners if one.value == value and one != added]
            target.owners[agent, dimension] = [*others, added]
        if command.is_restricting:
            target.newest = max(target.newest, command.n)

    def _failing(self, record: Mapping[str, Any]) -> None:
        """It is tried on, and the portal learns of it meanwhile."""
        self.open[record["outcome"]["id"]].is_failing = True
        self._conclude(record["outcome"])

    def _concluded(self, record: Mapping[str, Any]) -> None:
        progress = self.open.pop(record["outcome"]["id"], None)
        if progress is not None:
            target = self.target(progress.command.target)
            target.newest = max(target.newest, progress.command.n)
            if record["outcome"]["state"] in _USED:
                target.used.add((progress.command.act, progress.command.intent_hash))
            if record["outcome"]["state"] == "done" and not progress.command.is_restricting:
                _keep_others(target, progress)
        self._conclude(record["outcome"])

    def _reported(self, record: Mapping[str, Any]) -> None:
        self.unreported.difference_update(record["ids"])

    def _report_again(self, record: Mapping[str, Any]) -> None:
        self.unreported.update(one for one in record["ids"] if one in self.outcomes)

    def _conclude(self, outcome: dict[str, Any]) -> None:
        self.outcomes[outcome["id"]] = outcome
        self.outcomes.move_to_end(outcome["id"])
        self.unreported.add(outcome["id"])
        while len(self.outcomes) > _REMEMBERED:
            old, _ = self.outcomes.popitem(last=False)
            self.unreported.discard(old)


def _keep_others(target: TargetHistory, progress: Progress) -> None:
    """Forget what an act ended where others still own the entry, which reads as the newest left it.

    So two requests that hold one component end its entry once both are denied.
    """
    for place, owners in target.owners.items():
        kept = [one for one in owners if not one.is_ended_by(progress.command, progress.denied)]
        if kept:
            target.owners[place] = [*kept[:-1], replace(kept[-1], tag=owners[-1].tag)]
