"""Routes of the demonstration, in the embedded mode with the local tenant only."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, path

from portal.demo_actions import views

urlpatterns: list[URLPattern] = []
if not settings.PRODUCTION and settings.ENV.local_tenant:
    urlpatterns = [
        path("demo/finding/", views.simulate_finding, name="demo-finding"),
        path("demo/tamper/", views.tamper_with_copy, name="demo-tamper"),
    ]
