"""Signed tokens before their claims mean anything: form, algorithm, signature, types, times.

RFC 7515, RFC 7519, and the advice of RFC 8725: the algorithm is ours to choose (RS256), keys come
from the issuer's published set only, and no header may bring its own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from auth0_client.errors import TokenRefused
from http_client.json_fields import parse_json
from http_client.redaction import printable

ALGORITHM: Final = "RS256"
LONGEST_TOKEN: Final = 64_000
LATEST_TIME: Final = 253_402_214_400  # the last day of the year 9999: calendars end there
_PART: Final = re.compile(r"[A-Za-z0-9_-]+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_OWN_KEY_HEADERS: Final = ("jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc")
_REGISTRY: Final = jws.JWSRegistry(algorithms=[ALGORITHM], strict_check_header=False)


class KeySource(Protocol):
    """Anything that finds an issuer's key by id; raises TokenRefused ``unknown_key``."""

    def find(self, kid: str | None) -> RSAKey:
        """The public key called ``kid``."""


@dataclass(frozen=True, slots=True, repr=False)
class Claims:
    """The claims of a token whose signature held; every reader checks the type it returns."""

    values: Mapping[str, object]
    kid: str | None

    def __repr__(self) -> str:
        return f"Claims({sorted(self.values)})"

    def text(self, name: str, *, limit: int = 2048) -> str:
        """A required, non-empty string."""
        value = self.optional_text(name, limit=limit)
        if not value:
            raise TokenRefused("missing_claim", f"{name} is missing or empty")
        return value

    def optional_text(self, name: str, *, limit: int = 2048) -> str | None:
        """A string without control characters, or None where absent or null."""
        value = self._text(name, limit)
        if value is not None and _CONTROL.search(value):
            raise TokenRefused("bad_claim", f"{name} must not hold control characters")
        return value

    def display_text(self, name: str, *, limit: int = 2048) -> str | None:
        """A string that is only shown: on one line, what cannot be printed left out."""
        value = self._text(name, limit)
        return None if value is None else printable(value, limit)

    def _text(self, name: str, limit: int) -> str | None:
        value = self.values.get(name)
        if value is not None and (not isinstance(value, str) or len(value) > limit):
            raise TokenRefused("bad_claim", f"{name} must be text of at most {limit} characters")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings; empty where absent or null. A lone string is not a list."""
        value = self.values.get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise TokenRefused("bad_claim", f"{name} must be a list of strings")
        if any(_CONTROL.search(item) for item in value):
            raise TokenRefused("bad_claim", f"{name} must not hold control characters")
        return tuple(value)

    def words(self, name: str) -> frozenset[str]:
        """A space-separated string as a set (``scope``); empty where absent."""
        return frozenset((self.optional_text(name, limit=16_384) or "").split())

    def time(self, name: str) -> float:
        """A required NumericDate (RFC 7519 section 2), in epoch seconds."""
        value = self.optional_time(name)
        if value is None:
            raise TokenRefused("missing_claim", f"{name} is missing")
        return value

    def optional_time(self, name: str) -> float | None:
        """A NumericDate, or None where absent or null."""
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TokenRefused("bad_claim", f"{name} must be a number of seconds")
        if not 0 <= value < LATEST_TIME:
            raise TokenRefused("bad_claim", f"{name} is not a time")
        return float(value)

    def audience(self) -> tuple[str, ...]:
        """``aud``, which may be one string or a list of them; never empty."""
        value = self.values.get("aud")
        found = (value,) if isinstance(value, str) else self.texts("aud")
        if not found or not all(found):
            raise TokenRefused("missing_claim", "aud is missing or empty")
        return found

    def check_issuer(self, issuer: str) -> None:
        """``iss`` is exactly ``issuer``, character by character."""
        if self.text("iss") != issuer:
            raise TokenRefused("issuer", "the token is from another issuer")

    def check_times(self, now: float, leeway: float) -> None:
        """Unexpired, issued in the past, already valid; ``leeway`` seconds either way."""
        if self.time("exp") <= now - leeway:
            raise TokenRefused("expired", "the token has expired")
        if self.time("iat") > now + leeway:
            raise TokenRefused("issued_in_future", "the token was issued in the future")
        begins = self.optional_time("nbf")
        if begins is not None and begins > now + leeway:
            raise TokenRefused("not_yet_valid", "the token is not valid yet")


def open_token(token: str, keys: KeySource, *, types: frozenset[str]) -> Claims:
    """Check form, header and signature of a compact JWS and return its claims.

    ``types`` are the accepted ``typ`` values in lower case; "" admits a token without one.

    Raises:
        TokenRefused: anything but a well-formed RS256 token signed by a published key.
    """
    return _opened(token, keys, types)[0]


def _opened(token: str, keys: KeySource, types: frozenset[str]) -> tuple[Claims, RSAKey]:
    """The claims, and the key that the signature was checked with."""
    header = read_header(token)
    algorithm = header.get("alg")
    if algorithm != ALGORITHM:
        raise TokenRefused("algorithm", f"only {ALGORITHM} is accepted")
    brought = [name for name in _OWN_KEY_HEADERS if name in header]
    if brought:
        raise TokenRefused("header", f"the header parameter {brought[0]} is not accepted")
    kid = header.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise TokenRefused("header", "kid must be text")
    _check_type(header.get("typ", ""), types)
    key = keys.find(kid)
    try:
        opened = jws.deserialize_compact(token, key, registry=_REGISTRY)
    except (JoseError, ValueError, TypeError):
        raise TokenRefused("signature", "the signature does not verify") from None
    return Claims(read_object(opened.payload, "the payload"), kid), key


class Opened:
    """Tokens that were opened a moment ago: who shows one again is not made to wait for its proof.

    Keeps a token's digest, never the token. A claim holds for as long as the issuer publishes the
    very key that its signature was checked with; times, audience and all else are checked again by
    each reader of the claims. Thread-safe.
    """

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._known: dict[bytes, tuple[RSAKey, Claims]] = {}

    def open(self, token: str, keys: KeySource, *, types: frozenset[str]) -> Claims:
        """As `open_token`; ``types`` are the same in every call.

        Raises:
            TokenRefused: as `open_token`.
        """
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        known = self._known.get(digest)
        if known is not None and keys.find(known[1].kid) is known[0]:
            return known[1]
        claims, key = _opened(token, keys, types)
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[digest] = (key, claims)
        return claims


def read_header(token: object) -> dict[str, object]:
    """The header of a compact JWS; its signature is not verified yet.

    Raises:
        TokenRefused: ``malformed`` or ``encrypted``.
    """
    if not isinstance(token, str) or not 0 < len(token) <= LONGEST_TOKEN:
        raise TokenRefused("malformed", "not a token of acceptable size")
    parts = token.split(".")
    if len(parts) == 5:
        raise TokenRefused("encrypted", "encrypted tokens are not accepted")
    if len(parts) != 3 or not _PART.fullmatch(parts[0]) or not _PART.fullmatch(parts[1]):
        raise TokenRefused("malformed", "not a compact signed token")
    if parts[2] and not _PART.fullmatch(parts[2]):
        raise TokenRefused("malformed", "not a compact signed token")
    try:
        raw = base64.urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4))
    except binascii.Error:
        raise TokenRefused("malformed", "the header is not base64url") from None
    return read_object(raw, "the header")


def read_object(raw: bytes, what: str) -> dict[str, object]:
    """The JSON object in ``raw``, which messages call ``what``.

    Raises:
        TokenRefused: ``malformed``.
    """
    try:
        value = parse_json(raw)
    except ValueError as problem:
        raise TokenRefused("malformed", f"{what} {problem}") from None
    if not isinstance(value, dict):
        raise TokenRefused("malformed", f"{what} is not a JSON object")
    return value


def _check_type(typ: object, types: frozenset[str]) -> None:
    named = typ.lower().removeprefix("application/") if isinstance(typ, str) else None
    if named not in types:
        raise TokenRefused("type", "the token is of another kind than is accepted here")
