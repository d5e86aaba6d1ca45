"""The room says how its events read, and registers the decisions that it owns itself."""

from __future__ import annotations

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """ASKS."""

    name = "approvals"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Both are registered at import, in every process."""
        from approvals import audit_messages  # noqa: F401
        from approvals.erasure import decisions as _erasing  # noqa: F401
        from approvals.erasure import integrity as _held_erasures  # noqa: F401
        from approvals.erasure import stores  # noqa: F401
        from approvals.passkeys import audit_messages as _wording_of_passkeys  # noqa: F401
        from approvals.passkeys import decisions  # noqa: F401
        from approvals.policy import integrity, policy_change  # noqa: F401
