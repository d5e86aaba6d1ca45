"""The values of a pack's events: reading openings, and what is said of values that are missing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
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
            told = erasures.certificate(index, entries.parse(body))
        except EntryError:
            continue
        if told is not None:
            found.append(told)
    return found


def judge(
    index: int,
    entry: bytes,
    opened: Sequence[Opening],
    withheld: Iterable[Mapping[str, Any]],
    told: Sequence[Certificate],
) -> tuple[str, str] | None:
    """State of the check and a sentence; None where no value is missing.

    Args:
        index: of the event.
        entry: its bytes, which can be parsed.
        opened: its openings.
        withheld: what the manifest says is not in the pack.
        told: certificates in the pack.
    """
    said = list(withheld)
    held = {str(one.get("name")).partition(":")[2] for one in said if _is_of(one, index)}
    gone = len(erasures.missing(entries.parse(entry), {one.path for one in opened} | held))
    gone -= sum(counted(one) for one in said if one.get("name") == str(index))
    if gone <= 0:
        return None
    count = f"{gone} {'value' if gone == 1 else 'values'}"
    covering = next((one for one in told if one.covers(index)), None)
    if covering is None:
        return "unchecked", (
            f"{count} missing, and no certificate of erasure in the pack accounts for it: ask why."
        )
    return "ok", f"{count} erased, as entry {covering.index} certifies."


def counted(one: Mapping[str, Any]) -> int:
    """How many values of an entry something withheld stands for; 0 where it names one thing."""
    count = one.get("count")
    return max(count, 0) if one.get("kind") == "values" and type(count) is int else 0


def _is_of(one: Mapping[str, Any], index: int) -> bool:
    return one.get("kind") == "value" and str(one.get("name")).startswith(f"{index}:")
