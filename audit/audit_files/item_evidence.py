"""The evidence packs of the items of all samples, each item with its whole operation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from audit import packs
from audit.audit_files.audit_scope import NotPossible
from audit.audit_files.policies_in_period import Version
from audit.audit_files.range_lines_and_tables import RangePass
from audit.evidence import body_and_pack_access
from audit.packs import Built, Selection, TooMany
from audit.recording import stored_event_loader
from audit.recording.actors import Actor

_EVENTS: Final = 300
"""Events of one pack: about 2 MB, of the 64 MB and 1,000 that a pack may have."""


@dataclass(frozen=True, slots=True)
class Pack:
    """One pack of an audit file; `lacks` says what it will not prove, "" where nothing."""

    name: str
    built: Built
    lacks: str


def selections(found: RangePass, versions: Iterable[Version]) -> dict[str, Selection]:
    """The events of each pack by its name: whole operations, as many as fit.

    With the items goes the entry that made the first version of the policy.
    """
    items = [found.ids[index] for index in found.items]
    items += [one.event for one in list(versions)[:1] if one.event]
    chosen = enumerate(_selections(items), start=1)
    return {f"evidence/items-{number:03}.zip": one for number, one in chosen}


def build(reader: Actor, chosen: Mapping[str, Selection], now: datetime) -> Iterator[Pack]:
    """The packs, with the bodies that are this reader's to read.

    Raises:
        NotPossible: one is larger than a pack may be.
        AlteredEntry: as `packs.build`.
    """
    for name, selection in chosen.items():
        try:
            built = body_and_pack_access.pack(reader, selection, now)
        except TooMany as error:
            raise NotPossible(
                f"The evidence of some items does not fit into one pack ({name}): {error}. Choose "
                "fewer items for each sample, or a shorter period."
            ) from None
        yield Pack(name, built, body_and_pack_access.outlook(reader, selection, now).words)


def _selections(items: Iterable[UUID]) -> Iterator[Selection]:
    ids: dict[UUID, None] = {}
    left_out = 0
    for event in stored_event_loader.load_many(list(items)):
        one = packs.of_event(event)
        if ids and len(ids.keys() | set(one.ids)) > _EVENTS:
            yield _selection(ids, left_out)
            ids, left_out = {}, 0
        ids |= dict.fromkeys(one.ids)
        left_out += int(one.about["left_out"])
    if ids:
        yield _selection(ids, left_out)


def _selection(ids: Iterable[UUID], left_out: int) -> Selection:
    found = tuple(ids)
    more = f" {left_out} events that name these operations were left out." if left_out else ""
    words = f"Items of the samples of an audit with their operations.{more}"
    return Selection(found, {"items": len(found), "left_out": left_out}, words)
