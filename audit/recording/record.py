"""The one way to write an event.

A decision records inside the transaction that changes state, so that neither exists without the
other. The event, its openings and its search row are written together; the sequencer gives it a
leaf within about a second.
"""

from __future__ import annotations

import os
from binascii import b2a_base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from audit import clock
from audit.db import bulk_insert
from audit.evidence import human_levels
from audit.ledger.format import entry as entries
from audit.ledger.merkle import leaf_hash
from audit.models import Event, EventRow, Openings
from audit.recording import action_registry
from audit.recording.actors import Actor, EvidenceRef, Subject, Target
from audit.search.projection import values_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An event about to be recorded; field meanings as in `record`."""

    actor: Actor
    action: str
    outcome: str = "success"
    severity: str = ""
    source: str = "portal"
    instance: str = ""
    target: Target | None = None
    on_behalf_of: Subject | None = None
    connection: str = ""
    agent: str = ""
    skill: str = ""
    approval: str = ""
    operation: str = ""
    intent_hash: str = ""
    reason: str = ""
    changes: Mapping[str, Any] | None = None
    data: Mapping[str, Any] | None = None
    private: Mapping[str, Any] | None = None
    evidence: Sequence[EvidenceRef] = ()
    time: datetime | None = None
    id: UUID | None = None


def record(
    actor: Actor,
    action: str,
    *,
    outcome: str = "success",
    severity: str = "",
    source: str = "portal",
    instance: str = "",
    target: Target | None = None,
    on_behalf_of: Subject | None = None,
    connection: str = "",
    agent: str = "",
    skill: str = "",
    approval: str = "",
    operation: str = "",
    intent_hash: str = "",
    reason: str = "",
    changes: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    private: Mapping[str, Any] | None = None,
    evidence: Sequence[EvidenceRef] = (),
    time: datetime | None = None,
    id: UUID | None = None,
) -> Event:
    """Write one event, in the caller's transaction or, when there is none, in its own.

    `severity` and `instance` default to the action's and the target's. `data` stands in the entry
    in clear: plain codes, counters, opaque ids. `private` may hold personal values and free text:
    the entry carries salted commitments, the values can be erased. The actor's address and the
    evidence of the sign-in are added. `time` is when it happened, if not now.

    Raises:
        UnknownAction: nobody registered `action`.
        EntryError: a value that cannot be logged; the message has its JSON pointer.
        IntegrityError: `id` is taken.
    """
    draft = Draft(
        actor=actor,
        action=action,
        outcome=outcome,
        severity=severity,
        source=source,
        instance=instance,
        target=target,
        on_behalf_of=on_behalf_of,
        connection=connection,
        agent=agent,
        skill=skill,
        approval=approval,
        operation=operation,
        intent_hash=intent_hash,
        reason=reason,
        changes=changes,
        data=data,
        private=private,
        evidence=evidence,
        time=time,
        id=id,
    )
    rows = prepare(draft, clock.now())
    # Without a savepoint: no decision goes on without its event. Who may, opens one of their own.
    with transaction.atomic(savepoint=False):
        write([rows])
    id, entry, leaf, recorded_at = rows.event
    return Event(id, entry, leaf, recorded_at)


def prepared(drafts: Iterable[Draft]) -> list[Prepared]:
    """The rows of drafts that are recorded now, without touching the database.

    Raises:
        UnknownAction, EntryError: as `record`.
    """
    recorded_at = clock.now()
    return [prepare(draft, recorded_at) for draft in drafts]


def write(rows: Sequence[Prepared]) -> None:
    """Insert what was prepared, in the caller's transaction.

    Raises:
        IntegrityError: as `record`.
    """
    bulk_insert.insert_values(Event, [one.event for one in rows])
    bulk_insert.insert_values(Openings, [opening for one in rows for opening in one.openings])
    bulk_insert.insert_values(EventRow, [one.row for one in rows])


@dataclass(frozen=True, slots=True)
class Prepared:
    """The rows of one event, ready for `audit.db.bulk_insert.insert_values`.

    Tuples: making a model's instance costs Django more than making most of its values.
    """

    event: tuple[UUID, bytes, bytes, datetime]
    openings: list[tuple[UUID, str, dict[str, list[Any]]]]
    row: tuple[Any, ...]

    @property
    def id(self) -> UUID:
        """The event's."""
        return self.event[0]


def prepare(
    draft: Draft, recorded_at: datetime, salts: entries.SaltSource = os.urandom
) -> Prepared:
    """Build the rows of a draft without touching the database; `salts` gives random bytes.

    Raises:
        UnknownAction, EntryError: as `record`.
    """
    spec = action_registry.get(draft.action)
    id = draft.id or clock.uuid7()
    fields = _fields(draft, spec.severity, recorded_at)
    built = entries.build(fields, id=id, salt_source=salts)
    public = entries.reveal(built.document, built.openings)
    event = (id, built.entry, leaf_hash(built.entry), recorded_at)
    level = human_levels.level(public)
    return Prepared(event, _openings(id, built.openings), values_of(public, level, id))


def _fields(draft: Draft, severity: str, recorded_at: datetime) -> dict[str, Any]:
    actor, target = draft.actor, draft.target
    private = dict(draft.private or {})
    if actor.ip:
        private.setdefault("ip", actor.ip)
    return {
        "time": draft.time or recorded_at,
        "recorded_at": recorded_at,
        "action": draft.action,
        "outcome": draft.outcome,
        "severity": draft.severity or severity,
        "source": draft.source,
        "instance": draft.instance or (target.instance if target else ""),
        "via": actor.via,
        "actor": {
            "iss": actor.iss,
            "sub": actor.sub,
            "name": actor.name,
            "email": actor.email,
            "roles": sorted(actor.roles),
        },
        "on_behalf_of": _person(draft.on_behalf_of),
        "target": {"kind": target.kind, "name": target.name, "instance": target.instance}
        if target
        else None,
        "connection": draft.connection,
        "agent": draft.agent or actor.agent,
        "skill": draft.skill,
        "approval": draft.approval,
        "operation": draft.operation,
        "session": actor.session,
        "request": actor.request,
        "intent_hash": draft.intent_hash,
        "reason": draft.reason,
        "changes": draft.changes,
        "data": dict(draft.data or {}),
        "private": private,
        "evidence": [
            {"kind": ref.kind, "digest": ref.digest}
            for ref in dict.fromkeys((*actor.evidence, *draft.evidence))
        ]
        if actor.evidence or draft.evidence
        else [],
    }


def _person(subject: Subject | None) -> dict[str, str] | None:
    if subject is None:
        return None
    return {
        "iss": subject.iss,
        "sub": subject.sub,
        "name": subject.name,
        "email": subject.email,
    }


def _openings(
    event: UUID, openings: Iterable[entries.Opening]
) -> list[tuple[UUID, str, dict[str, list[Any]]]]:
    by_subject: dict[str, dict[str, list[Any]]] = {}
    for one in openings:
        values = by_subject.get(one.subject)
        if values is None:
            values = by_subject[one.subject] = {}
        values[one.path] = [b2a_base64(one.salt, newline=False).decode(), one.value]
    return [(event, subject, values) for subject, values in by_subject.items()]
