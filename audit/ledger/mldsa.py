"""ML-DSA-44 signatures over checkpoints (C2SP tlog-cosignature, type 0x06; FIPS 204).

What is signed is not the text of a note but a structure (RFC 8446 section 3) that names signer,
time, log, size and root. Such a signature is an 8-byte big-endian time before 2,420 bytes. Nothing
but a tree can be signed this way, so manifests and statements stay with Ed25519.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from .format import signed_note_text
from .format.checkpoint_text import parse
from .format.signed_note_text import COSIGNATURE_MLDSA44, Note, NoteError, Signature, VerifierKey

SEED_SIZE: Final = 32
PUBLIC_KEY_SIZE: Final = 1312
SIGNATURE_SIZE: Final = 2420

_LABEL: Final = b"subtree/v1\n\0"
_TIME_SIZE: Final = 8
_MAX_NAME: Final = 255  # opaque <1..2^8-1>


def public_key(seed: bytes) -> bytes:
    """The 1,312-byte public key of a 32-byte seed.

    Raises:
        NoteError: the seed has another length.
    """
    return _private(seed).public_key().public_bytes_raw()


def vkey(name: str, public_key: bytes) -> str:
    """The verifier key (type 0x06) to hand to others.

    Raises:
        NoteError: no key name, or a key of another length.
    """
    if len(public_key) != PUBLIC_KEY_SIZE:
        raise NoteError(f"an ML-DSA-44 key has {PUBLIC_KEY_SIZE:,} bytes, not {len(public_key)}")
    return signed_note_text.vkey(name, public_key, COSIGNATURE_MLDSA44)


def sign(checkpoint: str | Note, name: str, seed: bytes, time: int) -> str:
    """Return the signature line, newline included, for the whole tree of a checkpoint.

    Args:
        checkpoint: its text or the signed note; extension lines are not covered.
        name: key name; for a log, its origin.
        seed: 32 bytes.
        time: POSIX seconds: as of then it was the largest tree the signer knew; 0 says nothing.

    Raises:
        NoteError: malformed checkpoint, name, seed or time.
    """
    text = checkpoint.text if isinstance(checkpoint, Note) else checkpoint
    message = message_of(name, time, text)
    private = _private(seed)
    public = private.public_key().public_bytes_raw()
    identity = signed_note_text.key_id(name, public, COSIGNATURE_MLDSA44)
    return Signature(name, identity, time.to_bytes(_TIME_SIZE) + private.sign(message)).line


def check(text: str, signature: Signature, key: VerifierKey) -> int:
    """Verify one signature; return its time (POSIX seconds, 0 where it claims none).

    Raises:
        NoteError: no checkpoint, a signature of another length, or it does not verify.
    """
    value = signature.value
    if len(value) != _TIME_SIZE + SIGNATURE_SIZE:
        raise NoteError(
            f"the ML-DSA-44 signature of {key.name} has {len(value)} bytes, "
            f"not {_TIME_SIZE + SIGNATURE_SIZE:,}"
        )
    moment = int.from_bytes(value[:_TIME_SIZE])
    message = message_of(key.name, moment, text)
    try:
        MLDSA44PublicKey.from_public_bytes(key.public_key).verify(value[_TIME_SIZE:], message)
    except (InvalidSignature, ValueError):
        raise NoteError(f"the ML-DSA-44 signature of {key.name} does not verify") from None
    return moment


def message_of(name: str, time: int, text: str) -> bytes:
    """What is signed: `cosigned_message` with start 0 and the size as its end.

    Raises:
        NoteError: the text is no checkpoint, or a field does not fit.
    """
    head = parse(text)
    if not 0 <= time < 2**63:
        raise NoteError(f"{time} is not a POSIX time")
    signed_note_text.check_name(name)
    return b"".join(
        (
            _LABEL,
            _short(name, "key name"),
            time.to_bytes(8),
            _short(head.origin, "origin"),
            bytes(8),
            head.size.to_bytes(8),
            head.root,
        )
    )


def _short(text: str, what: str) -> bytes:
    value = text.encode()
    if not 1 <= len(value) <= _MAX_NAME:
        raise NoteError(f"for ML-DSA-44 the {what} has 1 to {_MAX_NAME} bytes, not {len(value)}")
    return bytes((len(value),)) + value


def _private(seed: bytes) -> MLDSA44PrivateKey:
    if len(seed) != SEED_SIZE:
        raise NoteError(f"an ML-DSA-44 seed has {SEED_SIZE} bytes, not {len(seed)}")
    return MLDSA44PrivateKey.from_seed_bytes(seed)
