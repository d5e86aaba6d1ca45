"""How one stand-in was started: kept in the home as `stand-in.json`, read by its command line."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from local.gateway.generations import GENERATIONS, Generation

FILE_NAME: Final = "stand-in.json"
MODES: Final = ("observe", "action")
UPSTREAM_STATES: Final = ("never", "connected", "lost")


@dataclass(frozen=True, slots=True)
class Settings:
    """Generation, agents and the delays that real gateways have and tests do not want."""

    generation_name: str
    port: int
    agents: Mapping[str, str] = field(default_factory=dict)
    """Agent to mode; the first one is primary (its folders are watched)."""
    take_action: bool = False
    managed: bool = False
    guardrail_mode: str = "observe"
    """Mode of the whole gateway, for agents without their own."""
    upstream: str = "never"
    """Connection to OpenClaw: never since the start, connected, or lost."""
    scan_seconds: float = 0.2
    not_connected_seconds: float = 0.3
    """Time until 502 of an allow under a runtime disable (88 s at a real gateway)."""

    @property
    def generation(self) -> Generation:
        """The generation's row in the table of differences."""
        return GENERATIONS[self.generation_name]

    @property
    def primary(self) -> str:
        """The agent whose folders are watched."""
        return next(iter(self.agents))

    def mode_of(self, agent: str) -> str:
        """Return the mode an agent runs in."""
        return self.agents.get(agent) or self.guardrail_mode

    def changed(self, **values: object) -> Settings:
        """Return these settings with some values replaced."""
        return Settings(**{**dataclasses.asdict(self), **values})

    def save(self, home: Path) -> None:
        """Write them into the home."""
        text = json.dumps(dataclasses.asdict(self), indent=2)
        (home / FILE_NAME).write_text(text + "\n")


def load(home: Path) -> Settings:
    """Read the settings of a home; raises FileNotFoundError where no stand-in ever ran."""
    return Settings(**json.loads((home / FILE_NAME).read_text()))
