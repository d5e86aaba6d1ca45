"""What needs no credentials: discovery, signing keys, endpoints (OpenID Connect Discovery 1.0)."""

from __future__ import annotations

from auth0_client.discovery import ProviderDocument
from auth0_client.errors import FAILURES, IssuerMismatch
from auth0_client.tenant_facade import Auth0
from portal.ops.auth0_checks.check_result import Finding, bad, ok, warn

_DOMAIN = "AUTH0_ISSUER; dashboard: Applications → Portal → Settings → Domain"


def discovery(auth0: Auth0) -> tuple[ProviderDocument | None, Finding]:
    """The document, or None and why there is none."""
    configured = auth0.tenant.issuer
    try:
        document = auth0.discovery.document()
    except IssuerMismatch as error:
        return None, bad("discovery", f"{configured} answers, but {error.detail}", _DOMAIN)
    except FAILURES as error:
        return None, bad("discovery", f"{configured} cannot be read: {error}", _DOMAIN)
    if document.issuer != configured:
        detail = f"configured {configured}, tokens say {document.issuer}; only the slash differs"
        return document, warn("discovery", detail, _DOMAIN)
    return document, ok("discovery", document.issuer)


def signing_keys(auth0: Auth0) -> Finding:
    """There is a key that verifies RS256."""
    try:
        count = len(auth0.keys.snapshot().keys)
    except FAILURES as error:
        return bad("signing keys", str(error), "dashboard: Settings → Signing Keys")
    return ok("signing keys", f"RS256 keys: {count}")


def endpoints(document: ProviderDocument) -> list[Finding]:
    """The optional endpoints this portal and its command line use."""
    advanced = "dashboard: Settings → Advanced"
    found = [
        _endpoint(document, "device_authorization_endpoint", advanced),
        _endpoint(
            document,
            "backchannel_authentication_endpoint",
            "CIBA depends on the Auth0 plan; dashboard: Settings → Subscription",
        ),
        _endpoint(document, "revocation_endpoint", advanced),
    ]
    if document.end_session_endpoint is None:
        found.append(
            warn(
                "end_session_endpoint",
                "not published: signing out ends the portal's session, not the tenant's",
                "dashboard: Settings → Advanced → RP-Initiated Logout Discovery",
            )
        )
    else:
        found.append(ok("end_session_endpoint", document.end_session_endpoint))
    return found


def _endpoint(document: ProviderDocument, name: str, fix: str) -> Finding:
    url: str | None = getattr(document, name)
    return ok(name, url) if url else bad(name, "discovery does not name it", fix)
