"""The text of a checkpoint (C2SP tlog-checkpoint v1): write and read it, verifying nothing."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass

from audit.ledger.format.signed_note_text import NoteError

from ..merkle import HASH_SIZE
from . import signed_note_text


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says.

    Attributes:
        origin: the log's identity, also the name of its key.
        size: number of entries.
        root: 32-byte tree head over them.
        extensions: further lines; nothing audits them.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()


def format(origin: str, size: int, root: bytes) -> str:
    """Return the text to sign: origin, size and base64 root, one line each.

    Raises:
        NoteError: an origin that is no key name, a negative size, a root that is not 32 bytes.
    """
    signed_note_text.check_name(origin)
    if not 0 <= size < 2**63 or len(root) != HASH_SIZE:
        raise NoteError(f"a checkpoint needs a size from 0 and a root of {HASH_SIZE} bytes")
    return f"{origin}\n{size}\n{b64encode(root).decode()}\n"


def parse(text: str) -> Checkpoint:
    """Read the text of a checkpoint (`Note.text`), or a whole signed one, verifying nothing.

    Raises:
        NoteError: saying which line is malformed.
    """
    body = text if "\n\n" not in text else signed_note_text.parse(text).text
    if not body.endswith("\n"):
        raise NoteError("a checkpoint must end with a newline")
    lines = body[:-1].split("\n")
    if len(lines) < 3 or "" in lines:
        raise NoteError("a checkpoint has at least three lines, none of them empty")
    origin, size, root_text, *extensions = lines
    root = signed_note_text.decode_base64(root_text, "the root of the checkpoint")
    if len(root) != HASH_SIZE:
        raise NoteError(f"the root of a checkpoint has {HASH_SIZE} bytes, not {len(root)}")
    return Checkpoint(origin, parse_size(size), root, tuple(extensions))


def parse_size(text: str) -> int:
    """Read a decimal without leading zeros, below 2^63.

    Raises:
        NoteError: anything else.
    """
    # int() alone would take signs, underscores, spaces and other scripts' digits.
    plain = text.isascii() and text.isdigit() and len(text) <= 19
    if not plain or str(int(text)) != text or int(text) >= 2**63:
        raise NoteError(f"{text[:40]!r} is not a plain decimal number")
    return int(text)
