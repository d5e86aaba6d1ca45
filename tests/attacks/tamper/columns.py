"""Every column of every table of the room, generated from its models, and values that bend it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.db import models

from audit.ledger.format.allowed_field_values import HUMAN_WORDS, OUTCOMES
from audit.models import (
    Checkpoint,
    Cosignature,
    Entry,
    Event,
    EventRow,
    EvidenceItem,
    ExportBlock,
    ExportJob,
    ImportedRow,
    Openings,
    PushProgress,
    QuarantinedRow,
    RepeatedTag,
    Rollup,
    RowForm,
    SavedView,
    Tile,
    TimeToken,
    VerificationRun,
    ViewNotification,
    WeeklyDigest,
    WitnessState,
)
from audit.models.exact_json_field import ExactJSONField
from tests.audit.factories import OLU
from tests.support import authority

type Model = type[models.Model]

MODELS: list[Model] = list(apps.get_app_config("audit").get_models())

NOT_HELD: dict[Model, str] = {
    QuarantinedRow: "a list for a person to look at and delete; the event of the import commits to "
    "what was set aside",
    ExportBlock: "a cache that may be deleted; a line counts only under its HMAC",
    PushProgress: "how far pushes have come; a gap that was found is an event",
    RowForm: "in which forms a row arrived, so that a push and its database row are one event; "
    "what the event says stands in its entry",
    SavedView: "no evidence: how somebody likes to look; sharing one is an event with its filter",
    ViewNotification: "no evidence: how far a view's new rows were counted for its owner, and when "
    "they were notified",
    WeeklyDigest: "no evidence: when a person is next sent an e-mail about their views",
    WitnessState: "what a witness answered last; what counts are cosignatures, and what "
    "stops the signing is a file",
}
"""Tables that are no part of what is verified, one reason each."""

HARMLESS: dict[tuple[Model, str], str] = {
    (Openings, "id"): "numbers the row; nothing refers to it",
    (Tile, "id"): "numbers the row; nothing refers to it",
    (Rollup, "id"): "numbers the row; nothing refers to it",
    (Cosignature, "id"): "orders the lines of a note, which mean the same in any order",
    (TimeToken, "id"): "numbers the row; nothing refers to it",
    (RepeatedTag, "id"): "numbers the row; nothing refers to it",
    (TimeToken, "authority"): "the address that was asked; who signed stands in the token",
    (ImportedRow, "seen"): "when the import began; shown nowhere, the event's recorded_at counts",
    (EvidenceItem, "created"): "when the body came; shown nowhere, a token's own iat counts",
    (ExportJob, "expected"): "an estimate for the progress bar; what was written is `rows`",
    (ExportJob, "estimated"): "says that of `expected`",
    (VerificationRun, "seen"): "when a running verifier last said it lives; idle afterwards",
    (VerificationRun, "started"): "when a worker took the run; shown nowhere once it ended",
    **{
        (model, str(field.column)): reason
        for model, reason in NOT_HELD.items()
        for field in model._meta.concrete_fields
    },
}
"""Columns whose change is no lie about the past, one reason each."""

CODES: dict[Model, set[str]] = {
    Event: {"leaf", "entry", "event", "gap"},
    Openings: {"opening", "projection"},
    Entry: {"gap", "tile", "projection"},
    Tile: {"tile"},
    Checkpoint: {"checkpoint"},
    Cosignature: {"cosignature"},
    TimeToken: {"time"},
    EvidenceItem: {"evidence"},
    ImportedRow: {"import"},
    RepeatedTag: {"import"},
    ExportJob: {"work"},
    VerificationRun: {"work"},
    EventRow: {"projection", "level"},
    Rollup: {"counts"},
}
"""What a change of a table is called; one of these must be among what is found."""


def fields() -> Iterator[tuple[Model, models.Field[Any, Any]]]:
    """Every table and column."""
    for model in MODELS:
        for field in model._meta.concrete_fields:
            yield model, field


def victims(model: Model, column: str) -> list[tuple[models.Model, int | None]]:
    """Rows to bend, each with the index that must be named (None where no entry is concerned)."""
    if model is TimeToken and not authority.is_here():
        pytest.skip("openssl is not installed: nobody here makes time tokens")
    found = _VICTIMS[model]()
    if (model, column) == (Tile, "hashes"):
        return [(row, 128) for row, _ in found]  # the middle of 256 leaves
    if (model, column) == (Checkpoint, "id"):
        return found[:-1]  # the newest stays the newest whatever higher number it gets
    if (model, column) == (ImportedRow, "id"):
        return found[1:2]  # its order tells which of two contents came first
    return found


def _at(index: int) -> UUID:
    return UUID(str(Entry.objects.get(seq=index).event_id))


def _indexed(action: str) -> Iterator[tuple[int, UUID]]:
    rows = EventRow.objects.filter(action=action).order_by("seq")
    for seq, event in rows.values_list("seq", "event"):
        assert seq is not None
        yield seq, event


def _done(model: Any, action: str) -> list[tuple[models.Model, int | None]]:
    from audit.recording.stored_event_loader import load

    found: list[tuple[models.Model, int | None]] = []
    for seq, event in _indexed(action):
        public = load(event)
        key = public["data"].get("export") or public["operation"]
        found.append((model.objects.get(id=key), seq))
    return found[-1:]


def _evidence() -> list[tuple[models.Model, int | None]]:
    return [
        (EvidenceItem.objects.get(kind="id_token"), 0),
        (EvidenceItem.objects.get(kind="approval_token"), 1),
        (EvidenceItem.objects.get(kind="issuer_keys"), None),
        (EvidenceItem.objects.get(kind="issuer_discovery"), None),
    ]


def _imported() -> list[tuple[models.Model, int | None]]:
    (change, _), *_ = _indexed("defenseclaw.row_changed")
    found: list[tuple[models.Model, int | None]] = []
    for seq, event in _indexed("defenseclaw.skill-block"):
        rows = ImportedRow.objects.filter(event=event).order_by("id")
        found += [(row, seq if row == rows[0] else change) for row in rows]
    return sorted(found, key=lambda pair: ImportedRow.objects.filter(event=pair[0].event).count())  # type: ignore[attr-defined]


_VICTIMS: dict[Model, Callable[[], list[tuple[models.Model, int | None]]]] = {
    Event: lambda: [(Event.objects.get(id=_at(i)), i) for i in (1, 258)],
    Openings: lambda: [(Openings.objects.get(event=_at(1), subject=OLU.key), 1)],
    Entry: lambda: [(Entry.objects.get(seq=i), i) for i in (100, 258)],
    Tile: lambda: [(Tile.objects.get(), 0)],
    Checkpoint: lambda: [
        (row, row.size) for row in Checkpoint.objects.filter(size__gt=0).order_by("id")
    ],
    Cosignature: lambda: [(Cosignature.objects.get(), None)],
    TimeToken: lambda: [(TimeToken.objects.get(), None)],
    EvidenceItem: _evidence,
    ImportedRow: _imported,
    RepeatedTag: lambda: [(RepeatedTag.objects.get(), None)],
    ExportJob: lambda: _done(ExportJob, "audit.exported"),
    VerificationRun: lambda: _done(VerificationRun, "audit.verified"),
    EventRow: lambda: [(EventRow.objects.get(seq=1), 1)],
    Rollup: lambda: [(Rollup.objects.filter(action="operator.signed_in", grain=1).get(), 0)],
}


def bends(field: models.Field[Any, Any], value: Any) -> list[Any]:
    """Other values of the column's own type: what a careful forger would write."""
    if isinstance(field, models.UUIDField | models.OneToOneField):
        return [UUID(int=value.int ^ 1) if value else uuid4()]
    if isinstance(field, models.BinaryField):
        raw = bytes(value)
        middle = len(raw) // 2
        return [raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :]]
    if isinstance(field, models.DateTimeField):
        if value is None:
            return [datetime(2026, 11, 1, tzinfo=UTC)]
        return [value + timedelta(days=400), value - timedelta(days=400)]
    if isinstance(field, models.IntegerField):
        free = field.primary_key or field.name == "seq"  # no other row has it
        return [value + 1_000_000 if free else value + 1]
    if isinstance(field, ExactJSONField | models.JSONField):
        return [_bent_json(value)]
    if field.name == "human":
        return [level for level in sorted(HUMAN_WORDS) if level != value]
    if field.name == "outcome":
        return [next(word for word in OUTCOMES if word != value)]
    if field.choices or isinstance(value, bool):
        choices = [choice for choice, _ in field.choices or ()] or [True, False]
        return [choice for choice in choices if choice != value]
    return [value[:-1] + ("x" if value[-1:] != "x" else "y")]


def _bent_json(value: Any) -> Any:
    """The same shape with one leaf changed: the last text or number in it."""
    bent = copy.deepcopy(value)
    places = [(holder, key) for holder, key in _leaves(bent) if _simple(holder[key])]
    holder, key = places[-1]
    held = holder[key]
    holder[key] = held + 1 if isinstance(held, int) else f"{held}x"
    return bent


def _simple(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    keys: Any = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        if isinstance(value[key], dict | list):
            yield from _leaves(value[key])
        else:
            yield value, key
