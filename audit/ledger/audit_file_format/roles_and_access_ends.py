"""`roles.json` of an audit file: who acted with which roles, and the ends of access by role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from audit.ledger.format.canonical import canonical

SCHEMA: Final = "ata.roles.v2"
WITHOUT_ENDS: Final = "ata.roles.v1"
"""Of files that were written before they had ends of access."""
ACCESS_END_SET: Final = "person.access_end_set"


@dataclass(slots=True)
class _Role:
    """A person with one set of roles, from the first to the last event that shows it."""

    roles: tuple[str, ...]
    name: str
    first: tuple[int, str]
    last: tuple[int, str]
    events: int = 0


class RolesAndAccessEnds:
    """Takes opened events one by one; only what the portal itself recorded counts, since a
    gateway's rows can name anyone.

    Attributes:
        ends: each end of access that was set, changed or removed, in the order of the log.
    """

    def __init__(self) -> None:
        self._roles: dict[tuple[str, str, tuple[str, ...]], _Role] = {}
        self.ends: list[dict[str, Any]] = []

    def add(self, index: int, event: Mapping[str, Any]) -> None:
        """Note the roles of who acted, and the end of access that the event sets."""
        if event["source"] != "portal":
            return
        self._add_role(index, event)
        if event["action"] == ACCESS_END_SET:
            self._add_end(index, event)

    def to_bytes(self, schema: str = SCHEMA) -> bytes:
        """The member in this form: RFC 8785, and a line end."""
        document: dict[str, Any] = {"schema": schema, "roles": self._rows()}
        if schema == SCHEMA:
            document["ends"] = self.ends
        return canonical(document) + b"\n"

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {
                "iss": iss,
                "sub": sub,
                "name": one.name,
                "roles": list(roles),
                "first": {"index": one.first[0], "time": one.first[1]},
                "last": {"index": one.last[0], "time": one.last[1]},
                "events": one.events,
            }
            for (iss, sub, roles), one in sorted(self._roles.items())
        ]

    def _add_role(self, index: int, event: Mapping[str, Any]) -> None:
        actor = event["actor"]
        sub, name = _text(actor["sub"]), _text(actor["name"])
        if not sub:
            return
        key = (actor["iss"], sub, tuple(actor["roles"]))
        at = (index, event["time"])
        one = self._roles.setdefault(key, _Role(key[2], name, at, at))
        one.last, one.name, one.events = at, name or one.name, one.events + 1

    def _add_end(self, index: int, event: Mapping[str, Any]) -> None:
        last_day, target = event["data"].get("last_day"), event["target"]
        if not isinstance(last_day, str) or target is None:
            return
        whose = event["data"].get("whose")
        known = whose if isinstance(whose, Mapping) else {}
        self.ends.append(
            {
                "index": index,
                "time": event["time"],
                "iss": _text(known.get("iss")),
                "sub": _text(known.get("sub")) or _text(target["name"]),
                "name": _text(known.get("name")),
                "last_day": last_day,
            }
        )


def _text(value: object) -> str:
    """A text of an event; "" where it was erased."""
    return value if isinstance(value, str) else ""
