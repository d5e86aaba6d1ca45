"""Timestamped cosignatures of witnesses (C2SP tlog-cosignature): Ed25519, type 0x04.

A cosignature says: at this time, this was the largest consistent tree I had seen of this log.
Those of witnesses with an ML-DSA-44 key (type 0x06, see `mldsa`) are verified here too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from . import note
from .note import (
    COSIGNATURE_ED25519,
    COSIGNATURE_MLDSA44,
    Note,
    NoteError,
    Signature,
    VerifierKey,
)

KEY_TYPES: Final = (COSIGNATURE_ED25519, COSIGNATURE_MLDSA44)


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A verified cosignature.

    Attributes:
        key: the witness's key, as the verifier was configured with it.
        time: when the witness signed, POSIX seconds, by the witness's clock.
    """

    key: VerifierKey
    time: int


def vkey(name: str, public_key: bytes) -> str:
    """Return a witness's verifier key (type 0x04)."""
    return note.vkey(name, public_key, COSIGNATURE_ED25519)


def sign(signed_checkpoint: str | Note, name: str, seed: bytes, time: int) -> str:
    """Return the signature line (newline included) that a witness adds to a checkpoint.

    Args:
        signed_checkpoint: the checkpoint as published; the caller has checked consistency.
        name: the witness's key name.
        seed: 32 bytes; a key used for nothing else, because the name is not signed.
        time: POSIX seconds.

    Raises:
        NoteError: malformed checkpoint, name, seed or time.
    """
    if not 0 < time < 2**63:
        raise NoteError(f"{time} is not a POSIX time")
    parsed = (
        signed_checkpoint if isinstance(signed_checkpoint, Note) else note.parse(signed_checkpoint)
    )
    note.check_name(name)
    identity = note.key_id(name, note.public_key(seed), COSIGNATURE_ED25519)
    message = note.cosigned_message(time, parsed.text)
    value = Ed25519PrivateKey.from_private_bytes(seed).sign(message)
    return Signature(name, identity, time.to_bytes(8) + value).line


def verify(
    signed_checkpoint: str | bytes | Note, vkeys: Iterable[str | VerifierKey]
) -> list[Cosignature]:
    """Return the valid cosignatures by the given witnesses; unknown signers are ignored.

    Raises:
        NoteError: malformed input, or the cosignature of a given witness does not verify.
    """
    parsed = (
        signed_checkpoint if isinstance(signed_checkpoint, Note) else note.parse(signed_checkpoint)
    )
    keys = [note.parse_vkey(key) if isinstance(key, str) else key for key in vkeys]
    known = {(k.name, k.key_id): k for k in keys if k.key_type in KEY_TYPES}
    verified: dict[tuple[str, bytes], Cosignature] = {}
    for signature in parsed.signatures:
        identity = (signature.name, signature.key_id)
        key = known.get(identity)
        if key is None or identity in verified:
            continue
        moment = note.check_signature(parsed.text, signature, key)
        if moment is None or not 0 < moment < 2**63:
            raise NoteError(f"the cosignature of {key.name} has no valid time")
        verified[identity] = Cosignature(key, moment)
    return list(verified.values())
