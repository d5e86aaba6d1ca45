"""A provider's own settings page: which applications hold an account, and how to end it there."""

from __future__ import annotations

from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from local.tenant import clock
from local.tenant.ciba.phone import who_may_answer
from local.tenant.vault.models import ProviderGrant, ProviderToken
from local.tenant.vault.providers import token_issuing
from local.tenant.vault.providers.catalog import PROVIDERS, Provider


@require_safe
@never_cache
def settings(request: HttpRequest, name: str) -> HttpResponse:
    """`/providers/{name}/settings`: every grant our tenant holds there, standing ones first."""
    provider = _provider(name)
    grants = ProviderGrant.objects.filter(provider=provider.name).order_by(
        F("revoked_at").asc(nulls_first=True), "-created_at"
    )
    shown = [
        {
            "grant": grant,
            "scopes": provider.words(grant.scopes),
            "live": ProviderToken.objects.filter(grant=grant, expires_at__gt=clock.now()).count(),
        }
        for grant in grants
    ]
    return render(
        request,
        "tenant_vault/settings.html",
        {"provider": provider, "grants": shown, "others": list(PROVIDERS.values())},
    )


@who_may_answer.form_or_control
@require_POST
def revoke(request: HttpRequest, name: str, grant_id: int) -> HttpResponse:
    """End one grant at the provider: its tokens stop working at once."""
    provider = _provider(name)
    grant = get_object_or_404(ProviderGrant, pk=grant_id, provider=provider.name)
    token_issuing.revoke(grant, clock.now())
    return redirect("provider-settings", name=provider.name)


def _provider(name: str) -> Provider:
    provider = PROVIDERS.get(name)
    if provider is None:
        raise Http404(f"There is no provider {name}")
    return provider
