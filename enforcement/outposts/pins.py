"""What an outpost pins at enrolment: which portal, which log keys, which issuer it will believe."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from django.conf import settings

from audit.keys import keyring, log_identity
from audit.ledger.format.canonical import canonical

_PREFIX: Final = b"ata.outpost.pins.v1\n"


def current() -> dict[str, Any]:
    """The pins of an outpost that is enrolled now."""
    return {
        "portal": settings.ENV.portal_url,
        "origin": log_identity.origin(),
        "vkeys": keyring.vkeys(),
        "issuer": settings.ENV.issuer,
    }


def digest(pins: dict[str, Any]) -> str:
    """Hex SHA-256 of pins, which a person compares at both ends."""
    return hashlib.sha256(_PREFIX + canonical(pins)).hexdigest()
