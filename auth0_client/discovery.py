"""The tenant's discovery document: the only source of its OAuth and OpenID endpoints.

OpenID Connect Discovery 1.0 sections 3 and 4; RFC 8414; CIBA Core 1.0 section 4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from auth0_client.cache import Cached, Clock, Lifetimes
from auth0_client.error_mapping import call, failure_of
from auth0_client.errors import IssuerMismatch, NotOffered
from http_client.client import HttpClient
from http_client.json_fields import Fields

_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+")  # RFC 3986 section 2
_PATH: Final = ".well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class ProviderDocument:
    """What discovery said, at ``fetched_at`` (epoch seconds); optional endpoints may be None."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    device_authorization_endpoint: str | None
    backchannel_authentication_endpoint: str | None
    revocation_endpoint: str | None
    end_session_endpoint: str | None
    auth_methods: tuple[str, ...]
    fetched_at: float
    raw: bytes = field(repr=False)

    def age(self, now: float) -> float:
        """Seconds since this was fetched."""
        return max(0.0, now - self.fetched_at)

    def endpoint(self, name: str) -> str:
        """The URL of ``name`` (as in the document); raises NotOffered if it is not there."""
        url = getattr(self, name)
        if url is None:
            raise NotOffered("discovery", "not_offered", name)
        return str(url)


class Discovery:
    """The tenant's discovery document, cached and checked against the configured issuer."""

    def __init__(
        self,
        issuer: str,
        outbound: HttpClient,
        clock: Clock,
        lifetimes: Lifetimes | None = None,
    ) -> None:
        self._issuer = issuer
        self._outbound = outbound
        self._clock = clock
        self._cached = Cached("discovery", self._fetch, lifetimes or Lifetimes(), clock)

    def document(self) -> ProviderDocument:
        """The current document; an older one, with its age, while the tenant is unreachable.

        Raises:
            IssuerMismatch: the document belongs to another issuer.
            Unavailable, HttpClientError: nothing held and nothing to be had.
        """
        return self._cached.get()

    def _fetch(self) -> ProviderDocument:
        url = f"{self._issuer.rstrip('/')}/{_PATH}"
        answer = call("discovery", lambda: self._outbound.get(url, operation="discovery"))
        if not answer.ok:
            raise failure_of(answer)
        return read_document(answer.fields(), self._issuer, self._clock(), answer.body)


def read_document(found: Fields, configured: str, now: float, raw: bytes) -> ProviderDocument:
    """Check a discovery document against the ``configured`` issuer and type its members."""
    issuer = found.text("issuer", limit=2048)
    if issuer.rstrip("/") != configured.rstrip("/"):
        raise IssuerMismatch("discovery", "issuer_mismatch", f"the document is for {issuer[:200]}")
    secure = urlsplit(issuer).scheme == "https"
    methods = found.texts("token_endpoint_auth_methods_supported", limit=64)
    return ProviderDocument(
        issuer=issuer,
        authorization_endpoint=_required(found, "authorization_endpoint", secure),
        token_endpoint=_required(found, "token_endpoint", secure),
        jwks_uri=_required(found, "jwks_uri", secure),
        userinfo_endpoint=_optional(found, "userinfo_endpoint", secure),
        device_authorization_endpoint=_optional(found, "device_authorization_endpoint", secure),
        backchannel_authentication_endpoint=_optional(
            found, "backchannel_authentication_endpoint", secure
        ),
        revocation_endpoint=_optional(found, "revocation_endpoint", secure),
        end_session_endpoint=_optional(found, "end_session_endpoint", secure),
        auth_methods=methods or ("client_secret_basic",),
        fetched_at=now,
        raw=raw,
    )


def _required(found: Fields, name: str, secure: bool) -> str:
    found.text(name, limit=2048)
    url = _optional(found, name, secure)
    assert url is not None
    return url


def _optional(found: Fields, name: str, secure: bool) -> str | None:
    url = found.optional_text(name, limit=2048)
    if url is None:
        return None
    if not _PRINTABLE.fullmatch(url):
        raise found.bad(name, "holds characters that no URL has")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise found.bad(name, "is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment:
        raise found.bad(name, "is not an absolute http or https URL")
    if secure and parts.scheme != "https":
        raise found.bad(name, "leaves https although the issuer uses it")
    return url
