"""Checkpoints (C2SP tlog-checkpoint v1): a log's signed statement of its size and root."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from . import note
from .merkle import HASH_SIZE
from .note import Note, NoteError, VerifierKey

LOG_KEY_TYPES: Final = (note.ED25519, note.COSIGNATURE_MLDSA44)


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
    note.check_name(origin)
    if not 0 <= size < 2**63 or len(root) != HASH_SIZE:
        raise NoteError(f"a checkpoint needs a size from 0 and a root of {HASH_SIZE} bytes")
    return f"{origin}\n{size}\n{b64encode(root).decode()}\n"


def parse(text: str) -> Checkpoint:
    """Read the text of a checkpoint (`Note.text`), or a whole signed one, verifying nothing.

    Raises:
        NoteError: saying which line is malformed.
    """
    body = text if "\n\n" not in text else note.parse(text).text
    if not body.endswith("\n"):
        raise NoteError("a checkpoint must end with a newline")
    lines = body[:-1].split("\n")
    if len(lines) < 3 or "" in lines:
        raise NoteError("a checkpoint has at least three lines, none of them empty")
    origin, size, root_text, *extensions = lines
    root = note.decode_base64(root_text, "the root of the checkpoint")
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


def verify(
    signed_checkpoint: str | bytes | Note,
    vkeys: Iterable[str | VerifierKey],
    required: Collection[int] = (),
) -> Checkpoint:
    """Return the checkpoint once a trusted key named like its origin has signed it.

    Other keys among `vkeys` (of witnesses) are no substitute for the log's own signature. One
    signature is enough; one of a trusted key that fails is never overlooked.

    Args:
        signed_checkpoint: with all its signature lines.
        vkeys: the verifier's own trusted keys.
        required: key types (0x01, 0x06) of each of which one trusted log key must have signed.

    Raises:
        NoteError: malformed, or not signed by the trusted log keys of that origin.
    """
    parsed = (
        signed_checkpoint if isinstance(signed_checkpoint, Note) else note.parse(signed_checkpoint)
    )
    found = parse(parsed.text)
    keys = [note.parse_vkey(key) if isinstance(key, str) else key for key in vkeys]
    log_keys = [k for k in keys if k.name == found.origin and k.key_type in LOG_KEY_TYPES]
    if not log_keys:
        raise NoteError(
            f"no trusted key is named like the origin {found.origin!r}; where a log went on under "
            "another name, its former keys say so in its history of keys (/log/keys)"
        )
    note.verify(parsed, log_keys)
    signed = {one.key_id for one in parsed.signatures if one.name == found.origin}
    types = {key.key_type for key in log_keys if key.key_id in signed}
    if missing := [note.ALGORITHMS[one] for one in required if one not in types]:
        raise NoteError(f"no trusted log key has signed it with {' or '.join(missing)}")
    return found
