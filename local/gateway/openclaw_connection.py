"""OpenClaw's side of a gateway: connected, lost, or never met since the start."""

from __future__ import annotations

from http import HTTPStatus

from local.gateway.settings import Settings


class ConnectionDropped(Exception):
    """The handler crashed: the caller sees its connection closed without an answer."""


class NotConnected(Exception):
    """A call to OpenClaw failed; carries status and text of the answer."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.status = HTTPStatus.BAD_GATEWAY
        self.text = text


def call(settings: Settings, what: str) -> None:
    """Pretend to call OpenClaw. Raises ConnectionDropped or NotConnected.

    0.2.0 crashes in each such call if OpenClaw was never connected since the start.
    """
    if settings.upstream == "connected":
        return
    if settings.upstream == "never" and settings.generation.dies_without_upstream:
        raise ConnectionDropped
    raise NotConnected(f"gateway: {what}: gateway: not connected")


def state(settings: Settings) -> str:
    """Return the state that `/health` shows for the connection."""
    if settings.upstream == "connected":
        return "running"
    return "reconnecting" if not settings.generation.needs_token else "disabled"
