"""Tree heads we are bound to: the last-signed state file and the newest published checkpoint.

A log must never sign two trees of one size (C2SP tlog-checkpoint). The state file is synced before
each signature, so it survives a database that is restored from an older backup.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass

from audit.db.durable_files import write_durably
from audit.keys import keyring, log_identity
from audit.ledger import tiles
from audit.ledger.merkle import ProofError
from audit.ledger.note import NoteError
from audit.models import Checkpoint
from audit.sequencing.stored_tree_queries import read_tile


class SequencerStopped(Exception):
    """Signing would contradict what was signed before.

    Attributes:
        code: behind | inconsistent | key | state | witness.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Head:
    """Size and root of a tree; `told_by` names where we have it from."""

    size: int
    root: bytes
    source: str


def read_state() -> Head | None:
    """The last-signed state, None before the first signature.

    Under a later name of the log it bears that name, and one of another name says nothing. Before
    the first signature there it is the tree with which the name began.

    Raises:
        SequencerStopped: the file is damaged.
    """
    path, began = log_identity.folder() / "last-signed", keyring.began_with()
    if path.exists():
        try:
            size, root, *named = path.read_text().split()
            head = Head(int(size), b64decode(root, validate=True), str(path))
        except ValueError:
            raise SequencerStopped(
                "state",
                f"{path} is damaged; restore it from a backup or from a published checkpoint",
            ) from None
        if named == ([began.new_origin] if began else []):
            return head
    if began is None:
        return None
    return Head(began.kept.size, began.kept.root, f"the statement of {began.new_origin}")


def write_state(size: int, root: bytes) -> None:
    """Replace the last-signed state, synced to disk."""
    began = keyring.began_with()
    named = f" {began.new_origin}" if began else ""
    text = f"{size} {b64encode(root).decode()}{named}\n"
    write_durably(log_identity.folder() / "last-signed", text.encode())


def is_former(checkpoint: Checkpoint) -> bool:
    """Whether it was signed under an earlier name of the log."""
    return checkpoint.note.partition("\n")[0] != log_identity.kept_origin()


def newest_checkpoint() -> Checkpoint | None:
    """The checkpoint published last."""
    return Checkpoint.objects.order_by("-id").first()


def signed_size() -> int | None:
    """Size of the largest tree that was signed, as far as is known; None before the first.

    Raises:
        SequencerStopped: the state file is damaged.
    """
    state, newest = read_state(), newest_checkpoint()
    sizes = [head.size for head in (state, newest) if head is not None]
    return max(sizes, default=None)


def signed_before(size: int) -> bool:
    """Whether the state file knows of no tree of this size or above."""
    state = read_state()
    return state is None or state.size < size


def check_heads(size: int) -> None:
    """Check that the stored tree of `size` leaves contains every head we are bound to.

    Raises:
        SequencerStopped: it is shorter, differs, or the newest checkpoint is not of our keys.
    """
    published = newest_checkpoint()
    heads = [read_state()]
    if published is not None:
        try:
            ring = keyring.read()
            keyring.signers(ring)
            ring.verify(published.note)
        except keyring.KeyReplaced as error:
            raise SequencerStopped("key", str(error)) from None
        except NoteError as error:
            raise SequencerStopped(
                "key",
                f"the newest checkpoint is not signed by the keys in {keyring.path()} ({error}); "
                "put the key back that this log began with",
            ) from None
        heads.append(Head(published.size, bytes(published.root), "the newest checkpoint"))
    for head in heads:
        if head is not None:
            _check_head(head, size)


def _check_head(head: Head, size: int) -> None:
    if head.size > size:
        raise SequencerStopped(
            "behind",
            f"the database holds {size} entries but {head.source} says that {head.size} were "
            "signed; it was restored from an older backup: restore a newer one "
            "(or see manage.py ledger_adopt)",
        )
    try:
        root = tiles.root(read_tile, head.size)
    except ProofError as error:
        raise SequencerStopped("inconsistent", f"the stored tree has gaps: {error}") from None
    if root != head.root:
        raise SequencerStopped(
            "inconsistent",
            f"the first {head.size} entries no longer have the root that {head.source} holds; "
            "run verify_ledger to find the entry that changed",
        )
