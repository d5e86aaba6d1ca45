"""`/status` of real gateways on 29 November 2026, as far as it is about settings."""

from __future__ import annotations

from typing import Any


def head(codex: str = "observe", **health: Any) -> dict[str, Any]:
    """HEAD with Claude Code in action mode and one destination of its own."""
    return {
        "connector_mode": {"connector": "claudecode", "guardrail_mode": "action"},
        "connector_modes": [
            {
                "connector": "claudecode",
                "enabled": True,
                "guardrail_mode": "action",
                "hook_fail_mode": "closed",
                "mode": "observability",
            },
            {
                "connector": "codex",
                "enabled": True,
                "guardrail_mode": codex,
                "hook_fail_mode": "open",
                "mode": "observability",
            },
        ],
        "provenance": {"schema_version": 7, "binary_version": "dev"},
        "runtime": {"pid": 14970},
        "health": {
            "started_at": "2026-11-29T20:42:11.962399752Z",
            "guardrail": {"state": "running", "details": {"enforcement_enabled": True}},
            "watcher": {
                "state": "running",
                "details": {
                    "mcp_take_action": True,
                    "plugin_take_action": True,
                    "skill_take_action": True,
                },
            },
            "telemetry": {
                "state": "running",
                "details": {
                    "destinations": [
                        {"name": "local-sqlite", "kind": "sqlite", "enabled": True},
                        {"name": "siem", "kind": "http_jsonl", "enabled": True},
                    ],
                    "retention_days": 90,
                },
            },
        }
        | health,
    }


V084 = {
    "connector_modes": [
        {"connector": "claudecode", "guardrail_mode": "action", "mode": "observability"},
        {"connector": "codex", "guardrail_mode": "observe", "mode": "observability"},
    ],
    "provenance": {"schema_version": 7, "binary_version": "0.8.4"},
    "health": {
        "guardrail": {"state": "running"},
        "sinks": {"state": "disabled", "details": {"summary": "no audit sinks configured"}},
        "watcher": {
            "state": "running",
            "details": {
                "mcp_take_action": True,
                "plugin_take_action": False,
                "skill_take_action": False,
            },
        },
    },
}
V020 = {
    "health": {
        "started_at": "2026-11-29T20:42:14.141664292Z",
        "gateway": {"state": "reconnecting"},
        "watcher": {
            "state": "running",
            "details": {"plugin_take_action": False, "skill_take_action": False},
        },
        "guardrail": {"state": "disabled"},
        "splunk": {"state": "disabled", "details": {"hec_token": "hidden-7"}},
    }
}
OUTPOST_CONFIG = {
    "sha256": "ab" * 32,
    "guardrail.enabled": True,
    "guardrail.mode": "action",
    "guardrail.connector": "claudecode",
    "modes": {"claudecode": "", "codex": "observe"},
    "gateway.watcher.skill.take_action": True,
    "destinations": [
        {
            "family": "destination",
            "name": "siem",
            "kind": "http_jsonl",
            "host": "siem.example:8088",
            "enabled": True,
        }
    ],
    "scanners": {"skill-scanner": True, "mcp-scanner": False},
    "hooks": {"claudecode": {"installed": True, "scripts": "cd" * 32}},
}
