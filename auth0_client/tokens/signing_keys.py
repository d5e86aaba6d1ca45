"""The tenant's signing keys, kept as they were published (RFC 7517)."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from joserfc.jwk import RSAKey

from auth0_client.cache import Cached, Clock, Lifetimes
from auth0_client.discovery import Discovery
from auth0_client.error_mapping import call, failure_of
from auth0_client.errors import TokenRefused
from http_client.client import HttpClient
from http_client.errors import BadAnswer
from http_client.json_fields import Fields

SHORTEST_MODULUS: Final = 2048
_MOST_KEYS: Final = 50


@dataclass(frozen=True, slots=True)
class KeySnapshot:
    """One published key set: the exact bytes, where and when, and the keys we can use from it."""

    url: str
    fetched_at: float
    raw: bytes = field(repr=False)
    keys: tuple[tuple[str | None, RSAKey], ...] = field(repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 of ``raw``, in hex: the name of this snapshot as evidence."""
        return hashlib.sha256(self.raw).hexdigest()

    def as_json(self) -> dict[str, object]:
        """The set as published, parsed again from ``raw``."""
        parsed: dict[str, object] = json.loads(self.raw)
        return parsed

    def find(self, kid: str | None) -> RSAKey | None:
        """The key called ``kid``; without a kid, the only key there is (OIDC Core 10.1)."""
        if kid is None:
            return self.keys[0][1] if len(self.keys) == 1 else None
        return next((key for name, key in self.keys if name == kid), None)


@dataclass(frozen=True, slots=True)
class KeysNow:
    """A key set that looks for every unknown key at once: see ``SigningKeys.find_now``."""

    keys: SigningKeys

    def find(self, kid: str | None) -> RSAKey:
        """The key called ``kid``; raises as ``SigningKeys.find_now``."""
        return self.keys.find_now(kid)


class SigningKeys:
    """The current key set, refetched when stale and when a token names a key we do not know.

    ``miss_floor`` is the shortest time in seconds between two fetches caused by unknown keys, so
    that invented key ids cannot make us hammer the tenant.
    """

    def __init__(
        self,
        discovery: Discovery,
        outbound: HttpClient,
        clock: Clock,
        *,
        lifetimes: Lifetimes | None = None,
        miss_floor: float = 60.0,
    ) -> None:
        self._discovery = discovery
        self._outbound = outbound
        self._clock = clock
        self._miss_floor = miss_floor
        self._cached = Cached("signing keys", self._fetch, lifetimes or Lifetimes(), clock)

    def snapshot(self) -> KeySnapshot:
        """The key set in use, with its raw bytes for the evidence store."""
        return self._cached.get()

    def find(self, kid: str | None) -> RSAKey:
        """The RS256 key for ``kid``.

        Raises:
            TokenRefused: ``unknown_key``, also after asking the tenant again.
            Unavailable, HttpClientError: no key set can be had.
        """
        return self._found(kid, self._miss_floor)

    def find_now(self, kid: str | None) -> RSAKey:
        """As ``find``, but look again for an unknown key however lately somebody looked.

        For answers that the issuer gives once, on a line of our own: nobody else can name a key
        there, and what cannot be judged now is lost.

        Raises:
            TokenRefused, Unavailable, HttpClientError: as ``find``.
        """
        return self._found(kid, 0.0)

    def _found(self, kid: str | None, floor: float) -> RSAKey:
        key = self.snapshot().find(kid) or self._cached.get_newer(floor).find(kid)
        if key is None:
            raise TokenRefused("unknown_key", "the issuer publishes no such signing key")
        return key

    def _fetch(self) -> KeySnapshot:
        url = self._discovery.document().jwks_uri
        answer = call("jwks", lambda: self._outbound.get(url, operation="jwks"))
        if not answer.ok:
            raise failure_of(answer)
        return KeySnapshot(url, self._clock(), answer.body, read_keys(answer.fields()))


def read_keys(found: Fields) -> tuple[tuple[str | None, RSAKey], ...]:
    """The RSA signing keys of a JWK set; keys of other kinds are passed over.

    Raises:
        BadAnswer: not a key set, or none of its keys can verify RS256.
    """
    usable = [
        (entry.optional_text("kid", limit=512), key)
        for entry in found.objects("keys")[:_MOST_KEYS]
        if (key := _rsa(entry)) is not None
    ]
    if not usable:
        raise BadAnswer(found.operation, found.host, "holds no RS256 key", field="keys")
    return tuple(usable)


def _rsa(entry: Fields) -> RSAKey | None:
    values = entry.values
    if values.get("kty") != "RSA" or values.get("use", "sig") != "sig":
        return None
    if values.get("alg", "RS256") != "RS256":
        return None
    try:
        modulus = _integer(entry.text("n", limit=4096))
        public = RSAPublicNumbers(_integer(entry.text("e", limit=64)), modulus).public_key()
    except (ValueError, BadAnswer):
        return None
    return RSAKey.import_key(public) if public.key_size >= SHORTEST_MODULUS else None


def _integer(text: str) -> int:
    """Base64urlUInt (RFC 7518 section 2)."""
    padded = text + "=" * (-len(text) % 4)
    return int.from_bytes(base64.b64decode(padded, altchars=b"-_", validate=True))
