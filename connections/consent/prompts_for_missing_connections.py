"""What a component's manifest needs and a member has not connected: rows that ask them to."""

from __future__ import annotations

from datetime import datetime

from approvals import clock
from approvals.models import Person
from audit.recording.actors import Target
from connections.component_manifests import manifest_store
from connections.models import ConnectedAccount, Need, State


def who_lacks(target: Target) -> dict[str, int]:
    """How many known people have not connected each connection that `target` declares."""
    return {name: len(people) for name, people in _lacking(target).items() if people}


def ask_members(target: Target) -> int:
    """Ask everybody known who has not connected what `target` needs.

    Called when a component is allowed, in its commit: the number of queries does not depend on the
    number of people. Nobody is asked twice for the same; returns how many were asked now.
    """
    asked = Need.objects.filter(kind=target.kind, name=target.name)
    before, now = set(asked.values_list("iss", "sub", "connection")), clock.now()
    rows = [
        Need(
            iss=iss, sub=sub, connection=connection, kind=target.kind, name=target.name,
            asked_at=now,
        )
        for connection, lacking in _lacking(target).items()
        for iss, sub in sorted(lacking)
        if (iss, sub, connection) not in before
    ]  # fmt: skip
    Need.objects.bulk_create(rows, batch_size=1000, ignore_conflicts=True)
    return len(rows)


type _Person = tuple[str, str]


def _lacking(target: Target) -> dict[str, set[_Person]]:
    """Who, of everybody known, has not connected what, by connection."""
    manifest = manifest_store.find(target.kind, target.name)
    connections = [need.connection for need in manifest.needs.all()] if manifest else []
    if not connections:
        return {}
    held: dict[str, set[_Person]] = {name: set() for name in connections}
    accounts = ConnectedAccount.objects.filter(
        connection__in=connections, state__in=[State.CONNECTED, State.SUSPENDED]
    )
    for iss, sub, connection in accounts.values_list("iss", "sub", "connection"):
        held[connection].add((iss, sub))
    known = set(Person.objects.exclude(sub="").values_list("iss", "sub"))
    return {connection: known - have for connection, have in held.items()}


def open_for(iss: str, sub: str) -> list[Need]:
    """What this person is asked to connect, newest first."""
    return list(Need.objects.filter(iss=iss, sub=sub, closed_at=None).order_by("-asked_at"))


def met(iss: str, sub: str, connection: str, at: datetime) -> None:
    """The person connected it."""
    Need.objects.filter(iss=iss, sub=sub, connection=connection, closed_at=None).update(
        closed_at=at
    )


def dismiss(iss: str, sub: str, need_id: int, at: datetime) -> bool:
    """The person does not want to; False when it is not theirs or closed already."""
    found = Need.objects.filter(iss=iss, sub=sub, pk=need_id, closed_at=None)
    return bool(found.update(closed_at=at))
