"""Registers the verbs, remote steps and event sentences of `enforcement`."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig

_REGISTERING = (
    "enforcement.decisions.block_allow_hold",
    "enforcement.decisions.acknowledge_and_dismiss",
    "enforcement.decisions.claim_responsibility_for_bypass",
    "enforcement.decisions.configure_gateway",
    "enforcement.decisions.enrol_and_revoke_outpost",
    "enforcement.decisions.hold_and_release_at_gateway",
    "enforcement.decisions.quarantine_and_restore",
    "enforcement.decisions.steps.remote_steps",
    "enforcement.rows_to_erase",
    "enforcement.event_sentences",
)


class EnforcementConfig(AppConfig):
    """What DefenseClaw's gateways report, and what is decided about it."""

    name = "enforcement"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Import what registers itself, in every process."""
        for module in _REGISTERING:
            import_module(module)
