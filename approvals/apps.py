"""The room says how its events read."""

from __future__ import annotations

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """ASKS."""

    name = "approvals"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Wording is registered at import, in every process."""
        from approvals import wording  # noqa: F401
