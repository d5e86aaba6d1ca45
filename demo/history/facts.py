"""What can happen on a DefenseClaw host, before it takes the shape of a generation's rows.

Every ``at`` is nanoseconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from demo.store.sealed_v8_record import Json, LogEntry

type Severity = Literal["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"]
type AssetKind = Literal["skill", "mcp", "plugin", "tool"]

RANK: Mapping[str, int] = {"CRITICAL": 5, "HIGH": 4, "MEDIUM": 3, "LOW": 2, "INFO": 1}


@dataclass(frozen=True, slots=True)
class Asset:
    """A skill, MCP server or plugin. ``worst`` is what a scan of it usually finds."""

    kind: AssetKind
    name: str
    connector: str
    worst: Severity

    @property
    def path(self) -> str:
        """Where it lives: what scanners report as their target."""
        if self.kind == "mcp":
            return self.name
        return f"/srv/claw/.{self.connector}/{self.kind}s/{self.name}"

    @property
    def scanner(self) -> str:
        """The scanner that looks at this kind of asset."""
        return f"{self.kind}-scanner"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a scan found."""

    id: str
    rule_id: str
    severity: Severity
    title: str
    description: str
    location: str
    line: int
    remediation: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """A finished scan and its findings; its severity is the worst of them (INFO if none)."""

    id: str
    event_id: str
    at: int
    asset: Asset
    findings: tuple[Finding, ...]
    duration_ms: int
    run_id: str
    session_id: str
    request_id: str = ""

    @property
    def severity(self) -> Severity:
        """The worst severity found."""
        worst: Severity = "INFO"
        for finding in self.findings:
            if RANK[finding.severity] > RANK[worst]:
                worst = finding.severity
        return worst

    @property
    def verdict(self) -> str:
        """DefenseClaw's word for the result: clean, warn or block."""
        if not self.findings:
            return "clean"
        return "block" if RANK[self.severity] >= RANK["HIGH"] else "warn"


@dataclass(frozen=True, slots=True)
class Egress:
    """One outgoing connection of an agent, allowed or blocked."""

    id: str
    event_id: str
    at: int
    hostname: str
    path: str
    blocked: bool
    connector: str
    session_id: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Change:
    """A change of configuration or policy, with the value before and after."""

    id: str
    event_id: str
    at: int
    action: str
    target_type: str
    target_id: str
    key: str
    before: Json
    after: Json
    run_id: str


@dataclass(frozen=True, slots=True)
class Disposition:
    """An operator acknowledges or dismisses one alert."""

    id: str
    event_id: str
    at: int
    alert_id: str
    dismissed: bool


@dataclass(frozen=True, slots=True)
class Enforcement:
    """What an operator or the watcher decided about an asset. ``verdict`` None lifts it."""

    entry: LogEntry
    kind: AssetKind
    name: str
    verdict: Mapping[str, str] | None
    reason: str


type Fact = LogEntry | Scan | Egress | Change | Disposition | Enforcement


def instant_of(fact: Fact) -> int:
    """Return when ``fact`` happened, in nanoseconds."""
    return fact.entry.at if isinstance(fact, Enforcement) else fact.at
