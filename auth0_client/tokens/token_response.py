"""A token answer (RFC 6749 section 5.1), typed, with a repr that shows none of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from auth0_client.errors import TokenRefused
from auth0_client.grants.authorization_details_parsing import read_authorization_details
from http_client.json_fields import Fields

_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+")


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
        access_token=_sendable(found, "access_token") or found.text("access_token"),
        token_type=kind,
        expires_in=found.optional_integer("expires_in"),
        scope=frozenset((found.optional_text("scope") or "").split()),
        id_token=found.optional_text("id_token", limit=64_000),
        refresh_token=_sendable(found, "refresh_token"),
        authorization_details=details,
    )


def _sendable(found: Fields, name: str) -> str | None:
    """A token that a header can carry (RFC 6750 section 2.1, and what else prints)."""
    token = found.optional_text(name, limit=64_000)
    if token and not _PRINTABLE.fullmatch(token):
        raise found.bad(name, "holds characters that no token has")
    return token
