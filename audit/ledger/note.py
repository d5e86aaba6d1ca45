"""Signed notes (C2SP signed-note v1) with Ed25519 signatures (type 0x01).

Parsing is strict: one spelling per note, so that flipping any bit of a note that verified makes it
malformed or unverified. Timestamped witness signatures (type 0x04) are in `cosignature`, ML-DSA-44
signatures over checkpoints (type 0x06) in `mldsa`.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519: Final = 0x01
COSIGNATURE_ED25519: Final = 0x04
COSIGNATURE_MLDSA44: Final = 0x06
PUBLIC_KEY_SIZES: Final = {ED25519: 32, COSIGNATURE_ED25519: 32, COSIGNATURE_MLDSA44: 1312}
ALGORITHMS: Final = {
    ED25519: "Ed25519", COSIGNATURE_ED25519: "Ed25519", COSIGNATURE_MLDSA44: "ML-DSA-44",
}  # fmt: skip
KEY_ID_SIZE: Final = 4
SEED_SIZE: Final = 32
MAX_SIGNATURES: Final = 100
MAX_NOTE_BYTES: Final = 1_000_000

_PREFIX: Final = "— "


class NoteError(ValueError):
    """A note, key or signature that is malformed or does not verify."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line, not verified.

    Attributes:
        name: name of the key that claims to have signed.
        key_id: 4 bytes that, with the name, say which key.
        value: signature bytes, whose form depends on the key's type.
    """

    name: str
    key_id: bytes
    value: bytes

    @property
    def line(self) -> str:
        """The line as it stands in a note, newline included."""
        return f"{_PREFIX}{self.name} {b64encode(self.key_id + self.value).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note; its text means nothing before `verify`."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(signature.line for signature in self.signatures)}"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key as a verifier is configured with it."""

    name: str
    key_id: bytes
    key_type: int
    public_key: bytes

    @property
    def algorithm(self) -> str:
        """`Ed25519` or `ML-DSA-44`."""
        return ALGORITHMS[self.key_type]

    def __str__(self) -> str:
        material = b64encode(bytes((self.key_type,)) + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{material}"


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


def key_id(name: str, public_key: bytes, key_type: int = ED25519) -> bytes:
    """Return the first 4 bytes of SHA-256(name ‖ newline ‖ type ‖ public key)."""
    material = name.encode() + b"\n" + bytes((key_type,)) + public_key
    return hashlib.sha256(material).digest()[:KEY_ID_SIZE]


def vkey(name: str, public_key: bytes, key_type: int = ED25519) -> str:
    """Return `name+hex key id+base64(type ‖ key)`.

    Raises:
        NoteError: the name is empty or holds a space or a plus.
    """
    check_name(name)
    return str(VerifierKey(name, key_id(name, public_key, key_type), key_type, public_key))


def parse_vkey(text: str) -> VerifierKey:
    """Read a verifier key of type 0x01, 0x04 or 0x06.

    Raises:
        NoteError: malformed, of another type, or its key id does not belong to it.
    """
    parts = text.strip().split("+", 2)
    if len(parts) != 3:
        raise NoteError(f"{text!r} is not a verifier key: it has no name+id+key")
    name, hex_id, material_text = parts
    check_name(name)
    material = decode_base64(material_text, "a verifier key")
    key_type, public = material[0], material[1:]
    if len(public) != PUBLIC_KEY_SIZES.get(key_type):
        raise NoteError(
            f"the key of {name} is neither an Ed25519 key (type 1 or 4, 32 bytes) "
            f"nor an ML-DSA-44 key (type 6, 1,312 bytes)"
        )
    expected = key_id(name, public, key_type)
    if hex_id != expected.hex():
        raise NoteError(f"the key of {name} has id {expected.hex()}, not {hex_id}")
    return VerifierKey(name, expected, key_type, public)


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


def parse(note: str | bytes) -> Note:
    """Split a note into text and signatures without verifying anything.

    Raises:
        NoteError: saying what is malformed.
    """
    whole = _text(note)
    at = whole.rfind("\n\n")
    if at < 0:
        raise NoteError("a note needs a blank line between its text and its signatures")
    text, block = whole[: at + 1], whole[at + 2 :]
    if not block.endswith("\n"):
        raise NoteError("a note must end with a newline after its last signature")
    lines = block[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteError(f"a note with more than {MAX_SIGNATURES} signatures is refused")
    check_text(text)
    return Note(text, tuple(parse_signature(line) for line in lines))


def parse_signature(line: str) -> Signature:
    """Read one signature line without its newline.

    Raises:
        NoteError: it is not `— name base64`.
    """
    if not line.startswith(_PREFIX):
        raise NoteError("a signature line starts with an em dash and a space")
    name, separator, encoded = line[len(_PREFIX) :].partition(" ")
    check_name(name)
    blob = decode_base64(encoded, f"the signature of {name}") if separator else b""
    if len(blob) <= KEY_ID_SIZE:
        raise NoteError(f"the signature line of {name} holds no signature")
    return Signature(name, blob[:KEY_ID_SIZE], blob[KEY_ID_SIZE:])


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
        from . import mldsa  # it signs checkpoints, whose form is built on this module

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


def add_signature(note: str | Note, *lines: str) -> str:
    """Return the note with further signature lines, as sent by witnesses.

    Raises:
        NoteError: the note or a line is malformed.
    """
    parsed = note if isinstance(note, Note) else parse(note)
    added = tuple(parse_signature(line.removesuffix("\n")) for line in lines)
    return str(Note(parsed.text, parsed.signatures + added))


def check_name(name: str) -> None:
    """Refuse a key name that is empty or holds a Unicode space, a plus or a control character."""
    if not name or "+" in name or any(c.isspace() or c < " " for c in name):
        raise NoteError(f"{name!r} is not a key name: no spaces, no plus, not empty")


def check_text(text: str) -> None:
    """Refuse a text that does not end in a newline or holds other control characters."""
    if not text.endswith("\n"):
        raise NoteError("the text of a note must end with a newline")
    _check_characters(text)


_UNFIT: Final = re.compile("[\\x00-\\x09\\x0b-\\x1f\\ud800-\\udfff]")


def _check_characters(text: str) -> None:
    if _UNFIT.search(text):
        raise NoteError("a note is UTF-8 without control characters other than newlines")


def _text(note: str | bytes) -> str:
    if len(note) > MAX_NOTE_BYTES:
        raise NoteError(f"a note longer than {MAX_NOTE_BYTES:,} bytes is refused")
    if isinstance(note, bytes):
        try:
            note = note.decode()
        except UnicodeDecodeError:
            raise NoteError("a note must be UTF-8") from None
    _check_characters(note)
    return note


def _private(seed: bytes) -> Ed25519PrivateKey:
    if len(seed) != SEED_SIZE:
        raise NoteError(f"a seed has {SEED_SIZE} bytes, not {len(seed)}")
    return Ed25519PrivateKey.from_private_bytes(seed)


def decode_base64(text: str, what: str) -> bytes:
    """Decode standard base64, accepting only the spelling an encoder writes.

    Raises:
        NoteError: empty, or not canonical base64 (`what` names it in the message).
    """
    try:
        value = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        value = b""
    if not value or b64encode(value).decode() != text:
        raise NoteError(f"{what} is not canonical base64")
    return value
