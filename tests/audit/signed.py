"""What the sequencer has signed, where a test knows that it has."""

from __future__ import annotations

from audit import heads
from audit.models import Checkpoint


def newest_checkpoint() -> Checkpoint:
    """The checkpoint published last, of a log that has one."""
    newest = heads.newest_checkpoint()
    assert newest is not None, "nothing was signed yet"
    return newest
