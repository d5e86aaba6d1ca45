"""Consents and refresh tokens in the Auth-IBOM: what lets an application act as somebody without
any connected account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from approvals.clock import stamp
from connections.auth_ibom.inventory_records import Access

# In the words of CycloneDX, as `document.STATES`.
STATES: Final = {"live": "active", "revoking": "deactivated", "gone": "destroyed"}
WORDS: Final = {"grant": "consent", "refresh_token": "refresh token"}


def ref_of(access: Access) -> str:
    """What the document calls it."""
    return f"access:{access.id}"


def api_ref(audience: str) -> str:
    """What the document calls an API of the tenant."""
    return f"api:{audience}"


def component(access: Access, evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The credential; never a token's value, which Auth0 does not list.

    Args:
        evidence: the references to its newest entry, if there is one.
    """
    material: dict[str, Any] = {
        "type": "token",
        "id": access.auth0_id,
        "state": STATES[access.state],
        "updateDate": stamp(access.state_since),
        "securedBy": {"mechanism": "Auth0"},
    }
    if access.created_at is not None:
        material["creationDate"] = stamp(access.created_at)
    if access.expires_at is not None:
        material["expirationDate"] = stamp(access.expires_at)
    return {
        "type": "cryptographic-asset",
        "bom-ref": ref_of(access),
        "name": f"{WORDS[access.kind]} of {access.client_name or access.client_id}",
        "cryptoProperties": {
            "assetType": "related-crypto-material",
            "relatedCryptoMaterialProperties": material,
        },
        "properties": [
            {"name": f"ata:{name}", "value": value} for name, value in _properties(access)
        ],
        **evidence,
    }


def _properties(access: Access) -> Iterator[tuple[str, str]]:
    yield "kind", access.kind
    yield "application", access.client_id
    yield "owner.iss", access.iss
    yield "owner.sub", access.sub
    if access.email:
        yield "owner.email", access.email
    for audience in access.audiences:
        yield "audience", audience
    for scope in access.scopes:
        yield "scope", scope
    yield "state", access.state
    yield "first_seen", stamp(access.first_seen)
    if access.last_used_at is not None:
        yield "last_used_at", stamp(access.last_used_at)
    elif not access.use_known:
        yield "use", "the log does not tell"
    elif access.kind == "refresh_token":
        yield "use", f"not exchanged, as Auth0 said at {stamp(access.seen_at)}"
    else:
        yield "use", "Auth0 does not say"


def service(audience: str) -> dict[str, Any]:
    """An API of the tenant that such a credential opens."""
    return {
        "bom-ref": api_ref(audience),
        "name": audience,
        "authenticated": True,
        "properties": [{"name": "ata:audience", "value": audience}],
    }
