"""Plain fields of reported events: what names something known stands in clear, all else in `data`.

An entry is for ever, and a reporter may put a person's name or address where an agent's belongs. A
name is known when an event of this portal or of a gateway has it. What is not known, and every
`operation`, is committed under `reported_fields`: it can be erased, and no report gets into an
operation of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from audit.ledger.query import EventQuery
from audit.search import event_search

FIELD: Final = "reported_fields"
MOST_NAMES: Final = 50
"""So many different names of one report are looked up; the others count as unknown."""

_KEYS: Final = {"agent": "agent", "connection": "connection", "instance": "instance"}
_COMPONENTS: Final = frozenset({"skill", "mcp", "plugin", "tool", "agent"})
_KIND: Final = re.compile(r"[a-z][a-z0-9_.-]{0,59}")
_ISSUER: Final = re.compile(r"https?://[^\s@]{1,290}")


class Names:
    """Which names are known, each looked up once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], bool] = {}

    def split(self, fields: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """The fields that may stand in clear, with the rest empty, and those to be committed.

        Names of fields are those of `external.Reported`, with dots, such as `target.instance`.
        """
        kept = {name for name, value in fields.items() if value and self._may_stand(name, value)}
        clear = {name: value if name in kept else "" for name, value in fields.items()}
        return clear, {name: v for name, v in fields.items() if v and name not in kept}

    def _may_stand(self, name: str, value: str) -> bool:
        last = name.rpartition(".")[2]
        if last == "kind":
            return _KIND.fullmatch(value) is not None
        if last == "iss":
            return _ISSUER.fullmatch(value) is not None
        return last != "operation" and self._is_known(last, value)

    def _is_known(self, field: str, value: str) -> bool:
        found = self._known.get((field, value))
        if found is None:
            few = len(self._known) < MOST_NAMES and value.isprintable()
            found = few and _is_recorded(field, value)
            self._known[field, value] = found
        return found


def _is_recorded(field: str, value: str) -> bool:
    ours = EventQuery().including("source", "external", excluded=True)
    if field in _KEYS and event_search.page(ours.including(_KEYS[field], value), 1).rows:
        return True
    if field not in {"agent", "skill"}:
        return False
    name = value.partition(":")[2] if value.partition(":")[0] in _COMPONENTS else value
    rows = event_search.page(ours.including("target", name), 50).rows
    return any(row.target_kind in _COMPONENTS and row.target_name == name for row in rows)
