"""What the sequencer has signed, where a test knows that it has."""

from __future__ import annotations

from audit.models import Checkpoint
from audit.sequencing import signed_state


def newest_checkpoint() -> Checkpoint:
    """The checkpoint published last, of a log that has one."""
    newest = signed_state.newest_checkpoint()
    assert newest is not None, "nothing was signed yet"
    return newest
