"""Events that other systems report: stored as `external.<action>`, asserted and never more.

The reporter is named in `reported_by`; who acted is their claim, carries no evidence (H0), and
never counts as an act of the reporter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audit import clock
from audit.importing.secret_masking import mask
from audit.ingest import clear_or_committed_fields
from audit.ingest.clear_or_committed_fields import Names
from audit.ledger.format.allowed_field_values import OUTCOMES, SEVERITIES
from audit.ledger.format.canonical import EntryError
from audit.ledger.query import instant
from audit.recording import action_registry
from audit.recording.actors import Actor, Subject, Target
from audit.recording.record import Draft, Prepared, prepare, write

MOST = 1000
_ACTION = re.compile(r"[a-z][a-z0-9_]{0,59}(?:\.[a-z0-9][a-z0-9_-]{0,59}){0,4}")
_EARLIEST = datetime.fromisoformat("1970-01-01T00:00:00Z")
_AHEAD = timedelta(minutes=5)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Someone(_Strict):
    """A person or program that the reporter claims to have seen acting."""

    iss: str = Field("", max_length=300)
    sub: str = Field("", max_length=300)
    name: str = Field("", max_length=300)
    email: str = Field("", max_length=300)


class Thing(_Strict):
    """What was acted on."""

    kind: str = Field("", max_length=60)
    name: str = Field("", max_length=500)
    instance: str = Field("", max_length=100)


class Reported(_Strict):
    """One event as another system reports it. `time` is RFC 3339; without it, now."""

    action: str = Field(max_length=200)
    time: str = ""
    outcome: str = "success"
    severity: str = "INFO"
    actor: Someone | None = None
    on_behalf_of: Someone | None = None
    target: Thing | None = None
    instance: str = Field("", max_length=100)
    connection: str = Field("", max_length=100)
    agent: str = Field("", max_length=200)
    skill: str = Field("", max_length=200)
    operation: str = Field("", max_length=200)
    reason: str = Field("", max_length=4000)
    data: dict[str, Any] = Field(default_factory=dict, max_length=100)


class Refused(ValueError):
    """An item that is not recorded."""

    def __init__(self, code: str, detail: str, pointer: str) -> None:
        super().__init__(detail)
        self.code, self.detail, self.pointer = code, detail, pointer


def report(reporter: Actor, items: Sequence[Any]) -> list[dict[str, Any]]:
    """Record what can be, refuse the rest item by item; results as the API shows them, in order.

    Raises:
        ValueError: more than MOST items.
    """
    if len(items) > MOST:
        raise ValueError(f"at most {MOST:,} events at a time, not {len(items):,}")
    results: list[dict[str, Any]] = []
    found: list[Prepared] = []
    recorded_at, names = clock.now(), Names()
    for index, item in enumerate(items):
        try:
            rows = _rows(reporter, item, recorded_at, names)
        except Refused as refused:
            why = {"code": refused.code, "detail": refused.detail}
            pointer = f"/{index}{refused.pointer}"
            results.append({"index": index, "status": "refused", **why, "pointer": pointer})
        else:
            found.append(rows)
            results.append({"index": index, "status": "recorded", "id": str(rows.id)})
    with transaction.atomic():
        write(found)
    return results


def _rows(reporter: Actor, item: Any, recorded_at: datetime, names: Names) -> Prepared:
    event = _read(item)
    action = _action(event.action)
    clear, committed = names.split(_plain_fields(event))
    extra = {clear_or_committed_fields.FIELD: mask(committed)} if committed else {}
    draft = Draft(
        actor=_claimed(event.actor, clear["actor.iss"], reporter),
        action=action,
        outcome=_one_of(event.outcome, OUTCOMES, "outcome"),
        severity=_one_of(event.severity, SEVERITIES, "severity"),
        source="external",
        instance=clear["instance"],
        target=_target(event.target, clear),
        on_behalf_of=_subject(event.on_behalf_of, clear["on_behalf_of.iss"]),
        connection=clear["connection"],
        agent=clear["agent"],
        skill=clear["skill"],
        reason=mask(event.reason),
        # Nobody knows what others put in here, so all of it can be erased.
        private=mask(event.data)
        | extra
        | {"reported_by": {"iss": reporter.iss, "sub": reporter.sub, "name": reporter.name}},
        time=_time(event.time),
    )
    try:
        return prepare(draft, recorded_at)
    except EntryError as error:
        pointer = error.pointer.replace("/private", "/data", 1)
        raise Refused("invalid_event", f"{pointer}: {error}", pointer) from None


def _read(item: Any) -> Reported:
    try:
        event = Reported.model_validate(item, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        pointer = "".join(f"/{part}" for part in first["loc"])
        raise Refused("invalid_event", f"{pointer or 'event'}: {first['msg']}", pointer) from None
    for name in ("reported_by", clear_or_committed_fields.FIELD):
        if name in event.data:
            detail = f"data.{name} is set by this portal; leave it out"
            raise Refused("invalid_event", detail, f"/data/{name}")
    return event


def _action(name: str) -> str:
    if not _ACTION.fullmatch(name):
        detail = "action is lower case words with dots between, such as deploy.started"
        raise Refused("invalid_event", detail, "/action")
    if name.partition(".")[0] in action_registry.families():
        detail = (
            f"{name} is a name of this portal's own events; report under another family, "
            "such as deploy.started"
        )
        raise Refused("reserved_action", detail, "/action")
    return f"external.{name}"


def _plain_fields(event: Reported) -> dict[str, str]:
    """What would stand in the entry in clear, by names with dots."""
    target = event.target or Thing()
    return {
        "instance": event.instance,
        "connection": event.connection,
        "agent": event.agent,
        "skill": event.skill,
        "operation": event.operation,
        "target.kind": target.kind,
        "target.instance": target.instance,
        "actor.iss": event.actor.iss if event.actor else "",
        "on_behalf_of.iss": event.on_behalf_of.iss if event.on_behalf_of else "",
    }


def _target(target: Thing | None, clear: Mapping[str, str]) -> Target | None:
    if target is None:
        return None
    return Target(clear["target.kind"], target.name, clear["target.instance"])


def _subject(someone: Someone | None, iss: str) -> Subject | None:
    return Subject(**someone.model_dump() | {"iss": iss}) if someone else None


def _claimed(someone: Someone | None, iss: str, reporter: Actor) -> Actor:
    """The claimed actor: without roles, sign-in or evidence."""
    claimed = someone or Someone()
    return Actor(
        iss=iss,
        sub=claimed.sub,
        name=claimed.name,
        email=claimed.email,
        via="api",
        request=reporter.request,
    )


def _one_of(value: str, allowed: Sequence[str], field: str) -> str:
    if value not in allowed:
        raise Refused("invalid_event", f"{field} is one of {', '.join(allowed)}", f"/{field}")
    return value


def _time(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = instant(text)
    except (ValueError, OverflowError):
        detail = "time is RFC 3339, such as 2026-01-31T09:30:00Z"
        raise Refused("invalid_event", detail, "/time") from None
    if not _EARLIEST <= moment <= clock.now() + _AHEAD:
        detail = "time lies before 1970 or in the future; check the clock of the reporter"
        raise Refused("invalid_event", detail, "/time")
    return moment
