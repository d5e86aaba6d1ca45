"""Addresses of the local tenant's own pages, for the demonstration; empty with a real issuer."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from django.conf import settings


def is_local() -> bool:
    """Whether the environment names no issuer, so that the local tenant is it."""
    return bool(settings.ENV.local_tenant)


def tenant_url() -> str:
    """The tenant's front page."""
    return settings.ENV.issuer if is_local() else ""


def phone_url(sub: str = "") -> str:
    """The phone of a person there; without a subject, all phones."""
    if not is_local():
        return ""
    return f"{settings.ENV.issuer}phone/{quote(sub, safe='')}/" if sub else f"{tenant_url()}phone/"


def switch_url() -> str:
    """Where a visitor becomes somebody else and comes back signed in as them."""
    if not is_local():
        return ""
    back = f"{settings.PORTAL_URL}/oidc/authenticate/?next=/"
    return f"{settings.ENV.issuer}switch?{urlencode({'return_to': back})}"
