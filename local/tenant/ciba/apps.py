"""Plugs the CIBA poll grant into the tenant's token endpoint."""

from __future__ import annotations

from django.apps import AppConfig


class CibaConfig(AppConfig):
    name = "local.tenant.ciba"
    label = "tenant_ciba"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from local.tenant.ciba import limits, poll_grant
        from local.tenant.oauth import grant_registry

        limits.poll_interval_s()
        grant_registry.register(poll_grant.GRANT, poll_grant.poll)
