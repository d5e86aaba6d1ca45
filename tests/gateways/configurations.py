"""The configurations of gateways in which observations were made."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.gateways.observations import Observation


@dataclass(frozen=True, slots=True)
class Configuration:
    """How a gateway is set up before it starts. The first agent is primary."""

    generation: str
    modes: Mapping[str, str] = field(hash=False)
    take_action: bool
    managed: bool = False
    openclaw: bool = False
    """Whether OpenClaw is connected (0.2.0)."""
    special: str = ""
    """What else is set up, or why the gateway is used for one observation only."""

    @property
    def primary(self) -> str:
        """The agent whose folders are watched."""
        return next(iter(self.modes))

    @property
    def guardrail_mode(self) -> str:
        """Mode of the whole gateway: that of the primary agent, except where it was codex."""
        observe = self.generation == "0.8.4" and len(self.modes) > 1 and self.primary == "codex"
        return "observe" if observe else self.modes[self.primary]

    def as_text(self) -> str:
        """The configuration in one line."""
        agents = ",".join(f"{agent}={mode}" for agent, mode in self.modes.items())
        parts = [self.generation, agents, f"take_action={'on' if self.take_action else 'off'}"]
        parts += ["managed"] if self.managed else []
        parts += ["openclaw"] if self.openclaw else []
        parts += [self.special] if self.special else []
        return " ".join(parts)


_FOUR: Final = ("claudecode", "codex", "cursor", "geminicli")
_SPECIAL: Final = (
    ("0.2.0", "OPA policies copied", "rego policies"),
    ("0.2.0", "no defenseclaw-plugin-scanner", "no plugin scanner"),
    ("0.2.0", "OpenClaw never connected", "dies"),
    ("0.2.0", "parallel blocks", "parallel"),
    ("0.2.0", "skill install --action", "skill actions"),
    ("0.8.4", "scanner exits 1", "scanner fails"),
    ("head", "K*", "killed"),
    ("0.2.0", "while the watcher scans another", "slow scans"),
    ("head", "queued for scan", "slow scans"),
)
"""Generation, words of act, name, probe or `present`, and what is special."""


def configuration_of(observation: Observation) -> Configuration:
    """Return the configuration that an observation names, or the one that leads to the same."""
    words = " ".join(observation.text(k) for k in ("act", "name_sent", "probe", "present"))
    special = next(
        (s for g, text, s in _SPECIAL if g == observation.generation and text in words), ""
    )
    mode, _, managed = (observation.text("mode") or "action").partition("+")
    take_action = observation.row.get("take_action")
    if observation.generation == "0.2.0":
        connected = "stub" in observation.text("agent")
        modes = {"openclaw": mode}
        return Configuration("0.2.0", modes, bool(take_action), openclaw=connected, special=special)
    if observation.generation == "head":
        modes = dict.fromkeys(_FOUR, mode)
        on = take_action if isinstance(take_action, bool) else True
        return Configuration("head", modes, on, managed=bool(managed), special=special)
    return Configuration("0.8.4", _modes(observation, mode), bool(take_action), special=special)


def _modes(observation: Observation, mode: str) -> dict[str, str]:
    """Modes of claudecode and codex at 0.8.4. The primary agent comes first and is in action."""
    agent = observation.text("agent")
    if agent == "openclaw":
        return {"openclaw": mode}
    if "every agent in observe" in observation.probe:
        return {agent: "observe", **dict.fromkeys({"claudecode", "codex"} - {agent}, "observe")}
    other = next(iter({"claudecode", "codex"} - {agent}))
    modes = {agent: mode, other: "observe"} if mode == "action" else {other: "action", agent: mode}
    return modes


def agents_of(observation: Observation) -> Iterator[str]:
    """Yield the agents that an observation is about."""
    for word in re.findall(r"[a-z]+", observation.text("agent")):
        if word in (*_FOUR, "openclaw"):
            yield word
