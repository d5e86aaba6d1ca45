"""Registers what the app owns: decisions, remote steps, stores and integrity checks."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig

_REGISTERING = (
    "connections.access_reviews.decisions",
    "connections.access_reviews.ledger_check",
    "connections.application_grants.decisions",
    "connections.erasure",
    "connections.idle_access.decisions",
    "connections.lifecycle.bulk",
    "connections.lifecycle.decisions",
    "connections.lifecycle.freezes",
    "connections.manifests.allow_rule",
    "connections.manifests.decisions",
    "connections.revocation.remote_steps",
    "connections.scope_escalation.decisions",
)


class ConnectionsConfig(AppConfig):
    """OAuth connections of agents."""

    name = "connections"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Import what registers itself, in every process."""
        for module in _REGISTERING:
            import_module(module)
        from connections import event_sentences

        event_sentences.register()
