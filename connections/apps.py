"""Registers what the app owns: decisions, remote steps, stores and integrity checks."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig

_REGISTERING = (
    "connections.access_reviews.open_decide_close",
    "connections.access_reviews.ledger_check",
    "connections.application_grants.grant_revocation",
    "connections.erasure",
    "connections.event_sentences",
    "connections.idle_access.restrict_relax_wake",
    "connections.lifecycle.bulk_decisions",
    "connections.lifecycle.account_decisions",
    "connections.lifecycle.freezes",
    "connections.component_manifests.undecided_component_rule",
    "connections.component_manifests.declare_and_remove",
    "connections.revocation.end_sessions_step",
    "connections.scope_escalation.allowance_decisions",
)


class ConnectionsConfig(AppConfig):
    """OAuth connections of agents."""

    name = "connections"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Import what registers itself, in every process."""
        for module in _REGISTERING:
            import_module(module)
