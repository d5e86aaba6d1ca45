"""Rows of the search projection, made from public events, and made anew after an erasure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from audit import actions, terms
from audit.ledger.commitment import subject_key
from audit.ledger.vocabulary import severity_rank
from audit.models import EventRow

COLUMNS = tuple(f.attname for f in EventRow._meta.concrete_fields)
DERIVED = tuple(name for name in COLUMNS if name not in ("event", "seq"))


def row_of(event: Mapping[str, Any], human: str) -> EventRow:
    """The row of a public event; `seq` is its index, None before it has one."""
    actor, target = event["actor"], event["target"] or {}
    sub = shown_text(actor["sub"])
    return EventRow(
        event=UUID(event["id"]),
        seq=event["index"],
        time=datetime.fromisoformat(event["time"]),
        recorded_at=datetime.fromisoformat(event["recorded_at"]),
        action=event["action"],
        family=event["action"].partition(".")[0],
        outcome=event["outcome"],
        severity=severity_rank(event["severity"]),
        source=event["source"],
        instance=event["instance"],
        actor_key=subject_key(actor["iss"], sub),
        actor_sub=sub,
        actor_name=shown_text(actor["name"]),
        actor_email=shown_text(actor["email"]),
        roles=" ".join(actor["roles"]),
        target_kind=target.get("kind", ""),
        target_name=shown_text(target.get("name")),
        connection=event["connection"],
        agent=event["agent"],
        skill=event["skill"],
        approval=event["approval"],
        operation=event["operation"],
        session=event["session"],
        request=event["request"],
        via=event["via"],
        human=human,
        sentence=_storable(actions.sentence(event)),
        terms=terms.terms_of(event, human),
    )


def shown_text(value: Any) -> str:
    """A personal value for a column: empty when erased."""
    return _storable(value) if isinstance(value, str) else ""


def _storable(text: str) -> str:
    # PostgreSQL has no NUL in text; the exact value stays in the openings.
    return text.replace("\0", "\N{SYMBOL FOR NULL}")


def differences(row: EventRow, expected: EventRow) -> list[str]:
    """Names of columns in which a stored row is not what its entry says."""
    return [name for name in DERIVED if getattr(row, name) != getattr(expected, name)]


def update_rows(pairs: Iterable[tuple[EventRow, EventRow]]) -> None:
    """Write the derived columns of `expected` over those of the stored row, and index them."""
    from audit import fulltext

    for stored, expected in pairs:
        if stored.seq is not None:
            fulltext.replace(stored.seq, stored.terms, expected.terms)
        for name in DERIVED:
            setattr(stored, name, getattr(expected, name))
        stored.save(update_fields=list(DERIVED))
