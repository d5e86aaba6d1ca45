"""Adopting a database that is older than what was signed, or another copy: `ledger_adopt`.

A restore or a failover loses entries that others may have seen signed. Adopting binds the log to
what the database holds and lets it sign again only above every size that was signed before: so no
two trees of one size are signed, and the holder of a checkpoint of the lost part can still prove
that the two do not agree. What was adopted is kept in `VAR_DIR/ledger/adopted.json` and recorded in
the log as `ledger.adopted`.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from audit import clock
from audit.db import process_locks
from audit.db.durable_files import write_durably
from audit.keys import key_events, keyring, log_identity
from audit.ledger import tiles
from audit.ledger.format import entry as entries
from audit.ledger.merkle import ProofError
from audit.ledger.note import NoteError
from audit.models import Event, EventRow
from audit.recording.actors import SYSTEM
from audit.recording.record import record
from audit.sequencing import signed_state, stored_tree_queries
from audit.sequencing.signed_state import Head, SequencerStopped
from audit.sequencing.stored_tree_queries import read_tile
from audit.witnesses import signing_stop

ACTION: Final = "ledger.adopted"


class AdoptionRefused(Exception):
    """There is nothing to adopt, or it cannot be; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """One that was made. Sizes in entries, roots in base64, `at` as in RFC 3339.

    Attributes:
        size, root: what the database held.
        signed_size, signed_root: the tree that had been signed.
        old_origin, new_origin: where the log went on under another name; else empty.
        statement: by which the old keys vouch for the new name.
        objection: what a witness said against the log then; not checked by us.
    """

    at: str
    size: int
    root: str
    signed_size: int
    signed_root: str
    reason: str
    by: str
    old_origin: str = ""
    new_origin: str = ""
    statement: str = ""
    objection: str = ""

    @property
    def data(self) -> dict[str, Any]:
        """What the entry says in clear: both heads, and both names with the statement."""
        heads: dict[str, Any] = {
            "database": {"size": self.size, "root": self.root},
            "signed": {"size": self.signed_size, "root": self.signed_root},
        }
        if not self.new_origin:
            return heads
        names = {"old": self.old_origin, "new": self.new_origin}
        return heads | {"origin": names, "statement": self.statement}

    @property
    def private(self) -> dict[str, Any]:
        """What the entry commits to."""
        said = {"objection": self.objection} if self.objection else {}
        return {"by": self.by} | said


def made_so_far() -> list[Adoption]:
    """Every adoption, oldest first.

    Raises:
        SequencerStopped: the file is damaged.
    """
    try:
        return [Adoption(**one) for one in json.loads(path().read_text())]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError) as error:
        raise SequencerStopped(
            "state", f"{path()} is damaged ({error}); restore it from a backup"
        ) from None


def write(made: Iterable[Adoption]) -> None:
    """Replace the file, durably."""
    rows = [{name: getattr(one, name) for name in Adoption.__slots__} for one in made]
    write_durably(path(), json.dumps(rows, indent=1).encode())


def path() -> Path:
    """Where the file lies."""
    return log_identity.folder() / "adopted.json"


@dataclass(frozen=True, slots=True)
class Found:
    """What the database holds, compared with what was signed.

    Attributes:
        database: the tree that the database holds.
        signed: the largest tree that the state file says was signed.
        missing: how many signed entries the database has not.
        why: why the two do not agree; empty where they do.
        objection: what a witness says against this log; empty where none objects.
    """

    database: Head
    signed: Head | None
    missing: int
    why: str
    objection: str


def find() -> Found:
    """Compare the database with what was signed; changes nothing.

    Raises:
        AdoptionRefused: the tiles of the database, or its own checkpoint, do not hold.
        SequencerStopped: the state file is damaged.
    """
    size = stored_tree_queries.stored_size()
    try:
        held = Head(size, tiles.root(read_tile, size), "the database")
        signed = signed_state.read_state()
        why = _disagreement(held, signed)
        _check_newest(size)
    except ProofError as error:
        raise AdoptionRefused(
            f"The tree in the database has gaps ({error}); restore another backup."
        ) from None
    missing = max(0, (signed.size if signed else 0) - size)
    return Found(held, signed, missing, why, signing_stop.reason())


