"""What a browser carries through an authorization: state, nonce and PKCE verifier, no token.

A few flows may run side by side (two tabs); each is spent by the callback that names its state.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from django.http import HttpRequest

from approvals import clock

_TOKEN_FLOWS = "connections_token_flows"  # noqa: S105 - the name of a session key
_CONNECT_FLOWS = "connections_connect_flows"
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


def remember(request: HttpRequest, state: str, flow: TokenFlow) -> None:
    """Keep a flow until its callback."""
    _keep(request, _TOKEN_FLOWS, state, asdict(flow))


def take(request: HttpRequest, state: str) -> TokenFlow | None:
    """The flow of this state, once."""
    found = _take(request, _TOKEN_FLOWS, state)
    return TokenFlow(**found) if found else None


def expect_return(request: HttpRequest, state: str, account_id: str, connection: str) -> None:
    """This browser was sent to a provider and should come back with this state."""
    _keep(request, _CONNECT_FLOWS, state, {"account_id": account_id, "connection": connection})


def take_return(request: HttpRequest, state: str) -> dict[str, str] | None:
    """What this browser was sent away for, once; None when it was not."""
    return _take(request, _CONNECT_FLOWS, state)


def _keep(request: HttpRequest, key: str, state: str, value: dict[str, Any]) -> None:
    now = clock.now().timestamp()
    kept: dict[str, Any] = request.session.get(key, {})
    fresh = {s: v for s, v in kept.items() if v["at"] > now - _LIVES_S}
    newest = dict(sorted(fresh.items(), key=lambda item: item[1]["at"])[-(_MOST - 1) :])
    request.session[key] = newest | {state: value | {"at": now}}


def _take(request: HttpRequest, key: str, state: str) -> dict[str, Any] | None:
    kept: dict[str, Any] = dict(request.session.get(key, {}))
    found: dict[str, Any] | None = kept.pop(state, None)
    if found is None:
        return None
    request.session[key] = kept
    if found.pop("at") < clock.now().timestamp() - _LIVES_S:
        return None
    return found
