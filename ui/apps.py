"""The pages' app; at start it introduces the rooms to each other."""

from __future__ import annotations

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Last of ours in INSTALLED_APPS' order of need: every room is imported when it is ready."""

    name = "ui"
    label = "web"

    def ready(self) -> None:
        """Wire once a process."""
        from portal.wiring import wire

        wire()
