"""Registers the verbs, remote steps and event sentences of `enforcement`."""

from __future__ import annotations

from django.apps import AppConfig


class EnforcementConfig(AppConfig):
    """DECIDES."""

    name = "enforcement"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Registration happens at import, in every process."""
        from enforcement import erasure, event_sentences  # noqa: F401
        from enforcement.decisions import (  # noqa: F401
            block_and_allow,
            dispositions,
            gateway_holds,
            remote_steps,
        )
