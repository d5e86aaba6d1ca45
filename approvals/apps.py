"""Registers what the app owns: event messages, decisions, stores and integrity checks."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig

_REGISTERING = (
    "approvals.absence.absence_in_words",
    "approvals.person_access_ends.access_end_sentences",
    "approvals.person_access_ends.set_access_end",
    "approvals.erasure.erase_and_legal_hold",
    "approvals.erasure.erasures_against_ledger_check",
    "approvals.erasure.stores",
    "approvals.event_sentences",
    "approvals.passkeys.enrol_and_revoke",
    "approvals.passkeys.passkey_sentences",
    "approvals.pipeline.ledger_check",
    "approvals.policy.ledger_check",
    "approvals.policy.policy_change",
)


class ApprovalsConfig(AppConfig):
    """Decisions that need approval."""

    name = "approvals"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Import what registers itself, in every process."""
        for module in _REGISTERING:
            import_module(module)
