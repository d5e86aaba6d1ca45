"""Django application `web`: what all pages share."""

from __future__ import annotations

from django.apps import AppConfig


class WebConfig(AppConfig):
    """What all pages share."""

    name = "ui"
    label = "web"
