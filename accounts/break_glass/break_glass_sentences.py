"""Sentences of break-glass events."""

from __future__ import annotations

from audit.recording import action_registry
from audit.recording.sentences import PublicEvent, person, shown

_LOCKED = frozenset({"locked", "rate_limited"})


def used(event: PublicEvent) -> str:
    """Who came in without the issuer, or was refused."""
    name = shown((event.get("target") or {}).get("name")) or "somebody"
    if event.get("outcome") == "success":
        return f"{person(event.get('actor'), name)} came in without the issuer"
    refused = shown((event.get("data") or {}).get("code")) in _LOCKED
    how = "was kept out of" if refused else "failed to come in by"
    return f"Someone {how} break-glass as {name}"


action_registry.reword("breakglass.used", used)
