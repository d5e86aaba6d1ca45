"""Routes of the demonstration; with another issuer than the local tenant they answer 404."""

from __future__ import annotations

from django.urls import path

from portal.demo_actions import views

urlpatterns = [
    path("demo/finding/", views.simulate_finding, name="demo-finding"),
    path("demo/tamper/", views.tamper_with_copy, name="demo-tamper"),
]
