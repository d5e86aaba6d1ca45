"""Which events belong in an export, decided from the entries and what is open of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from audit.ledger.format import entry as entries
from audit.ledger.format.commitment import subject_key
from audit.ledger.offline.export_row_comparison import LEVELS
from audit.ledger.query import EventQuery

PERSONAL: Final = frozenset({"q", "actor", "target"})
"""Keys that ask about values which can be erased or withheld."""


class Wanted:
    """A filter, apart from levels, and the one person whose events an export is of.

    Args:
        query: without errors.
        person: subject that the export is limited to; None where it is not.
        iss: their issuer.
    """

    def __init__(self, query: EventQuery, person: str | None, iss: str) -> None:
        kept = {
            name: values
            for name, values in query.at("").to_params().items()
            if name.removeprefix("-") not in LEVELS
        }
        plain = {n: v for n, v in kept.items() if n.removeprefix("-") not in PERSONAL}
        self._whole = EventQuery.from_params(kept)
        self._plain = EventQuery.from_params(plain)
        self._personal = kept.keys() - plain.keys()
        self._person = (iss, person) if person else None

    def has(self, event: dict[str, Any]) -> bool | None:
        """Whether the event belongs in the export; None where values that decide are not open."""
        if not self._plain.matches(event):
            return False
        mine = self._concerns(event)
        if mine is False:
            return False
        belongs = self._whole.matches(event)
        hidden = {name for name in self._personal if _hidden(event, name.removeprefix("-"))}
        # What is hidden can only add to what is found: it may complete a filter by inclusion and
        # may break one by exclusion.
        may_change = any(name.startswith("-") is belongs for name in hidden)
        return None if mine is None or may_change else belongs

    def _concerns(self, event: dict[str, Any]) -> bool | None:
        if self._person is None:
            return True
        wanted = subject_key(*self._person)
        people = [one for one in (event["actor"], event["on_behalf_of"]) if one]
        keys = [_key(one) for one in people]
        if wanted in keys:
            return True
        return None if None in keys else False


def _key(person: Mapping[str, Any]) -> str | None:
    sub = person["sub"]
    if isinstance(sub, Mapping):
        return None
    return subject_key(person["iss"], sub) if sub else ""


def _hidden(event: Mapping[str, Any], key: str) -> bool:
    """Whether a value that the key asks about is erased or withheld."""
    if key == "actor":
        return any(isinstance(value, Mapping) for value in event["actor"].values())
    if key == "target":
        return isinstance((event["target"] or {}).get("name"), Mapping)
    # The verbatim row of another system is not searched.
    return _any_erased({**event, "data": {**event["data"], "raw": None}})


def _any_erased(value: Any) -> bool:
    if isinstance(value, Mapping):
        return value == entries.ERASED or any(map(_any_erased, value.values()))
    return isinstance(value, list) and any(map(_any_erased, value))
