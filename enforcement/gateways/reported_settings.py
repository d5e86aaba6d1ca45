"""What a gateway says of itself in `/status`: generation, agents with their modes, take_action.

Only named keys are kept: `/status` of 0.2.0 has passwords and a device token in clear.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from enforcement.effects.gateway_facts import HEAD, V020, V084, Agent

_OLDER_THAN_084 = re.compile(r"v?0\.[0-7](\.|$)")
_MODES = frozenset({"observe", "action"})


@dataclass(frozen=True, slots=True)
class ReportedSettings:
    """Settings of one gateway, as it reports them. `met_openclaw`: it was connected to OpenClaw
    since it started, as far as it was seen; None where that does not matter."""

    generation: str = ""
    agents: tuple[Agent, ...] = ()
    managed: bool | None = None
    take_action: Mapping[str, bool] = field(default_factory=dict)
    met_openclaw: bool | None = None
    started_at: str = ""

    @classmethod
    def from_status(cls, status: Mapping[str, Any], mode_of_020: str = "") -> Self:
        """What an answer of `/status` has; `mode_of_020` is of `/v1/guardrail/config`."""
        health = _mapping(status.get("health"))
        watcher = _mapping(_mapping(health.get("watcher")).get("details"))
        generation = _generation(status, health)
        agents = _agents(status, _working(health) if generation == HEAD else None)
        if _state(health, "guardrail") == "disabled":  # then 0.8.4 and HEAD take the hooks out
            agents = tuple(replace(agent, hook=False) for agent in agents)
        met = None
        if generation == V020:
            agents = (Agent("openclaw", mode_of_020 or None, watched=True),)
            met = "gateway_hello" in status or _state(health, "gateway") == "running"
        return cls(
            generation,
            agents,
            _state(health, "managed") == "running",
            {kind: flag for kind in ("skill", "plugin", "mcp") if (flag := _flag(watcher, kind))},
            met,
            str(health.get("started_at", ""))[:60],
        )

    def after(self, before: ReportedSettings) -> ReportedSettings:
        """The same, where a connection to OpenClaw that was seen since the start still counts."""
        if self.met_openclaw is not False or self.started_at != before.started_at:
            return self
        return ReportedSettings(
            self.generation,
            self.agents,
            self.managed,
            self.take_action,
            bool(before.met_openclaw),
            self.started_at,
        )

    def as_json(self) -> dict[str, Any]:
        """As `Watch.settings` keeps it."""
        return {
            "generation": self.generation,
            "agents": [
                {"name": a.name, "mode": a.mode, "watched": a.watched, "hook": a.hook}
                for a in self.agents
            ],
            "managed": self.managed,
            "take_action": dict(self.take_action),
            "met_openclaw": self.met_openclaw,
            "started_at": self.started_at,
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """What `as_json` made; empty where the gateway never answered."""
        if not plain:
            return cls()
        agents = tuple(Agent(**one) for one in plain["agents"])
        return cls(**{**plain, "agents": agents})


def _generation(status: Mapping[str, Any], health: Mapping[str, Any]) -> str:
    provenance = _mapping(status.get("provenance"))
    if _OLDER_THAN_084.match(str(provenance.get("binary_version") or "")):
        return ""
    if provenance and isinstance(status.get("runtime"), Mapping):
        return HEAD
    if provenance:
        return V084
    return V020 if health else ""


def _agents(status: Mapping[str, Any], working: set[str] | None) -> tuple[Agent, ...]:
    """Configured agents; `working` are those whose hooks the gateway could install."""
    first, modes = status.get("connector_mode"), status.get("connector_modes")
    primary = str(_mapping(first).get("connector") or "") if not isinstance(first, str) else first
    found = []
    for said in map(_mapping, modes if isinstance(modes, list) else []):
        name = str(said.get("connector") or "")[:60]
        if not name:
            continue
        mode = said.get("guardrail_mode") or said.get("mode")
        hook = name in working if working is not None else None
        found.append(
            Agent(
                name,
                mode if mode in _MODES else None,
                watched=name == primary if primary else None,
                hook=False if said.get("enabled") is False else hook,
            )
        )
    return tuple(found)


def _working(health: Mapping[str, Any]) -> set[str] | None:
    """Agents whose hooks work, which HEAD lists; None where it lists none."""
    listed = health.get("connectors")
    if not isinstance(listed, list):
        return None
    return {str(_mapping(one).get("name")) for one in listed}


def _flag(details: Mapping[str, Any], kind: str) -> bool:
    return details.get(f"{kind}_take_action") in {True, "true"}


def _state(health: Mapping[str, Any], part: str) -> str:
    return str(_mapping(health.get(part)).get("state", ""))


def _mapping(said: object) -> Mapping[str, Any]:
    return said if isinstance(said, Mapping) else {}
