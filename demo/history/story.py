"""The episodes of the month: each returns the facts of one thing that happened.

All randomness comes from one seeded generator, so a seed tells the same story every time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from random import Random

from demo.history import invented_names
from demo.history.fact_builders import Narrator, run_of
from demo.history.facts import RANK, Asset, AssetKind, Change, Disposition, Fact, Scan, Severity
from demo.store.instant import SECOND
from demo.store.sealed_v8_record import Json, LogEntry, Typed
from demo.store.v8_event_families import auth_failure_entry

type Episode = Callable[[int], list[Fact]]


class Story:
    """Tells episodes at given instants (nanoseconds) and remembers what is open and decided."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._say = Narrator(rng)
        self._assets = invented_names.assets()
        self._open_alerts: deque[str] = deque(maxlen=400)
        self._fresh_alerts: list[str] = []
        self._blocked: dict[tuple[AssetKind, str], Asset] = {}
        self._ordinary: tuple[tuple[Episode, float], ...] = (
            (self.tool_calls, 18),
            (self.scan_asset, 7),
            (self.egress, 12),
            (self.verdict, 9),
            (self.agent_approval, 5),
            (self.install, 4),
            (self.operator_decision, 6),
            (self.acknowledge, 5),
            (self.setting, 1.5),
            (self.auth_failure, 2),
            (self.health, 3),
        )
        self._bad: tuple[tuple[Episode, float], ...] = (
            (self.exfiltration, 10),
            (self.auth_failure, 5),
            (self.verdict, 6),
            (self.tool_calls, 6),
            (self.operator_decision, 1),
            (self.acknowledge, 3),
        )

    def episode(self, at: int, incident: bool) -> list[Fact]:
        """Return the facts of one episode that begins at ``at``."""
        menu = self._bad if incident else self._ordinary
        chosen = self._rng.choices([item for item, _ in menu], [weight for _, weight in menu])[0]
        return chosen(at)

    def close_hour(self) -> None:
        """Let the alerts of the hour that ended be seen by operators from now on."""
        self._open_alerts.extend(self._fresh_alerts)
        self._fresh_alerts.clear()

    def single(self, at: int) -> Fact:
        """Return one lone hook event, to fill up to an exact number of rows."""
        return self._say.hook(
            at, self._rng.choice(invented_names.AGENTS), "PreToolUse", "INFO", "allow"
        )

    def outbreak(self, at: int) -> list[Fact]:
        """Return the incident's opening: a malicious skill is installed, found and blocked."""
        skill = next(asset for asset in self._assets if asset.name == invented_names.INCIDENT_SKILL)
        return self._install(at, skill)

    def tool_calls(self, at: int) -> list[Fact]:
        """A run of tool calls by one agent: hook events before and after each."""
        agent = self._rng.choice(invented_names.AGENTS)
        facts: list[Fact] = []
        for step in range(self._rng.randint(1, 3)):
            before = at + step * 7 * SECOND
            after = before + self._say.jitter(4)
            severity: Severity = self._rng.choices(("INFO", "LOW", "MEDIUM"), (88, 9, 3))[0]
            verdict = "allow" if severity == "INFO" else "alert"
            facts.append(self._say.hook(before, agent, "PreToolUse", severity, verdict))
            facts.append(self._say.hook(after, agent, "PostToolUse", "INFO", "allow"))
        return facts

    def scan_asset(self, at: int) -> list[Fact]:
        """A routine scan of some asset."""
        return [self._scan(at, self._rng.choice(self._assets))]

    def install(self, at: int) -> list[Fact]:
        """The watcher sees a new asset, scans it and admits, warns or blocks."""
        usual = [asset for asset in self._assets if asset.name != invented_names.INCIDENT_SKILL]
        return self._install(at, self._rng.choice(usual))

    def egress(self, at: int) -> list[Fact]:
        """An agent opens an outgoing connection."""
        blocked = self._rng.random() < 0.08
        host = self._rng.choice(invented_names.BAD_HOSTS[1:] if blocked else invented_names.HOSTS)
        return [
            self._say.outgoing(at, self._rng.choice(invented_names.AGENTS), host, blocked=blocked)
        ]

    def verdict(self, at: int) -> list[Fact]:
        """The guardrail judges a tool call."""
        action = self._rng.choice(
            ("guardrail-verdict", "inspect-tool-alert", "inspect-tool-block", "inspect-tool-allow")
        )
        severity: Severity = "INFO"
        reason = "no rule matched"
        if action.endswith(("block", "alert")):
            severity = self._rng.choice(("MEDIUM", "HIGH", "CRITICAL"))
            reason = f"matched: {self._rng.choice(invented_names.GUARD_RULES)} evidence=<redacted>"
        entry = replace(
            self._say.by_agent(at, self._rng.choice(invented_names.AGENTS), action),
            target=self._rng.choice(invented_names.TOOLS),
            details=f"mode=action reason={reason}",
            severity=severity,
            policy_id="default",
        )
        return [entry]

    def agent_approval(self, at: int) -> list[Fact]:
        """An agent asks to run a risky tool and someone at the keyboard answers."""
        agent = self._rng.choice(invented_names.AGENTS)
        tool = self._rng.choice(invented_names.TOOLS)
        approval = f"appr-{self._say.uuid()}"
        granted = self._rng.random() < 0.78
        word = "approved" if granted else "denied"
        body: dict[str, Json] = {
            "defenseclaw.approval.id": approval,
            "defenseclaw.approval.result": word,
        }
        asked = replace(
            self._say.by_agent(at, agent, "gateway-approval-requested"),
            target=approval,
            details=f"tool={tool}",
        )
        verb = f"gateway-approval-{'granted' if granted else 'denied'}"
        answered = replace(
            self._say.by_agent(at + self._say.jitter(90), agent, verb),
            target=approval,
            details=f"tool={tool} result={word}",
            severity="HIGH",
            source="gateway",
            enforced=None if granted else 1,
            typed=Typed("approval.resolved", body, "resolve", word, mandatory=True),
        )
        return [asked, answered]

    def operator_decision(self, at: int) -> list[Fact]:
        """An operator blocks, allows or unblocks on the command line; no one is named."""
        if self._blocked and self._rng.random() < 0.35:
            key = self._rng.choice(sorted(self._blocked))
            return [self._say.lift(at, self._blocked.pop(key))]
        asset = self._rng.choice(self._assets)
        if RANK[asset.worst] >= RANK["LOW"] and self._rng.random() < 0.75:
            self._blocked[asset.kind, asset.name] = asset
            return [self._say.block(at, asset)]
        return [self._say.allow(at, asset)]

    def acknowledge(self, at: int) -> list[Fact]:
        """An operator clears an alert of an earlier hour."""
        if not self._open_alerts:
            return self.tool_calls(at)
        return [
            Disposition(
                id=f"op-{self._say.uuid()}",
                event_id=self._say.uuid(),
                at=at,
                alert_id=self._open_alerts.popleft(),
                dismissed=self._rng.random() < 0.3,
            )
        ]

    def setting(self, at: int) -> list[Fact]:
        """Someone changes a setting or the policy."""
        action, target_type, key, one, other = self._rng.choice(invented_names.SETTINGS)
        before, after = (one, other) if self._rng.random() < 0.5 else (other, one)
        return [
            Change(
                id=self._say.uuid(),
                event_id=self._say.uuid(),
                at=at,
                action=action,
                target_type=target_type,
                target_id="default" if target_type == "policy" else "config.yaml",
                key=key,
                before=before,
                after=after,
                run_id=run_of(at),
            )
        ]

    def auth_failure(self, at: int) -> list[Fact]:
        """A caller of the gateway's interface shows a wrong token or none."""
        reason = self._rng.choice(("invalid_token", "missing_token"))
        entry = auth_failure_entry(self._say.uuid(), at, reason, self._say.uuid(), run_of(at))
        return [entry]

    def health(self, at: int) -> list[Fact]:
        """The gateway reports on itself."""
        action, target, severity = self._rng.choice(
            (
                ("webhook-delivered", "watcher", "INFO"),
                ("sidecar-connected", "openclaw", "INFO"),
                ("gateway-degraded", "watcher", "MEDIUM"),
                ("sink-failure", "sink:splunk", "MEDIUM"),
                ("doctor", "host", "INFO"),
            )
        )
        return [
            LogEntry(
                id=self._say.uuid(),
                at=at,
                action=action,
                target=target,
                details="state=changed",
                severity=severity,
                actor="defenseclaw-watcher",
                run_id=run_of(at),
            )
        ]

    def exfiltration(self, at: int) -> list[Fact]:
        """During the incident: an agent keeps trying to send files to the same outside host."""
        attempts: list[Fact] = [
            self._say.outgoing(
                at + n * 11 * SECOND, "codex", invented_names.INCIDENT_HOST, blocked=True
            )
            for n in range(self._rng.randint(1, 4))
        ]
        flagged = replace(
            self._say.by_agent(at + self._say.jitter(20), "codex", "gateway-tool-call-flagged"),
            target="http_get",
            details="mode=action reason=matched: NET-UNKNOWN-HOST evidence=<redacted>",
            severity="CRITICAL",
            policy_id="default",
        )
        self._fresh_alerts.append(flagged.id)
        return [*attempts, flagged]

    def _scan(self, at: int, asset: Asset) -> Scan:
        scan = self._say.scan(at, asset)
        self._fresh_alerts += [
            finding.id for finding in scan.findings if RANK[finding.severity] >= RANK["MEDIUM"]
        ]
        return scan

    def _install(self, at: int, asset: Asset) -> list[Fact]:
        scan = self._scan(at + 2 * SECOND, asset)
        later = at + 4 * SECOND
        detected = self._admission(at, asset, "install-detected")
        if scan.verdict != "block":
            word = "install-clean" if scan.verdict == "clean" else "install-warning"
            return [detected, scan, self._admission(later, asset, word)]
        self._blocked[asset.kind, asset.name] = asset
        return [
            detected,
            scan,
            self._say.watcher_block(later, asset, scan),
            self._say.quarantine(later + SECOND, asset, scan),
        ]

    def _admission(self, at: int, asset: Asset, action: str) -> LogEntry:
        return replace(
            self._say.by_agent(at, asset.connector, action),
            target=asset.name,
            details=f"type={asset.kind} path={asset.path}",
        )
