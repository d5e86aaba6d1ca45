"""The room registers its verbs, its remote steps and how its events read."""

from __future__ import annotations

from django.apps import AppConfig


class EnforcementConfig(AppConfig):
    """DECIDES."""

    name = "enforcement"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Registration happens at import, in every process."""
        from enforcement import (  # noqa: F401
            actions,
            dispositions,
            erasing,
            holding,
            steps,
            wording,
        )
