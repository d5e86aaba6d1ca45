"""What an outpost read at its gateway, as effects are concluded from it: entries and settings.

Of agents it names those that `config.yaml` has, and whether their settings call its hooks.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

from enforcement.effects.gateway_facts import V020, Agent, Entry, tool_of_agent
from enforcement.gateways.reported_settings import ReportedSettings
from enforcement.models import Outpost, OutpostState

_MODES: Final = frozenset({"observe", "action"})
_TAG: Final = re.compile(r"\[ATA [^\[\]]+\]")
_HOLD: Final = re.compile(r"(\[ATA [^\]]+\] )?ATA hold ")
_KIND_OF_FOLDER: Final = {"skills": "skill", "plugins": "plugin"}
_MOST_NAMES: Final = 5_000
"""More names an outpost does not report."""
_FIELDS: Final = ("install", "file", "runtime")

type _Thing = tuple[str, str]
"""Kind and name."""


class LastReport:
    """What an outpost last read at its gateway. Its entries and names in quarantine are indexed by
    kind and name when they are first used, for lists that ask about many things.

    `at`: when it last reported; `config`: settings of the gateway. None where it has not yet.
    `lacks_entries`: it can report no entries now, since `no_entries_since`; one of an older version
    does not say so.
    """

    def __init__(self, state: OutpostState | None) -> None:
        self.at = state.at if state else None
        self.config: Mapping[str, Any] | None = state.config if state else None
        health = state.health if state else None
        self.health: Mapping[str, Any] = health if isinstance(health, dict) else {}
        self.lacks_entries = "no_entries_since" in self.health
        self.no_entries_since = time_of(self.health.get("no_entries_since"))
        self._entries: list[Mapping[str, Any]] | None = state.entries if state else None
        self._quarantine: list[str] | None = state.quarantine if state else None

    @property
    def entries_at(self) -> datetime | None:
        """When its entries were last known to be so."""
        times = [at for at in (self.at, self.no_entries_since) if at is not None]
        return min(times, default=None)

    def entries_about(self, kind: str, name: str) -> tuple[Entry, ...] | None:
        """As the function `entries_about`; None where no entries were reported."""
        if self._entries is None:
            return None
        return tuple(_entry(row) for row in self._rows_by_thing.get((kind, name), ()))

    def in_quarantine(self, kind: str, name: str) -> frozenset[str] | None:
        """The agents whose copy of a skill or plugin lies in the quarantine folder, by the names
        that the outpost reported: `skills/codex/pdf`, and `skills/pdf` ("") where no agent is
        named. None where the folder was not read, or not to its end."""
        if self._quarantine is None or kind not in _KIND_OF_FOLDER.values():
            return None
        agents = frozenset(self._agents_by_thing.get((kind, name), ()))
        return agents if agents or len(self._quarantine) < _MOST_NAMES else None

    def names(self, kind: str) -> set[str]:
        """What of a kind it has an entry about or in quarantine."""
        return {name for of, name in (*self._rows_by_thing, *self._agents_by_thing) if of == kind}

    @cached_property
    def _rows_by_thing(self) -> Mapping[_Thing, list[Mapping[str, Any]]]:
        return _by_thing(self._entries or ())

    @cached_property
    def _agents_by_thing(self) -> Mapping[_Thing, list[str]]:
        found: dict[_Thing, list[str]] = defaultdict(list)
        for line in self._quarantine or ():
            folder, *path = line.split("/")
            if folder in _KIND_OF_FOLDER and path:
                *agent, name = path
                found[_KIND_OF_FOLDER[folder], name].append("/".join(agent))
        return found


def last_reports(outposts: Mapping[str, Outpost]) -> dict[str, LastReport]:
    """The last report of each outpost, by the same keys, with one query."""
    found = OutpostState.objects.filter(outpost__in=[one.pk for one in outposts.values()])
    states = {state.outpost_id: state for state in found}
    return {key: LastReport(states.get(one.pk)) for key, one in outposts.items()}


def entries_about(rows: Iterable[Mapping[str, Any]], kind: str, name: str) -> tuple[Entry, ...]:
    """The rows of DefenseClaw's `actions` about a thing, those of single agents included."""
    return tuple(_entry(row) for row in _by_thing(rows).get((kind, name), ()))


def _by_thing(rows: Iterable[Mapping[str, Any]]) -> Mapping[_Thing, list[Mapping[str, Any]]]:
    """Rows by what they are about; `@codex/Bash`, one agent's own, also by the tool `Bash`."""
    found: dict[_Thing, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        kind, name = str(row.get("target_type")), str(row.get("target_name", ""))
        for about in {name, tool_of_agent("", kind, name)[1]}:
            found[kind, about].append(row)
    return found


def installs(rows: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
    """How many of the rows block, and how many allow."""
    found = [_entry(row).install for row in rows]
    return found.count("block"), found.count("allow")


def _entry(row: Mapping[str, Any]) -> Entry:
    name, connector = str(row.get("target_name", "")), str(row.get("connector") or "")
    try:
        said = json.loads(str(row.get("actions_json")))
    except ValueError:
        said = None
    if not isinstance(said, dict):
        return Entry(name, connector, "", None, None)
    install, file, runtime = (str(said.get(field) or "") for field in _FIELDS)
    ours, path = _ours(str(row.get("reason") or "")), str(row.get("source_path") or "")
    return Entry(name, connector, install, file, runtime, ours=ours, path=path)


def _ours(reason: str) -> str:
    """Whose entry it is by its reason, as an outpost judges it without its journal."""
    if not _TAG.search(reason):
        return ""
    return "hold" if _HOLD.match(reason) else "block"


def settings_of(outpost: Outpost, config: Mapping[str, Any] | None) -> ReportedSettings:
    """Settings of the gateway next to an outpost, as its configuration has them."""
    said = config or {}
    if outpost.generation == V020:
        only = Agent("openclaw", _mode(said.get("guardrail.mode")), watched=True)
        return ReportedSettings(outpost.generation, (only,), managed=False)
    primary, general = said.get("guardrail.connector"), _mode(said.get("guardrail.mode"))
    modes = said.get("modes")
    named = dict(modes) if isinstance(modes, dict) else {}
    if isinstance(primary, str) and primary:
        named.setdefault(primary, general)
    agents = tuple(
        Agent(
            str(name),
            _mode(mode) or general,
            watched=name == primary if primary else None,
            hook=_is_hooked(said.get("hooks"), name),
        )
        for name, mode in sorted(named.items())  # PostgreSQL keeps no order of keys
    )
    managed = said.get("deployment_mode") == "managed_enterprise" if said else None
    return ReportedSettings(outpost.generation, agents, managed)


def _is_hooked(hooks: object, agent: object) -> bool | None:
    """None where the outpost does not report hooks. The gateway's list has no agent whose hooks it
    took out."""
    if not isinstance(hooks, Mapping):
        return None
    found = hooks.get(agent)
    return isinstance(found, Mapping) and found.get("installed") is True


def time_of(text: object) -> datetime | None:
    """A time in a report, in UTC; None where it is none, or has no zone."""
    try:
        found = datetime.fromisoformat(str(text))
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _mode(said: object) -> str | None:
    return said if isinstance(said, str) and said in _MODES else None
