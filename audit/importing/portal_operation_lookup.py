"""Our own operations, which a DefenseClaw row may repeat by its tag or only by its id.

Enforcement sends a tag with each try (`audit.importing.decision_tag_hmac`), in the request id and
in the reason. A row that has only the id of an operation says nothing: anybody can read it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import batched
from uuid import UUID

from audit.importing.decision_tag_hmac import Content
from audit.models import EventRow

_ASKED = 500  # ids in one query


@dataclass(slots=True)
class Operation:
    """One operation: the event that began it, and what it is about, as its events say."""

    event: UUID
    targets: set[tuple[str, str]] = field(default_factory=set)
    instances: set[str] = field(default_factory=set)

    def names(self, target: str) -> bool:
        """Whether it is about a target of that name."""
        return any(name == target for _, name in self.targets)

    def contents(self, actions: set[str], instance: str) -> Iterator[Content]:
        """Everything that a try of it could have asked, there or at one of its instances."""
        for place in self.instances | {instance}:
            for kind, name in self.targets:
                for action in actions:
                    yield Content(action, kind, name, place)


class Operations:
    """Those of our operations that some rows name, looked up together."""

    def __init__(self) -> None:
        self._found: dict[str, Operation] = {}

    def look_up(self, named: Collection[str]) -> None:
        """Read the operations of these ids, in place of those before."""
        self._found = {}
        columns = ("operation", "event", "target_kind", "target_name", "instance")
        for some in batched(named, _ASKED):
            rows = EventRow.objects.filter(source="portal", operation__in=some)
            for operation, event, kind, name, instance in rows.order_by("recorded_at").values_list(
                *columns
            ):
                known = self._found.setdefault(operation, Operation(event))
                known.targets.add((kind, name))
                if instance:
                    known.instances.add(instance)

    def find(self, operation: str) -> Operation | None:
        """The operation of that id, among those looked up."""
        return self._found.get(operation)
