"""Versions of the policy, held to the events that made them; part of `verify_ledger`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from uuid import UUID

from approvals.erasure.erased_or_altered_documents import standing
from approvals.erasure.permitted_gaps import Excuses
from approvals.models import PolicyVersion
from approvals.pipeline.intent import digest
from audit.verification.checks import checks_from_other_apps
from audit.verification.checks.checks_from_other_apps import Wrong, is_of, opened


def problems() -> Iterator[Wrong]:
    """Rows that no event made, events whose row is gone, and rows that say something else."""
    changed = {
        UUID(one["id"]): one
        for one in checks_from_other_apps.events_of("policy.changed")
        if _made(one)
    }
    rows = list(PolicyVersion.objects.order_by("id"))
    excuses = Excuses()
    for row in rows:
        event = changed.get(row.event_id) if row.event_id else None
        if event is None:
            yield Wrong(f"version {row.digest[:12]} of the policy is in no policy.changed entry")
            continue
        for what in _differing(row, event, excuses):
            yield Wrong(f"the policy of this entry has another {what}", event["index"], event["id"])
    there = {row.event_id for row in rows}
    for id, event in changed.items():
        if id not in there:
            message = "the policy of this entry is missing from the database"
            yield Wrong(message, event["index"], event["id"])
    placed = [(row, changed[row.event_id]) for row in rows if row.event_id in changed]
    for (_, before), (row, event) in pairwise(placed):
        if before["id"] > event["id"]:  # the newest row is the policy in force
            message = f"version {row.digest[:12]} of the policy stands behind a later one"
            yield Wrong(message, event["index"], event["id"])


def _made(event: dict[str, Any]) -> bool:
    return "after" in event["data"]


def _differing(row: PolicyVersion, event: dict[str, Any], excuses: Excuses) -> Iterator[str]:
    if row.digest != event["data"]["after"]:
        yield "digest"
    try:
        if standing(row.digest, digest(row.document)).altered:
            yield "document"
    except ValueError:
        yield "document"
    for name in ("approval", "operation"):
        if getattr(row, name) != event[name]:
            yield name
    if not is_of(row.created, event):
        yield "time"
    if _other_author(row, event["actor"], excuses):
        yield "author"


def _other_author(row: PolicyVersion, actor: dict[str, Any], excuses: Excuses) -> bool:
    sub = opened(actor["sub"])
    if excuses.differ(row, "author", row.author.get("sub"), sub, who=(actor["iss"], sub)):
        return True
    return row.author.get("iss") != actor["iss"] or any(
        excuses.differ(row, "author", row.author.get(name), opened(actor[name]))
        for name in ("name", "email")
    )


checks_from_other_apps.register("policies", problems)
