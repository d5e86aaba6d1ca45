"""The sentences that episodes are made of: single facts with their identifiers filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Final

from demo.history import invented_names
from demo.history.facts import Asset, Egress, Enforcement, Scan, Severity
from demo.history.findings import findings_for, make_uuid
from demo.store.instant import SECOND
from demo.store.sealed_v8_record import Json, LogEntry, Typed

_BLOCK_ACTION: Final[Mapping[str, str]] = {
    "skill": "skill-block",
    "mcp": "block-mcp",
    "plugin": "plugin-block",
}
_ALLOW_ACTION: Final[Mapping[str, str]] = {
    "skill": "skill-allow",
    "mcp": "allow-mcp",
    "plugin": "plugin-allow",
}
_LIFT_ACTION: Final[Mapping[str, str]] = {"skill": "skill-unblock", "mcp": "mcp-unblock"}
_DAY: Final = 86_400 * SECOND
_SESSION: Final = 7_200 * SECOND


class Narrator:
    """Make facts at given instants (nanoseconds) out of one seeded generator."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng

    def uuid(self) -> str:
        """Return the next identifier."""
        return make_uuid(self.rng)

    def jitter(self, seconds: int) -> int:
        """Return between one second and ``seconds``, in nanoseconds."""
        return self.rng.randint(SECOND, seconds * SECOND)

    def by_agent(self, at: int, agent: str, action: str) -> LogEntry:
        """Return a row that an agent's connector caused, with its session and request."""
        return LogEntry(
            id=self.uuid(),
            at=at,
            action=action,
            connector=agent,
            session_id=session_of(at, agent),
            agent=agent,
            run_id=run_of(at),
            request_id=self.uuid(),
            trace_id=f"{self.rng.getrandbits(128):032x}",
        )

    def hook(self, at: int, agent: str, event: str, severity: Severity, verdict: str) -> LogEntry:
        """Return one hook event of an agent: before or after a tool call."""
        structured: dict[str, Json] = {
            "action": verdict,
            "connector": agent,
            "elapsed_ms": self.rng.randint(3, 60),
            "event": event,
            "mode": "action",
            "result": "ok",
            "schema": "defenseclaw.hook.v1",
            "severity": severity,
            "would_block": False,
        }
        return replace(
            self.by_agent(at, agent, "connector-hook"),
            target=event,
            details=(
                f"connector={agent} event={event} result=ok action={verdict} severity={severity}"
            ),
            severity=severity,
            structured=structured,
            tool_name=self.rng.choice(invented_names.TOOLS),
            step_idx=self.rng.randint(1, 40),
        )

    def outgoing(self, at: int, agent: str, host: str, *, blocked: bool) -> Egress:
        """Return one outgoing connection of ``agent`` to ``host``."""
        return Egress(
            id=self.uuid(),
            event_id=self.uuid(),
            at=at,
            hostname=host,
            path="/upload" if blocked else "/v1",
            blocked=blocked,
            connector=agent,
            session_id=session_of(at, agent),
            run_id=run_of(at),
        )

    def scan(self, at: int, asset: Asset) -> Scan:
        """Return a scan that finds what is usually found in ``asset``."""
        return Scan(
            id=self.uuid(),
            event_id=self.uuid(),
            at=at,
            asset=asset,
            findings=findings_for(asset.kind, asset.worst, self.rng),
            duration_ms=self.rng.randint(600, 4_800),
            run_id=run_of(at),
            session_id=session_of(at, asset.connector),
        )

    def block(self, at: int, asset: Asset) -> Enforcement:
        """Return an operator's block on the command line."""
        reason = self.rng.choice(invented_names.BLOCK_REASONS)
        return self._decide(at, asset, _BLOCK_ACTION[asset.kind], {"install": "block"}, reason)

    def allow(self, at: int, asset: Asset) -> Enforcement:
        """Return an operator's allow on the command line."""
        reason = self.rng.choice(invented_names.ALLOW_REASONS)
        return self._decide(at, asset, _ALLOW_ACTION[asset.kind], {"install": "allow"}, reason)

    def lift(self, at: int, asset: Asset) -> Enforcement:
        """Return the end of a block; a plugin has no unblock verb, so it is allowed instead."""
        action = _LIFT_ACTION.get(asset.kind)
        if action is None:
            return self.allow(at, asset)
        return self._decide(at, asset, action, None, "manual unblock via CLI")

    def watcher_block(self, at: int, asset: Asset, scan: Scan) -> Enforcement:
        """Return the watcher's own block after ``scan``."""
        entry = replace(
            self.by_agent(at, asset.connector, "watcher-block"),
            target=asset.name,
            details=f"type={asset.kind} path={asset.path}",
            actor="defenseclaw-watcher",
            source="watcher",
            enforced=1,
        )
        verdict = {"file": "quarantine", "install": "block"}
        return Enforcement(entry, asset.kind, asset.name, verdict, f"scan found {scan.severity}")

    def quarantine(self, at: int, asset: Asset, scan: Scan) -> LogEntry:
        """Return the watcher moving the files of ``asset`` away."""
        enforcement = self.uuid()
        body: dict[str, Json] = {
            "defenseclaw.enforcement.effective_action": "quarantine",
            "defenseclaw.enforcement.id": enforcement,
            "defenseclaw.enforcement.initiator": "watcher",
            "defenseclaw.enforcement.previous_state": "installed",
            "defenseclaw.enforcement.requested_action": "quarantine",
            "defenseclaw.enforcement.resulting_state": "quarantined",
        }
        family = "enforcement.quarantine.applied"
        return LogEntry(
            id=self.uuid(),
            at=at,
            action="quarantine",
            target=asset.name,
            details=f"type={asset.kind} scan={scan.id}",
            severity="HIGH",
            actor="defenseclaw-watcher",
            source="watcher",
            connector=asset.connector,
            run_id=run_of(at),
            enforced=1,
            enforcement_action_id=enforcement,
            typed=Typed(family, body, "apply", "quarantined", mandatory=True),
        )

    def _decide(
        self,
        at: int,
        asset: Asset,
        action: str,
        verdict: Mapping[str, str] | None,
        reason: str,
    ) -> Enforcement:
        entry = LogEntry(
            id=self.uuid(),
            at=at,
            action=action,
            target=asset.name,
            details=f"reason={reason} connector=",
            actor="cli",
            source="cli",
            run_id=f"cli-{self.uuid()[:8]}",
        )
        return Enforcement(entry, asset.kind, asset.name, verdict, reason)


def session_of(at: int, agent: str) -> str:
    """Return the agent session at ``at``; one lasts two hours, so neighbouring rows share it."""
    return f"sess-{agent}-{at // _SESSION:07d}"


def run_of(at: int) -> str:
    """Return the gateway's run id at ``at``; it restarts daily."""
    return f"run-{at // _DAY}"
