"""How a gateway pushes to this portal: the lines of its configuration, ready to copy."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import needs_role
from audit.ingest.pushes import sender_configuration
from enforcement.bypasses.decision_of_act import generation_of
from enforcement.gateways import instances
from enforcement.views.fleet import pushes_of


@require_safe
@never_cache
@needs_role("operator", "auditor", "admin")
def pushes(request: HttpRequest, name: str) -> HttpResponse:
    """The configuration to copy, for each generation of DefenseClaw."""
    instance = instances.fleet().named(name)
    if instance is None:
        raise Http404
    return render(
        request,
        "enforcement/gateway_pushes.html",
        {
            "instance": instance,
            "pushes": pushes_of(instance),
            "generation": generation_of(name),
            "variable": sender_configuration.VARIABLE,
            "configurations": sender_configuration.of_instance(
                settings.ENV.portal_url, instance.name
            ),
            "crumbs": [
                {"text": "Gateways", "url": "/enforcement/fleet/"},
                {"text": instance.name, "url": f"/enforcement/fleet/{instance.name}/settings/"},
                {"text": "Pushes"},
            ],
        },
    )
