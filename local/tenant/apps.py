"""The tenant's core Django application."""

from __future__ import annotations

from django.apps import AppConfig


class TenantConfig(AppConfig):
    """Accounts, clients, APIs, sessions, tokens and logs of the local tenant."""

    name = "local.tenant"
    label = "tenant"
    default = True