def adopt(reason: str, by: str) -> Adoption:
    """Bind the log to what the database holds, and record that as `ledger.adopted`.

    Args:
        reason: why, in words.
        by: who ran it.

    Raises:
        AdoptionRefused: the sequencer is busy, nothing needs adopting, or it cannot be.
        SequencerStopped: the state file is damaged.
    """
    with process_locks.alone("sequencer") as held:
        if not held:
            raise AdoptionRefused("The sequencer is busy; stop the worker and try again.")
        found = find()
        if not found.why or found.signed is None:
            raise AdoptionRefused("The database holds everything that was signed.")
        made = Adoption(
            clock.rfc3339(clock.now()),
            found.database.size,
            b64encode(found.database.root).decode(),
            found.signed.size,
            b64encode(found.signed.root).decode(),
            reason,
            by,
        )
        write([*made_so_far(), made])
        signed_state.write_state(found.database.size, found.database.root)
        settle()
    return made


def floor() -> int:
    """The size above which signing goes on; -1 where nothing was adopted under this name."""
    return max((one.signed_size for one in under_this_name()), default=-1)


def under_this_name() -> list[Adoption]:
    """Adoptions since the log has its present name: no size of a lost part is signed again."""
    made: list[Adoption] = []
    for one in made_so_far():
        made = [] if one.new_origin else [*made, one]
    return made


def names_begun() -> Iterator[tuple[Adoption, bool]]:
    """Each change of the log's name, and whether nothing it kept was lost by a later adoption."""
    made = made_so_far()
    for at, one in enumerate(made):
        if one.new_origin:
            yield one, all(later.size > one.size for later in made[at + 1 :])


def unplaced() -> list[tuple[UUID, bytes]]:
    """Entries about adoptions that have no index in the log yet: they get the first ones."""
    waiting = EventRow.objects.filter(action=ACTION, seq__isnull=True)
    ids = list(waiting.values_list("event", flat=True))
    if not ids:
        return []
    found = Event.objects.filter(id__in=ids, leaf__isnull=True).order_by("id")
    return [(id, bytes(leaf)) for id, leaf in found.values_list("id", "leaf_hash")]


def settle() -> None:
    """Record what a crash left unrecorded, changes of keys that the database lost among it."""
    made = made_so_far()
    if not made or is_recorded(made[-1]):
        return
    with transaction.atomic():
        for one in made:
            if not is_recorded(one):
                data, private = one.data, one.private
                record(SYSTEM, "ledger.adopted", reason=one.reason, data=data, private=private)
    ring = keyring.read()
    lost = key_events.unheard(ring)
    if lost:
        keyring.write(keyring.Keyring(ring.periods, ring.statements, (*ring.unrecorded, *lost)))


def problems(logged: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Adoptions that are not `logged`; logged ones that the file does not hold."""
    made = [one.data for one in made_so_far()]
    if any(one not in logged for one in made):
        yield f"an adoption in {path()} is in no ledger.adopted entry"
    if any(one not in made for one in logged):
        yield f"the log has an adoption that is not in {path()}; restore that file"
    yield from _names_that_begin_elsewhere()


def _names_that_begin_elsewhere() -> Iterator[str]:
    begun = [(one.data, one) for one, whole in names_begun() if whole]
    if not begun:
        return
    rows = EventRow.objects.filter(action=ACTION, seq__isnull=False)
    places = dict(rows.values_list("event", "seq"))
    stored = Event.objects.filter(id__in=list(places)).values_list("id", "entry")
    said = [(places[id], entries.parse(bytes(entry))["data"]) for id, entry in stored]
    for data, one in begun:
        if any(there == data and seq != one.size for seq, there in said):
            yield f"{one.new_origin} does not begin with the entry that tells of it"


def is_recorded(one: Adoption) -> bool:
    """Whether the log tells of it."""
    if not EventRow.objects.filter(action=ACTION).exists():
        return False
    return one.data in key_events.recorded(ACTION)


def _disagreement(held: Head, signed: Head | None) -> str:
    if signed is None:
        return ""
    if signed.size > held.size:
        return (
            f"the last {signed.size - held.size} of {signed.size} signed entries are not in the "
            "database: it is from an older backup"
        )
    if tiles.root(read_tile, signed.size) != signed.root:
        return f"the first {signed.size} entries are not the ones that were signed: another copy"
    return ""


def _check_newest(size: int) -> None:
    """The database has to agree with its own checkpoint, or it is not a copy but a forgery."""
    newest = signed_state.newest_checkpoint()
    if newest is None:
        return
    try:
        said = keyring.read().verify(newest.note)
    except NoteError as error:
        raise AdoptionRefused(f"Its newest checkpoint is not of this log's keys: {error}") from None
    if said.size > size or tiles.root(read_tile, said.size) != said.root:
        raise AdoptionRefused(
            "The database does not agree with its own newest checkpoint: it was changed. "
            "Run verify_ledger and restore another backup."
        )
