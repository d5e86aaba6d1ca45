"""Who and what appears in the invented month: assets, rules, tools, hosts, reasons."""

from __future__ import annotations

from typing import Final

from demo.history.facts import Asset, AssetKind, Severity

AGENTS: Final = ("codex", "claudecode", "cursor")
INCIDENT_SKILL: Final = "invoice-relay"
INCIDENT_HOST: Final = "paste-drop.example"

_SKILLS: Final[dict[Severity, str]] = {
    "INFO": """
        changelog-writer code-review commit-lint csv-cleaner diff-explainer docs-search
        figma-export git-bisect i18n-check jira-triage json-schema link-checker
        markdown-tables meeting-notes openapi-lint pr-summary regex-tester release-notes
        standup-digest unit-test-gen""",
    "LOW": """
        bug-reproducer dependency-audit image-resize log-search pdf-tools spell-check
        sql-format""",
    "MEDIUM": "browser-pilot db-migrate docker-build notebook-runner web-fetch",
    "HIGH": "env-inspector remote-deploy shell-helper ssh-runner",
    "CRITICAL": f"{INCIDENT_SKILL} crypto-miner clipboard-sync token-helper",
}
_SERVERS: Final[dict[Severity, str]] = {
    "INFO": "github-mcp calendar-sync context7 sentry-mcp linear-mcp time-mcp",
    "LOW": "standup-bot postgres-read filesystem figma-mcp",
    "MEDIUM": "puppeteer kubernetes-mcp",
    "HIGH": "shell-mcp aws-admin",
    "CRITICAL": "free-gpt-proxy",
}
_PLUGINS: Final[dict[Severity, str]] = {
    "INFO": "theme-pack status-line voice-notes prompt-library session-export",
    "LOW": "telemetry-kit auto-format repo-map",
    "MEDIUM": "cloud-sync remote-pair",
    "HIGH": "macro-recorder",
    "CRITICAL": "key-vacuum",
}


def assets() -> tuple[Asset, ...]:
    """Return the 40 skills, 15 MCP servers and 12 plugins, in a fixed order."""
    kinds: tuple[tuple[AssetKind, dict[Severity, str]], ...] = (
        ("skill", _SKILLS),
        ("mcp", _SERVERS),
        ("plugin", _PLUGINS),
    )
    made: list[Asset] = []
    for kind, by_severity in kinds:
        for severity, names in by_severity.items():
            for name in names.split():
                made.append(Asset(kind, name, AGENTS[len(made) % len(AGENTS)], severity))
    return tuple(made)


RULES: Final[dict[AssetKind, tuple[tuple[str, str, str, str, str], ...]]] = {
    # rule id, title, description, remediation, tag
    "skill": (
        (
            "SKILL-INJ-001",
            "Prompt injection directive",
            "Text tells the model to ignore earlier instructions",
            "Remove the directive or move it out of the instructions",
            "injection",
        ),
        (
            "SKILL-SHELL-004",
            "Shell pipe to interpreter",
            "A download is piped straight into a shell",
            "Download, check the digest, then run",
            "command",
        ),
        (
            "SKILL-EXFIL-002",
            "File contents sent to an outside host",
            "Local files are read and posted to a host outside the allow list",
            "Remove the upload or list the host in the egress policy",
            "exfil",
        ),
        (
            "SKILL-SECRET-003",
            "Reads credential files",
            "Reads ~/.aws/credentials, .env or SSH keys",
            "Ask for the one value needed through a connection",
            "secrets",
        ),
        (
            "SKILL-OBFUS-006",
            "Encoded payload",
            "A long base64 block is decoded and executed",
            "Ship the code in clear text",
            "obfuscation",
        ),
    ),
    "mcp": (
        (
            "MCP-TOOL-011",
            "Tool description carries instructions",
            "A tool description tries to steer the model",
            "Keep descriptions descriptive",
            "injection",
        ),
        (
            "MCP-SCOPE-007",
            "Tool can write outside the workspace",
            "A path argument is not confined to the workspace root",
            "Resolve and check paths against the root",
            "scope",
        ),
        (
            "MCP-AUTH-005",
            "Server accepts any caller",
            "The endpoint answers without authentication",
            "Require a token bound to the caller",
            "auth",
        ),
    ),
    "plugin": (
        (
            "PLUGIN-NET-009",
            "Undeclared network access",
            "The plugin contacts hosts its manifest does not name",
            "Declare the hosts",
            "network",
        ),
        (
            "PLUGIN-KEY-013",
            "Reads the key store",
            "The plugin opens the agent's key store",
            "Drop the permission",
            "secrets",
        ),
    ),
    "tool": (
        (
            "TOOL-CMD-001",
            "Destructive command",
            "The command deletes outside the workspace",
            "Confine the command",
            "command",
        ),
    ),
}

TOOLS: Final = ("read_file", "write_file", "shell.exec", "http_get", "search", "apply_patch")
GUARD_RULES: Final = ("CMD-RM-RF", "SEC-AWS-KEY", "NET-UNKNOWN-HOST", "INJ-IGNORE-PREV")
HOSTS: Final = (
    "api.openai.com",
    "api.anthropic.com",
    "github.com",
    "packages.example",
    "modules.example",
    "slack.com",
    "www.googleapis.com",
)
BAD_HOSTS: Final = (INCIDENT_HOST, "169.254.169.254", "cdn-update.example", "miner-pool.example")
BLOCK_REASONS: Final = (
    "scan found a download piped into a shell",
    "reads credentials it does not need",
    "vendor advisory, wait for the fixed release",
    "unreviewed publisher",
    "duplicate of an approved asset",
)
ALLOW_REASONS: Final = (
    "vetted by appsec",
    "pinned to a reviewed commit",
    "finding is a false positive, see review",
    "needed for the release, reviewed in pairs",
)
SETTINGS: Final[tuple[tuple[str, str, str, str, str], ...]] = (
    # action, target type, key, one value, the other
    ("setup-guardrail", "config", "guardrail.mode", "observe", "action"),
    ("policy-update", "policy", "severity.MEDIUM.install", "none", "block"),
    ("config-update", "config", "guardrail.hilt.min_severity", "HIGH", "MEDIUM"),
    ("setup-webhook", "config", "webhooks.portal.enabled", "false", "true"),
    ("policy-reload", "policy", "default", "rev-14", "rev-15"),
)
