"""What the app does when the process starts and ends."""

from __future__ import annotations

import atexit
import os
from contextlib import suppress

from django.apps import AppConfig
from django.db import Error, connection


class OpsConfig(AppConfig):
    """Operations."""

    name = "portal.ops"
    label = "ops"

    def ready(self) -> None:
        """Introduce the apps to each other; have the pool of connections closed at the end."""
        from portal.hooks_between_apps import wire

        wire()
        if connection.vendor == "postgresql":
            atexit.register(_close_pool, os.getpid())


def _close_pool(opened_by: int) -> None:
    """Left to the interpreter, its four threads are waited for in vain, 5 s each."""
    if os.getpid() == opened_by:  # a fork shares our sockets, and has none of these threads
        with suppress(Error):
            connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
