"""Offline proofs that an entry is in the log (C2SP tlog-proof@v1, extension `.tlog-proof`)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from audit.ledger import checkpoint as checkpoints
from audit.ledger import merkle, note
from audit.ledger.checkpoint import Checkpoint
from audit.ledger.merkle import HASH_SIZE, ProofError
from audit.ledger.note import NoteError, VerifierKey

HEADER: Final = "c2sp.org/tlog-proof@v1"
MAX_HASHES: Final = 63
MAX_PROOF_BYTES: Final = note.MAX_NOTE_BYTES + 100_000


@dataclass(frozen=True, slots=True)
class Proof:
    """A parsed proof; it proves nothing before `verify`.

    Attributes:
        index: zero-based position of the entry.
        hashes: audit path, leaf side first.
        checkpoint: the signed checkpoint, verbatim, with its cosignatures.
        extra: unauthenticated bytes of the application.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes = b""


def write(index: int, hashes: Sequence[bytes], checkpoint: str, extra: bytes = b"") -> str:
    """Return the text of a proof file.

    Raises:
        ProofError: a negative index, or a hash that is not 32 bytes.
        NoteError: the checkpoint is malformed.
    """
    if not 0 <= index < 2**63 or any(len(value) != HASH_SIZE for value in hashes):
        raise ProofError(f"a proof needs an index from 0 and hashes of {HASH_SIZE} bytes")
    note.parse(checkpoint)
    middle = f"extra {b64encode(extra).decode()}\n" if extra else ""
    path = "".join(f"{b64encode(value).decode()}\n" for value in hashes)
    return f"{HEADER}\n{middle}index {index}\n{path}\n{checkpoint}"


def parse(text: str | bytes) -> Proof:
    """Read a proof in the current or the older form.

    Raises:
        ProofError: saying what is malformed.
    """
    if len(text) > MAX_PROOF_BYTES:
        raise ProofError(f"a proof longer than {MAX_PROOF_BYTES:,} bytes is refused")
    try:
        whole = text.decode() if isinstance(text, bytes) else text
        head, separator, signed = whole.partition("\n\n")
        if not separator:
            raise ProofError("a proof needs a blank line before its checkpoint")
        note.parse(signed)
        return _parse_head(head.split("\n"), signed)
    except UnicodeDecodeError:
        raise ProofError("a proof must be UTF-8") from None
    except NoteError as error:
        raise ProofError(str(error)) from error


def _parse_head(lines: list[str], signed: str) -> Proof:
    extra = b""
    if lines[0] == HEADER:
        lines = lines[1:]
        if lines and lines[0].startswith("extra "):
            extra = note.decode_base64(lines[0][len("extra ") :], "the extra data")
            lines = lines[1:]
    if not lines or not lines[0].startswith("index "):
        raise ProofError(f"a proof starts with {HEADER!r}, then `index` and a number")
    if len(lines) - 1 > MAX_HASHES:
        raise ProofError(f"a proof has at most {MAX_HASHES} hashes")
    index = checkpoints.parse_size(lines[0][len("index ") :])
    hashes = tuple(note.decode_base64(line, "a hash of the proof") for line in lines[1:])
    if any(len(value) != HASH_SIZE for value in hashes):
        raise ProofError(f"a hash of the proof is not {HASH_SIZE} bytes")
    return Proof(index, hashes, signed, extra)


def verify(
    proof: Proof | str | bytes, entry: bytes, vkeys: Iterable[str | VerifierKey]
) -> Checkpoint:
    """Check that the entry is in a tree that a trusted log key has signed.

    Args:
        proof: the proof, parsed or as text.
        entry: the exact bytes of the entry.
        vkeys: the verifier's own trusted keys.

    Raises:
        ProofError: malformed proof, or it does not lead to the signed root.
        NoteError: the checkpoint is not signed by a trusted key.
    """
    parsed = proof if isinstance(proof, Proof) else parse(proof)
    head = checkpoints.verify(parsed.checkpoint, vkeys)
    merkle.verify_inclusion(
        merkle.leaf_hash(entry), parsed.index, head.size, parsed.hashes, head.root
    )
    return head
