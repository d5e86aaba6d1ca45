"""Django application `audit`."""

from __future__ import annotations

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """The ledger and its projection."""

    name = "audit"
    label = "audit"
    verbose_name = "Audit trail"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Which values of a person lie here is registered at import, in every process."""
        from audit.erasure import stores  # noqa: F401
