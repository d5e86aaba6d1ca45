"""Routes of DESIGN 2.3; each room brings its own."""

from __future__ import annotations

from django.urls import include, path

from portal.api import docs
from portal.api.app import api

urlpatterns = [
    path("", include("portal.web.urls")),
    path("", include("portal.identity.urls")),
    path("", include("portal.account.urls")),
    path("", include("portal.ops.urls")),
    path("", include("portal.audit_pages.urls")),
    path("", include("portal.approvals_pages.urls")),
    path("", include("portal.connections_pages.urls")),
    path("", include("portal.enforcement_pages.urls")),
    path("v1/docs", docs.docs, name="api-docs"),
    path("v1/openapi.json", docs.openapi, name="openapi-json"),
    path("v1/", api.urls),
]

handler400 = "portal.web.errors.bad_request"
handler403 = "portal.web.errors.forbidden"
handler404 = "portal.web.errors.not_found"
handler500 = "portal.web.errors.server_error"
