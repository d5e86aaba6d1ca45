"""Where a person sees and ends at the provider itself what Auth0 was allowed there."""

from __future__ import annotations

from ui import local_tenant

_SETTINGS = {
    "github": "https://github.com/settings/applications",
    "slack": "https://slack.com/apps/manage",
    "google-oauth2": "https://myaccount.google.com/connections",
}


def provider_settings(connection: str) -> str:
    """The provider's own page of authorised applications; empty where we know none."""
    if connection in _SETTINGS and local_tenant.is_local():
        return f"{local_tenant.tenant_url()}providers/{connection}/settings"
    return _SETTINGS.get(connection, "")
