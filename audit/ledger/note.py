"""Sign and verify notes (C2SP signed-note v1) with Ed25519 keys (type 0x01).

Timestamped witness signatures (type 0x04) are in `cosignature`, ML-DSA-44 signatures over
checkpoints (type 0x06) in `mldsa`; both are verified here too.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from . import mldsa
from .format.signed_note_text import (
    COSIGNATURE_ED25519,
    COSIGNATURE_MLDSA44,
    ED25519,
    MAX_NOTE_BYTES,
    Note,
    NoteError,
    Signature,
    VerifierKey,
    add_signature,
    check_name,
    check_text,
    decode_base64,
    key_id,
    parse,
    parse_signature,
    parse_vkey,
    vkey,
)

__all__ = [
    "COSIGNATURE_ED25519", "COSIGNATURE_MLDSA44", "ED25519", "MAX_NOTE_BYTES", "SEED_SIZE", "Note",
    "NoteError", "Signature", "SigningKey", "VerifierKey", "add_signature", "check_name",
    "check_signature", "cosigned_message", "decode_base64", "key_id", "new_key", "parse",
    "parse_signature", "parse_vkey", "public_key", "sign", "verify", "vkey",
]  # fmt: skip

SEED_SIZE: Final = 32


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A fresh Ed25519 key pair: the seed is the secret."""

    name: str
    seed: bytes
    public_key: bytes

    @property
    def vkey(self) -> str:
        """The text to hand to verifiers."""
        return vkey(self.name, self.public_key)

    def __repr__(self) -> str:
        return f"SigningKey({self.vkey})"


def new_key(name: str) -> SigningKey:
    """Make a key pair.

    Raises:
        NoteError: the name is empty or holds a space or a plus.
    """
    check_name(name)
    seed = secrets.token_bytes(SEED_SIZE)
    return SigningKey(name, seed, public_key(seed))


def public_key(seed: bytes) -> bytes:
    """Return the 32-byte Ed25519 public key of a 32-byte seed.

    Raises:
        NoteError: the seed has another length.
    """
    return _private(seed).public_key().public_bytes_raw()


def sign(text: str, name: str, seed: bytes) -> str:
    """Return the whole signed note: text, blank line, one Ed25519 signature line.

    Args:
        text: ends in a newline; no control characters besides newlines.
        name: key name; for a log, its origin.
        seed: 32 bytes.

    Raises:
        NoteError: text, name or seed is not as above.
    """
    check_text(text)
    check_name(name)
    private = _private(seed)
    identity = key_id(name, private.public_key().public_bytes_raw())
    return str(Note(text, (Signature(name, identity, private.sign(text.encode())),)))


def verify(note: str | bytes | Note, vkeys: Iterable[str | VerifierKey]) -> list[str]:
    """Return the names of the trusted keys whose signatures verify, in the note's order.

    Signatures by unknown keys are ignored, as the specification demands.

    Args:
        note: the signed note.
        vkeys: the verifier's own trusted keys, never ones the note brought.

    Raises:
        NoteError: malformed note or key; a trusted key's signature fails; none of them signed.
    """
    if isinstance(vkeys, str):
        raise NoteError("give the trusted keys as a list, even when there is one")
    parsed = note if isinstance(note, Note) else parse(note)
    keys = [parse_vkey(key) if isinstance(key, str) else key for key in vkeys]
    known = {(key.name, key.key_id): key for key in keys}
    verified: dict[tuple[str, bytes], str] = {}
    for signature in parsed.signatures:
        identity = (signature.name, signature.key_id)
        key = known.get(identity)
        if key is None or identity in verified:
            continue
        check_signature(parsed.text, signature, key)
        verified[identity] = signature.name
    if not verified:
        raise NoteError("no trusted key has signed this note")
    return list(verified.values())


def check_signature(text: str, signature: Signature, key: VerifierKey) -> int | None:
    """Verify one signature; return its time (POSIX seconds) for a cosignature, else None.

    Raises:
        NoteError: it does not verify.
    """
    if key.key_type == COSIGNATURE_MLDSA44:
        return mldsa.check(text, signature, key)
    moment: int | None = None
    value, message = signature.value, text.encode()
    if key.key_type == COSIGNATURE_ED25519:
        moment, value = int.from_bytes(value[:8]), value[8:]
        message = cosigned_message(moment, text)
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(value, message)
    except (InvalidSignature, ValueError):
        raise NoteError(f"the signature of {key.name} does not verify") from None
    return moment


def cosigned_message(moment: int, text: str) -> bytes:
    """Return what a type 0x04 cosignature signs (C2SP tlog-cosignature)."""
    return f"cosignature/v1\ntime {moment}\n{text}".encode()


def _private(seed: bytes) -> Ed25519PrivateKey:
    if len(seed) != SEED_SIZE:
        raise NoteError(f"a seed has {SEED_SIZE} bytes, not {len(seed)}")
    return Ed25519PrivateKey.from_private_bytes(seed)
