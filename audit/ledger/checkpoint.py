"""Checkpoints (C2SP tlog-checkpoint v1): a log's signed statement of its size and root."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from . import note
from .format.checkpoint_text import Checkpoint, format, parse, parse_size
from .format.signed_note_text import ALGORITHMS, Note, NoteError, VerifierKey

__all__ = ["LOG_KEY_TYPES", "Checkpoint", "format", "parse", "parse_size", "verify"]

LOG_KEY_TYPES: Final = (note.ED25519, note.COSIGNATURE_MLDSA44)


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
    if missing := [ALGORITHMS[one] for one in required if one not in types]:
        raise NoteError(f"no trusted log key has signed it with {' or '.join(missing)}")
    return found
