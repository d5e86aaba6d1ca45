"""Registers what the app owns: decisions, remote steps, stores and integrity checks."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig

_REGISTERING = (
    "connections.access_reviews.open_decide_close",
    "connections.access_reviews.ledger_check",
    "connections.access_reviews.reassign_reviewer",
    "connections.application_grants.consent_and_token_revocation",
    "connections.rows_to_erase",
    "connections.event_sentences",
    "connections.idle_access.change_setting_and_wake_account",
    "connections.lifecycle.bulk_decisions",
    "connections.lifecycle.connect_revoke_suspend_resume",
    "connections.lifecycle.freezes",
    "connections.component_manifests.allow_required_before_credentials",
    "connections.component_manifests.declare_and_remove",
    "connections.revocation.deletion_and_session_steps",
    "connections.scope_escalation.allowance_and_rule_decisions",
)


class ConnectionsConfig(AppConfig):
    """OAuth connections of agents."""

    name = "connections"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Import what registers itself, in every process."""
        for module in _REGISTERING:
            import_module(module)
