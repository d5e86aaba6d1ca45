"""A token answer (RFC 6749 section 5.1), typed, with a repr that shows none of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from auth0_client.errors import TokenRefused
from auth0_client.rich import read_authorization_details
from outbound.shape import Fields


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a grant brought. ``expires_in`` is seconds from the answer; None if not said.

    ``scope`` is empty where the tenant did not repeat it, which means: as asked for.
    ``authorization_details`` is an unsigned echo; only the claim in the token proves anything.
    """

    access_token: str = field(repr=False)
    token_type: str
    expires_in: int | None
    scope: frozenset[str]
    id_token: str | None = field(repr=False, default=None)
    refresh_token: str | None = field(repr=False, default=None)
    authorization_details: tuple[Mapping[str, object], ...] = field(repr=False, default=())


def read_tokens(found: Fields) -> Tokens:
    """Type a successful token answer.

    Raises:
        BadAnswer: naming the first field that is missing or of the wrong type.
    """
    kind = found.text("token_type", limit=32)
    if kind.lower() not in ("bearer", "dpop"):
        raise found.bad("token_type", "must be Bearer or DPoP")
    try:
        details = read_authorization_details(found.values.get("authorization_details"))
    except TokenRefused as problem:
        raise found.bad("authorization_details", problem.detail) from None
    return Tokens(
        access_token=found.text("access_token", limit=64_000),
        token_type=kind,
        expires_in=found.optional_integer("expires_in"),
        scope=frozenset((found.optional_text("scope") or "").split()),
        id_token=found.optional_text("id_token", limit=64_000),
        refresh_token=found.optional_text("refresh_token", limit=64_000),
        authorization_details=details,
    )
