"""The values of a pack's events: reading openings, and what is said of values that are missing."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, Final

from audit.ledger.format import entry as entries
from audit.ledger.format.canonical import EntryError, canonical
from audit.ledger.format.commitment import Opening
from audit.ledger.offline import erasures
from audit.ledger.offline.erasures import Certificate

VALUES_CHECK: Final = "Values that are missing were erased"


def read_openings(body: bytes) -> list[Opening]:
    """The openings of one event.

    Raises:
        EntryError: another spelling than RFC 8785, or one field twice.
        LookupError, TypeError, ValueError, AttributeError: it holds no openings.
    """
    document = json.loads(body)
    if canonical(document) != body:
        raise EntryError("is not in canonical form (RFC 8785)")
    found = [
        Opening(one["path"], str(one["subject"]), bytes.fromhex(one["salt"]), one["value"])
        for one in document["openings"]
    ]
    if len({one.path for one in found}) != len(found):
        raise EntryError("opens one field twice")
    return found


def certificates(parts: Iterable[tuple[int, bytes]]) -> list[Certificate]:
    """Those among the entries of a pack, by index."""
    found = []
    for index, body in parts:
        try:
            certified = erasures.certificate(index, entries.parse(body))
        except EntryError:
            continue
        if certified is not None:
            found.append(certified)
    return found


class Withheld:
    """What a manifest says is not in its pack, found by name and by entry without a search.

    Attributes:
        items: in the order of the manifest.
        by_name: the last of each name.
    """

    def __init__(self, withheld: object) -> None:
        found = withheld if isinstance(withheld, list) else []
        self.items: list[Mapping[str, Any]] = [one for one in found if isinstance(one, dict)]
        named = [(one["name"], one) for one in self.items if isinstance(one.get("name"), str)]
        self.by_name = dict(named)
        self._paths: defaultdict[str, set[str]] = defaultdict(set)
        self._counts = Counter[str]()
        for name, one in named:
            index, _, path = name.partition(":")
            if one.get("kind") == "value":
                self._paths[index].add(path)
            self._counts[name] += counted(one)

    def paths(self, index: int) -> Set[str]:
        """Values of an entry that are named one by one."""
        return self._paths.get(str(index), frozenset())

    def count(self, index: int) -> int:
        """How many values of an entry are counted without being named."""
        return self._counts[str(index)]


def judge(
    index: int,
    entry: bytes,
    opened: Sequence[Opening],
    withheld: Withheld,
    certificates: Sequence[Certificate],
) -> tuple[str, str] | None:
    """State of the check and a sentence; None where no value is missing.

    Args:
        index: of the event.
        entry: its bytes, which can be parsed.
        opened: its openings.
        withheld: what the manifest says is not in the pack.
        certificates: certificates in the pack.
    """
    there = {one.path for one in opened} | withheld.paths(index)
    gone = len(erasures.missing(entries.parse(entry), there)) - withheld.count(index)
    if gone <= 0:
        return None
    count = f"{gone} {'value' if gone == 1 else 'values'}"
    covering = next((one for one in certificates if one.covers(index)), None)
    if covering is None:
        return "unchecked", (
            f"{count} missing, and no certificate of erasure in the pack accounts for it: ask why."
        )
    return "ok", f"{count} erased, as entry {covering.index} certifies."


def counted(one: Mapping[str, Any]) -> int:
    """How many values of an entry something withheld stands for; 0 where it names one thing."""
    count = one.get("count")
    return max(count, 0) if one.get("kind") == "values" and type(count) is int else 0
