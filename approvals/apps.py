"""The room says how its events read, and registers the decisions that it owns itself."""

from __future__ import annotations

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """ASKS."""

    name = "approvals"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Both are registered at import, in every process."""
        from approvals import wording  # noqa: F401
        from approvals.erasing import actions as _erasing  # noqa: F401
        from approvals.erasing import held as _held_erasures  # noqa: F401
        from approvals.erasing import stores  # noqa: F401
        from approvals.passkeys import actions  # noqa: F401
        from approvals.passkeys import wording as _wording_of_passkeys  # noqa: F401
        from approvals.policy import changing, held  # noqa: F401
