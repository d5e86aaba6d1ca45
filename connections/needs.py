"""What a component's manifest needs and a member has not connected: rows that ask them to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from approvals import clock
from approvals.models import Person
from audit.actor import Subject, Target
from connections import manifests, scope_sets
from connections.models import ConnectedAccount, ManifestNeed, Need, State


@dataclass(frozen=True, slots=True)
class Unmet:
    """A connection that is missing, or one whose grant lacks scopes."""

    connection: str
    scopes: tuple[str, ...]  # what the manifest declares
    missing: tuple[str, ...]  # of an account that is there; empty when nothing is connected
    linked: bool


def unmet(target: Target, person: Subject) -> list[Unmet]:
    """What `target` (kind and name of a component) needs and this person's accounts do not give."""
    manifest = manifests.find(target.kind, target.name)
    if manifest is None:
        return []
    found = (_compare(need, person) for need in manifest.needs.all())
    return [one for one in found if one is not None]


def _compare(need: ManifestNeed, person: Subject) -> Unmet | None:
    accounts = ConnectedAccount.objects.filter(
        iss=person.iss,
        sub=person.sub,
        connection=need.connection,
        state__in=[State.CONNECTED, State.SUSPENDED],
    )
    wanted = tuple(need.scopes)
    granted = list(accounts.values_list("scopes", flat=True))
    if not granted:
        return Unmet(need.connection, wanted, (), linked=False)
    lacking = (scope_sets.beyond(need.connection, wanted, have) for have in granted)
    missing = min(lacking, key=len)
    return Unmet(need.connection, wanted, missing, linked=True) if missing else None


def who_lacks(target: Target) -> dict[str, int]:
    """How many known people have not connected each connection that `target` declares."""
    lacking: dict[str, int] = {}
    for person in _everybody():
        for one in unmet(target, person):
            if not one.linked:
                lacking[one.connection] = lacking.get(one.connection, 0) + 1
    return lacking


def ask_members(target: Target, people: Iterable[Subject] | None = None) -> int:
    """Ask everybody known (or `people`) who has not connected what `target` needs.

    Called when a component is allowed. Nobody is asked twice for the same; returns how many were
    asked now.
    """
    now = clock.now()
    everybody = people if people is not None else _everybody()
    asked = 0
    for person in everybody:
        for one in unmet(target, person):
            if one.linked:
                continue
            _, created = Need.objects.get_or_create(
                iss=person.iss,
                sub=person.sub,
                connection=one.connection,
                kind=target.kind,
                name=target.name,
                defaults={"asked_at": now},
            )
            asked += created
    return asked


def _everybody() -> list[Subject]:
    return [person.subject for person in Person.objects.exclude(sub="")]


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
