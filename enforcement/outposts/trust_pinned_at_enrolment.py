"""What an outpost pins at enrolment: whom it will believe, and whose approvals count there.

Nothing that the portal sends later changes them. So an attacker who takes over the portal, its
database or the keys of its log cannot make an outpost relax anything (DESIGN 1.8).
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from django.conf import settings

from approvals.auth0_clients import published_keys
from approvals.passkeys import queries, recorded_enrolments, relying_party
from approvals.people_and_roles import with_roles
from audit.keys import keyring, log_identity, outpost_command_key
from audit.ledger import checkpoint as checkpoints
from audit.ledger.format.canonical import canonical
from audit.ledger.note import NoteError
from audit.sequencing import signed_state
from enforcement.outposts.device_id_and_signature import b64url

_PREFIX: Final = b"ata.outpost.pins.v2\n"
_KEY_FIELDS: Final[tuple[str, ...]] = ("alg", "e", "kid", "kty", "n", "use")
_DECIDING: Final = frozenset({"operator", "admin"})


def current() -> dict[str, Any]:
    """The pins of an outpost that is enrolled now."""
    return {
        "portal": settings.ENV.portal_url,
        "origin": log_identity.origin(),
        "vkeys": keyring.vkeys(),
        "issuer": settings.ENV.issuer,
        "audience": settings.ENV.AUTH0_APPROVAL_AUDIENCE,
        "hold_key": outpost_command_key.public_key(),
        "issuer_keys": {"keys": _issuer_keys()},
        "approvers": _approvers(),
        "passkeys": _passkeys(),
        "rp_id": relying_party.rp_id(),
        "web_origin": relying_party.origin(),
    }


def digest(pins: dict[str, Any]) -> str:
    """Hex SHA-256 of pins, which a person compares at both ends."""
    return hashlib.sha256(_PREFIX + canonical(pins)).hexdigest()


def checkpoint(pins: dict[str, Any]) -> str | None:
    """The newest checkpoint, where the pinned log signed it: from there on it may only grow."""
    newest = signed_state.newest_checkpoint()
    if newest is None:
        return None
    try:
        head = checkpoints.verify(newest.note, pins["vkeys"])
    except NoteError:
        return None
    return newest.note if head.origin == pins["origin"] else None


def _issuer_keys() -> list[dict[str, str]]:
    """The issuer's RSA keys as it publishes them now; without them only passkeys count there."""
    listed = [
        {name: str(key[name]) for name in _KEY_FIELDS if name in key} for key in published_keys()
    ]
    return sorted(
        (key for key in listed if key.get("kty") == "RSA" and key.get("use", "sig") == "sig"),
        key=lambda key: (key.get("kid", ""), key.get("n", "")),
    )


def _approvers() -> list[dict[str, str]]:
    """Who may decide now: an approval token of anybody else does not count there."""
    deciding = (one for one in with_roles() if _DECIDING & set(one.roles))
    return sorted(
        ({"iss": one.iss, "sub": one.sub} for one in deciding),
        key=lambda one: (one["iss"], one["sub"]),
    )


def _passkeys() -> list[dict[str, Any]]:
    """Passkeys of people who decide, that are not revoked and sign for this web origin.

    The log has to have their enrolment. `approver`: a second person confirmed it. Without, it
    counts for what its owner asked for.
    """
    keys = queries.everybody().filter(revoked_at=None, rp_id=relying_party.rp_id())
    deciding = {(one["iss"], one["sub"]) for one in _approvers()}
    counting = recorded_enrolments.counting(keys)
    return [
        {
            "id": key.credential_id,
            "public_key": b64url(bytes(key.public_key)),
            "iss": key.person.iss,
            "sub": key.person.sub,
            "approver": counting[key.handle],
        }
        for key in keys
        if key.handle in counting
        and relying_party.origin() in key.origins
        and (key.person.iss, key.person.sub) in deciding
    ]
