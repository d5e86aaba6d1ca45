"""Django application `audit`."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """The ledger and its projection."""

    name = "audit"
    label = "audit"
    verbose_name = "Audit trail"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Import what registers which values of a person lie here, in every process."""
        import_module("audit.erasure.audit_app_stores")
