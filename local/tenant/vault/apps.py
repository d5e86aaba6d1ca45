"""Plugs the Token Vault exchange into the tenant's token endpoint."""

from __future__ import annotations

from django.apps import AppConfig


class VaultConfig(AppConfig):
    name = "local.tenant.vault"
    label = "tenant_vault"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from local.tenant.oauth import grant_registry
        from local.tenant.vault import exchange
        from local.tenant.vault.providers import token_issuing

        token_issuing.token_lifetime_s()
        grant_registry.register(grant_registry.VAULT_GRANT, exchange.exchange)
