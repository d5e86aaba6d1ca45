"""What a browser carries through an authorization: state, nonce and PKCE verifier, no token.

A few flows may run side by side (two tabs); each is spent by the callback that names its state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from django.http import HttpRequest

from approvals import clock

TOKEN_FLOWS = "connections_token_flows"  # noqa: S105 - the name of a session key
CONNECT_FLOWS = "connections_connect_flows"
_MOST = 5
_LIVES_S = 900


@dataclass(frozen=True, slots=True)
class TokenFlow:
    """An authorization request for a My Account token that is under way."""

    purpose: Literal["connect", "finish"]
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    silent: bool
    connection: str = ""
    component: str = ""
    label: str = ""
    replaces: str = ""
    account_id: str = ""


def keep(request: HttpRequest, key: str, state: str, value: dict[str, Any]) -> None:
    """Keep what a flow of this state is for until its callback."""
    now = clock.now().timestamp()
    kept: dict[str, Any] = request.session.get(key, {})
    fresh = {s: v for s, v in kept.items() if v["at"] > now - _LIVES_S}
    newest = dict(sorted(fresh.items(), key=lambda item: item[1]["at"])[-(_MOST - 1) :])
    request.session[key] = newest | {state: value | {"at": now}}


def take(request: HttpRequest, key: str, state: str) -> dict[str, Any] | None:
    """What this browser was sent away for with this state, once; None when it was not."""
    kept: dict[str, Any] = dict(request.session.get(key, {}))
    found: dict[str, Any] | None = kept.pop(state, None)
    if found is None:
        return None
    request.session[key] = kept
    if found.pop("at") < clock.now().timestamp() - _LIVES_S:
        return None
    return found
