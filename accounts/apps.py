"""Registers what the app owns: the erasure of accounts, and the sentences of its events."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig

_REGISTERING = (
    "accounts.break_glass.break_glass_sentences",
    "accounts.rows_to_erase",
    "accounts.access_refusal_event_sentences",
)


class IdentityConfig(AppConfig):
    """Signed-in people."""

    name = "accounts"
    label = "identity"

    def ready(self) -> None:
        """Import what registers itself, in every process."""
        for module in _REGISTERING:
            import_module(module)
