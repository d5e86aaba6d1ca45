"""Pages of enforcement (DESIGN 2.3)."""

from __future__ import annotations

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from enforcement.component_kinds import KINDS
from enforcement.views import (
    bypasses,
    effects_of_any_name,
    enrol_and_revoke_outpost,
    finding_component_gateway_pages,
    gateway_pushes,
    gateway_settings,
)
from ui.path_converters import NameConverter


class KindConverter(StringConverter):
    """Kinds that can be decided about; anything else is not a page."""

    regex = "|".join(KINDS)


register_converter(KindConverter, "kind")
register_converter(NameConverter, "asset_name")

urlpatterns = [
    path("enforcement/", finding_component_gateway_pages.index, name="enforcement"),
    path("enforcement/fleet/", finding_component_gateway_pages.fleet, name="enforcement-fleet"),
    path(
        "enforcement/fleet/<str:name>/pushes/",
        gateway_pushes.pushes,
        name="enforcement-gateway-pushes",
    ),
    path("enforcement/bypasses/", bypasses.index, name="enforcement-bypasses"),
    path("enforcement/bypasses/<uuid:event_id>/", bypasses.one, name="enforcement-bypass"),
    path(
        "enforcement/fleet/<str:name>/settings/",
        gateway_settings.settings,
        name="enforcement-gateway-settings",
    ),
    path(
        "enforcement/fleet/<str:name>/baseline/",
        gateway_settings.baseline,
        name="enforcement-gateway-baseline",
    ),
    path("enforcement/effects/", effects_of_any_name.effects, name="enforcement-effects"),
    path(
        "enforcement/outposts/new/", enrol_and_revoke_outpost.enrol, name="enforcement-outpost-new"
    ),
    path(
        "enforcement/outposts/<uuid:approval_id>/code/",
        enrol_and_revoke_outpost.code,
        name="enforcement-outpost-code",
    ),
    path(
        "enforcement/outposts/<uuid:approval_id>/end/",
        enrol_and_revoke_outpost.end_fleet_code,
        name="enforcement-outpost-fleet-end",
    ),
    path(
        "enforcement/outposts/<str:instance>/revoke/",
        enrol_and_revoke_outpost.revoke,
        name="enforcement-outpost-revoke",
    ),
    path(
        "enforcement/findings/<int:pk>/",
        finding_component_gateway_pages.finding,
        name="enforcement-finding",
    ),
    path(
        "enforcement/preview/<kind:kind>/<asset_name:name>/",
        finding_component_gateway_pages.preview,
        name="enforcement-preview",
    ),
    path(
        "enforcement/<kind:kind>/<asset_name:name>/",
        finding_component_gateway_pages.asset,
        name="enforcement-asset",
    ),
]
