"""Registers what the app owns: event messages, decisions, stores and integrity checks."""

from __future__ import annotations

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """Decisions that need approval."""

    name = "approvals"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Import what registers itself, in every process."""
        from approvals import event_sentences  # noqa: F401
        from approvals.erasure import decisions as erasure_decisions  # noqa: F401
        from approvals.erasure import ledger_check as erasure_ledger_check  # noqa: F401
        from approvals.erasure import stores  # noqa: F401
        from approvals.passkeys import decisions as passkey_decisions  # noqa: F401
        from approvals.passkeys import passkey_sentences  # noqa: F401
        from approvals.policy import ledger_check, policy_change  # noqa: F401
