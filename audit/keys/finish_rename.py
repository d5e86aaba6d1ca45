"""Putting a change of the log's name into its places, once the name has changed."""

from __future__ import annotations

from audit.db.durable_files import sync_folder, write_durably
from audit.keys import keyring, log_identity, prepared_rename, recovery_records
from audit.models import WitnessState
from audit.witnesses import conflict


def complete() -> bool:
    """Finish a change of name that a crash left half done; whether there was one.

    Called with the sequencer's lock. Each step can be repeated, and what is read is the same
    before and after each. A change that was prepared and never made is let go of.

    Raises:
        LedgerIdentityError: a file cannot be read.
    """
    file = prepared_rename.path(log_identity.folder())
    if not file.exists():
        return False
    waiting = log_identity.succession()
    if waiting is not None:
        made = recovery_records.made_so_far()
        for (place, following), seed in zip(
            log_identity.successions(), waiting.seeds.values(), strict=True
        ):
            write_durably(place, f"{seed}\n".encode())
            following.unlink(missing_ok=True)  # of a change of keys under the old name
        recovery_records.write(made)
        keyring.write(keyring.load())
        # What witnesses said, they said of the old name; the adoption tells of an objection.
        WitnessState.objects.update(
            state=WitnessState.State.NEW, detail="", size=0, failures=0, due=None, since=None
        )
        conflict.forget()
    file.unlink()
    sync_folder(file.parent)
    return waiting is not None
