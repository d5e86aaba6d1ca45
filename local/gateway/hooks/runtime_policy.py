"""What an agent may do right now: block and allow lists, runtime disables, content rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from local.gateway.audit.redaction import redact
from local.gateway.entries import GLOBAL, Entries
from local.gateway.hooks.runtime_rules import Rule, highest_severity, matching_rules, text_of
from local.gateway.settings import Settings

_DISABLED_TEXT: Final = "disabled by administrator"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Judgement of one event, before the agent's mode decides what is done about it."""

    raw_action: str = "allow"
    severity: str = "NONE"
    reason: str = ""
    """As it is answered to the caller, without the words."""
    plain_reason: str = ""
    """As HEAD writes it into its rows."""
    findings: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = field(default=())
    always_enforced: bool = False
    """A runtime disable is enforced in observe and managed mode too."""


ALLOWED: Final = Verdict()


def server_of(tool: str) -> str:
    """Return the MCP server in a tool name `mcp__SERVER__TOOL`, or ""."""
    parts = tool.split("__", 2)
    return parts[1] if len(parts) == 3 and parts[0] == "mcp" and parts[2] else ""


class RuntimePolicy:
    """Judges what agents ask for, from the entries."""

    def __init__(self, settings: Settings, entries: Entries) -> None:
        self._settings = settings
        self._generation = settings.generation
        self._entries = entries

    def judge_tool(self, agent: str, tool: str, arguments: object, server: str = "") -> Verdict:
        """Judge a tool call. `server` is a server name that the event itself carries."""
        if self._settings.managed:
            return ALLOWED
        listed = self._tool_entry(agent, tool)
        if listed == "block":
            return self._blocked("STATIC-BLOCK", f'tool "{tool}" is on the static block list')
        for name in (server_of(tool), server.strip()):
            if name and self._is_blocked_server(agent, name):
                return self._blocked("MCP-BLOCK", f'mcp server "{name}" is blocked')
        if listed == "allow" and self._generation.entries_per_agent:
            # An allowed tool skips every content rule.
            return Verdict(findings=("STATIC-ALLOW",))
        return self.judge_text(text_of(arguments), prompt=False)

    def judge_text(self, text: str, *, prompt: bool) -> Verdict:
        """Judge a tool's arguments or a prompt by the content rules."""
        if self._settings.managed:
            return ALLOWED
        rules = matching_rules(text, prompt=prompt, at_head=self._generation.seals_rows)
        if not rules:
            return ALLOWED
        severity = highest_severity([rule.severity for rule in rules])
        hide = self._generation.redacts_audit_details
        named = (f"{r.id}:{redact(r.title) if hide else r.title}" for r in rules)
        return Verdict(
            raw_action=self._action_for(severity),
            severity=severity,
            reason=f"matched: {', '.join(named)}",
            plain_reason=f"matched: {', '.join(f'{rule.id}:{rule.title}' for rule in rules)}",
            findings=tuple(f"{rule.id}:{rule.title}" for rule in rules),
            rules=tuple(rules),
        )

    def _action_for(self, severity: str) -> str:
        if severity in self._generation.severities_blocked:
            return "block"
        return "allow" if severity == "LOW" else "alert"

    def judge_asset(self, agent: str, kind: str, name: str, surface: str) -> Verdict:
        """Judge the use of a skill or plugin: only a runtime disable stops it."""
        if self._entries.effective(kind, name, agent, "runtime") != "disable":
            return ALLOWED
        reason = (
            f"{redact(_DISABLED_TEXT[:12])} reason_code=runtime-disable source=runtime-disable "
            f"asset_type={kind} asset_name={name} connector={agent} registry_status=disabled "
            f"registry_configured=false surface={surface}"
        )
        return Verdict(
            raw_action="block",
            severity="HIGH",
            reason=reason,
            plain_reason=reason,
            findings=(f"ASSET-POLICY-{kind.upper()}",),
            always_enforced=True,
        )

    def _tool_entry(self, agent: str, tool: str) -> str:
        for name in (f"@{agent}/{tool}", tool):
            entry = self._entries.get("tool", name, GLOBAL)
            if entry and entry.install:
                return entry.install
        return ""

    def _is_blocked_server(self, agent: str, server: str) -> bool:
        if not self._generation.entries_per_agent:
            return False
        return self._entries.effective("mcp", server, agent, "install") == "block"

    def _blocked(self, finding: str, reason: str) -> Verdict:
        shown = redact(reason) if self._generation.entries_per_agent else reason
        return Verdict("block", "HIGH", shown, reason, (finding,))


def inspect_answer(verdict: Verdict, mode: str, *, has_would_block: bool) -> Mapping[str, Any]:
    """Return the answer of `/api/v1/inspect/tool`.

    0.2.0 answers `block` in every mode and leaves the mode to its caller.
    """
    action = verdict.raw_action
    would_block = has_would_block and action == "block" and mode != "action"
    answer: dict[str, Any] = {
        "action": "allow" if would_block else action,
        "severity": verdict.severity,
        "confidence": 1 if verdict.findings else 0,
        "reason": verdict.reason,
        "findings": list(verdict.findings),
        "mode": mode,
    }
    if has_would_block:
        answer["raw_action"] = action
    if would_block:
        answer["would_block"] = True
    return answer
