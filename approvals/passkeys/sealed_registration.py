"""A checked registration, sealed until the decision `passkey.enrol` makes it a passkey.

The decision names only the seal, so a passkey can come from a ceremony in a browser of its owner
and from nowhere else, whichever endpoint the decision is requested at.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass
from datetime import timedelta

from approvals import clock
from approvals.passkeys import relying_party
from approvals.pipeline.intent import digest
from approvals.step_up import sealed_secrets
from audit.recording.actors import Actor
from audit.recording.record import record

_BOX = "passkey"
_KEPT_FOR = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Registered:
    """A credential that was checked.

    Attributes:
        credential_id: base64url without padding.
        public_key: SubjectPublicKeyInfo, DER.
        algorithm: its COSE number.
        attestation: `none` or `self`.
    """

    credential_id: str
    public_key: bytes
    algorithm: int
    transports: tuple[str, ...]
    backed_up: bool
    attestation: str
    sign_count: int


@dataclass(frozen=True, slots=True)
class Pending:
    """Whose ceremony it was, and what it registered."""

    iss: str
    sub: str
    registered: Registered


def seal(actor: Actor, registered: Registered) -> str:
    """Keep a registration for the decision that follows at once; returns its digest."""
    value = {"iss": actor.iss, "sub": actor.sub, "registered": _plain(registered)}
    handle = relying_party.handle_of(registered.credential_id)
    expires = clock.now() + _KEPT_FOR
    sealed_secrets.keep(_BOX, handle, json.dumps(value), expires=expires)
    return digest(value["registered"])


def opened(handle: str) -> Pending | None:
    """What was sealed under this handle; None when nothing was, or too long ago."""
    try:
        found = json.loads(sealed_secrets.read(_BOX, handle))
    except sealed_secrets.SecretGone:
        return None
    plain = found["registered"]
    public_key = b64decode(plain["public_key"])
    changed = {"public_key": public_key, "transports": tuple(plain["transports"])}
    return Pending(found["iss"], found["sub"], Registered(**{**plain, **changed}))


def forget(handle: str) -> None:
    """The seal is used up."""
    sealed_secrets.drop(_BOX, handle)


def digest_of(pending: Pending) -> str:
    """The digest that `seal` returned; an intent to enrol repeats it."""
    return digest(_plain(pending.registered))


def _plain(registered: Registered) -> dict[str, object]:
    plain = asdict(registered)
    plain["public_key"] = b64encode(registered.public_key).decode()
    plain["transports"] = list(registered.transports)
    return plain


def note_refused(actor: Actor, code: str, detail: str) -> None:
    """Somebody freshly signed in tried to enrol what cannot be enrolled."""
    record(
        actor,
        "passkey.refused",
        outcome="failure",
        data={"failure": code},
        private={"detail": detail},
    )
