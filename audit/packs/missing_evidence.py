"""What a pack of some events will not prove, known before it is made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from audit.evidence import storage
from audit.ledger.packs.pack_check_result import WHO_ACTED, WHO_APPROVED
from audit.models import Event, EvidenceItem
from audit.packs.build import MayRead
from audit.packs.event_selection import Selection

_PROVES: Final = {
    "id_token": WHO_ACTED,
    "approval_token": WHO_APPROVED,
    "assertion": WHO_APPROVED,
}


@dataclass(frozen=True, slots=True)
class Outlook:
    """The evidence of people that a pack made now would be without.

    Attributes:
        named: how many tokens and assertions its events name.
        until: release times of the tokens that are still valid.
        not_permitted: how many bodies this reader may not read.
        gone: how many were erased, are missing or cannot be read now.
        unproven: what stays unproven: `who approved`, `who acted`.
    """

    named: int
    until: tuple[datetime, ...]
    not_permitted: int
    gone: int
    unproven: tuple[str, ...]

    @property
    def words(self) -> str:
        """A sentence; empty where all the evidence would be in the pack."""
        if not self.named:
            return "No event in it names a token or a passkey: this pack cannot prove who acted."
        if not self.unproven:
            return ""
        unproven = " or ".join(self.unproven)
        withheld, others = list(self._withheld()), list(self._counted())
        if not others:
            return f"{withheld[0]}. Until then, the pack alone cannot prove to others {unproven}."
        return f"{'; '.join([*withheld, *others])}; this pack cannot prove {unproven}."

    def _withheld(self) -> Iterator[str]:
        if self.until:
            number, last = len(self.until), max(self.until)
            are = "token is" if number == 1 else "tokens are"
            yield f"{number} {are} withheld until {last:%-d %b %Y %H:%M} UTC"

    def _counted(self) -> Iterator[str]:
        if self.not_permitted:
            yield f"{_pieces(self.not_permitted)} not yours to read"
        if self.gone:
            yield f"{_pieces(self.gone)} erased, missing or unreadable"


def outlook(selection: Selection, now: datetime, may_read: MayRead) -> Outlook:
    """What a pack of these events, made now for this reader, would not prove."""
    wanted = _named(selection)
    items = EvidenceItem.objects.in_bulk(list(wanted))
    kept = storage.bodies(wanted)
    until, not_permitted, gone, unproven = [], 0, 0, set()
    for digest, kind in wanted.items():
        item = items.get(digest)
        if item is None or digest not in kept:
            gone += 1
        elif not may_read(item):
            not_permitted += 1
        elif item.not_before_release and now < item.not_before_release:
            until.append(item.not_before_release)
        else:
            continue
        unproven.add(_PROVES[kind])
    return Outlook(
        len(wanted), tuple(until), not_permitted, gone, tuple(sorted(unproven, reverse=True))
    )


def _pieces(number: int) -> str:
    return f"{number} {'piece of evidence is' if number == 1 else 'pieces of evidence are'}"


def _named(selection: Selection) -> dict[str, str]:
    """Digest -> kind of the tokens and assertions that the entries name."""
    found = {}
    rows = Event.objects.filter(id__in=selection.ids).values_list("entry", flat=True)
    for entry in rows:
        for one in json.loads(bytes(entry))["evidence"]:
            if one["kind"] in _PROVES:
                found[one["digest"]] = one["kind"]
    return found
