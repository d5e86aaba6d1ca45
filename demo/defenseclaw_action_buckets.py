"""The audit actions DefenseClaw registers, and the bucket each of them is filed under.

Source: DefenseClaw ``internal/audit/actions.go`` and its telemetry producer registry.
"""

from __future__ import annotations

from typing import Final

_BY_BUCKET: Final[dict[str, str]] = {
    "compliance.activity": """
        acknowledge-alerts action api-auth-failure api-config-patch approval-denied
        approval-granted approval-request config-update connector-hook-repaired dismiss-alert
        dismiss-alerts doctor gateway-approval-denied gateway-approval-granted
        gateway-approval-pending gateway-approval-requested guardrail-config-reload
        guardrail-disable guardrail-enable guardrail-fail-mode guardrail-hilt init-gateway
        init-guardrail init-notifications-toggle init-sandbox init-sidecar inspect-reveal
        policy-activate policy-create policy-delete policy-reload policy-update registry-add
        registry-edit registry-remove setup-connector-mode setup-gateway setup-guardrail
        setup-hook-connector setup-local-observability setup-mcp-scanner
        setup-notifications-set setup-notifications-toggle setup-observability
        setup-redaction-policy setup-redaction-toggle setup-skill-scanner setup-splunk
        setup-webhook upgrade""",
    "enforcement.action": """
        allow block allow-mcp api-enforce-allow api-enforce-block api-enforce-unblock
        api-plugin-disable api-plugin-enable api-skill-disable api-skill-enable block-mcp
        disable enable guardrail-block-message guardrail-launder guardrail-notify-inject
        install-blocked install-enforced mcp-set-blocked mcp-unblock plugin-allow plugin-block
        plugin-disable plugin-enable plugin-quarantine plugin-restore quarantine restore
        scan-enforced sidecar-watcher-block-mcp sidecar-watcher-disable
        sidecar-watcher-disable-plugin skill-allow skill-block skill-disable skill-enable
        skill-quarantine skill-restore skill-unblock tool-allow tool-block tool-unblock
        watcher-block""",
    "asset.scan": """
        api-mcp-scan api-plugin-scan api-skill-scan install-clean install-scan-error rescan
        rescan-start scan scan-start""",
    "asset.lifecycle": """
        api-skill-fetch deploy drift install-dep install-detected mcp-set mcp-unset
        plugin-install plugin-remove""",
    "guardrail.evaluation": """
        warn asset-policy connector-hook connector-hook-synthetic guardrail-allow
        guardrail-block guardrail-inspection guardrail-opa-inspection guardrail-opa-verdict
        guardrail-tool-call-inspect guardrail-tool-call-parse-error guardrail-verdict
        guardrail-warn inspect-tool-alert inspect-tool-allow inspect-tool-block
        inspect-tool-confirm install-allowed install-allowed-skip-enforce install-rejected
        install-warning llm-judge-response sidecar-watcher-verdict""",
    "telemetry.ingest": """
        codex.notify codex.notify.malformed otel.ingest.logs otel.ingest.malformed
        otel.ingest.metrics otel.ingest.traces""",
    "agent.lifecycle": """
        codex.notify.agent-turn-complete gateway-agent-end gateway-agent-error
        gateway-agent-start gateway-session-error""",
    "security.finding": """
        connector-hook-tampered gateway-multi-turn-injection gateway-session-prompt-alert
        gateway-tool-call-flagged gateway-tool-call-judge-flagged scan-finding
        tool-result-pii-alert""",
    "model.io": "gateway-chat-error gateway-session-message",
    "platform.health": """
        alert init bootstrap ready stop gateway-degraded gateway-down gateway-ready
        gateway-recovered gateway.judge_bodies.close_error gateway.judge_bodies.close_skipped
        gateway.judge_bodies.fallback gateway.judge_bodies.ready
        gateway.judge_store.drain_timeout guardrail-degraded guardrail-healthy guardrail-start
        sidecar-connected sidecar-disconnected sidecar-start sidecar-stop sink-failure
        sink-flush-error sink-restored watch-start watch-stop webhook-delivered
        webhook-failed""",
    "tool.activity": """
        gateway-tool-call gateway-tool-call-blocked gateway-tool-result tool-call
        tool-result""",
    "network.egress": "network-egress-allowed network-egress-blocked",
}

_BUCKET_OF: Final[dict[str, str]] = {
    action: bucket for bucket, names in _BY_BUCKET.items() for action in names.split()
}
_OPEN_PREFIX: Final = "codex.notify."


def bucket_of(action: str) -> str:
    """Return the bucket ``action`` is filed under; ``diagnostic`` for anything unregistered."""
    if action.startswith(_OPEN_PREFIX) and action not in _BUCKET_OF:
        return "telemetry.ingest"
    return _BUCKET_OF.get(action, "diagnostic")
