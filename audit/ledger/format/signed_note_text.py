"""The form of signed notes (C2SP signed-note v1) and of the keys that verify them.

Parsing is strict: one spelling per note, so that flipping any bit of a note that verified makes it
malformed or unverified. Nothing here verifies; `note` does.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import Final

ED25519: Final = 0x01
COSIGNATURE_ED25519: Final = 0x04
COSIGNATURE_MLDSA44: Final = 0x06
PUBLIC_KEY_SIZES: Final = {ED25519: 32, COSIGNATURE_ED25519: 32, COSIGNATURE_MLDSA44: 1312}
ALGORITHMS: Final = {
    ED25519: "Ed25519", COSIGNATURE_ED25519: "Ed25519", COSIGNATURE_MLDSA44: "ML-DSA-44",
}  # fmt: skip
KEY_ID_SIZE: Final = 4
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
