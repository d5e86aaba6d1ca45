"""Taking a person's words out of working rows: each occurrence becomes `[erased]`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from django.db import models
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from audit.erasure.subject_and_store_registry import MARK, Whose


def naming(rows: QuerySet[Any], fields: Sequence[str], whose: Whose) -> QuerySet[Any]:
    """Rows in which one of the fields may name the person: a little more than do."""
    if not whose.words:
        return rows.none()
    as_text = {f"as_text_{name}": Cast(name, TextField()) for name in fields}
    wanted = Q()
    for name in as_text:
        for word in whose.words:
            wanted |= Q(**{f"{name}__icontains": word})
            if (escaped := json.dumps(word)[1:-1]) != word:  # JSON columns may hold it so
                wanted |= Q(**{f"{name}__icontains": escaped})
    found: QuerySet[Any] = rows.alias(**as_text).filter(wanted)
    return found


def count(model: type[models.Model], fields: Sequence[str], whose: Whose) -> int:
    """How many rows name the person."""
    pattern = whose.pattern()
    if pattern is None:
        return 0
    found = naming(model._default_manager.all(), fields, whose)
    return sum(
        any(holds(getattr(row, name), pattern) for name in fields) for row in found.iterator()
    )


def scrub(
    model: type[models.Model], fields: Sequence[str], whose: Whose, *, names: bool = True
) -> int:
    """Replace the person's words in every row that identifies them; returns in how many.

    With `names` their names and labels go too, in these rows alone.
    """
    identity, pattern, changed = whose.pattern(), whose.pattern(labels=names), 0
    if identity is None or pattern is None:
        return 0
    for row in list(naming(model._default_manager.all(), fields, whose)):
        if not any(holds(getattr(row, name), identity) for name in fields):
            continue
        changes = {}
        for name in fields:
            value = getattr(row, name)
            if (clean := cleaned(value, pattern)) != value:
                longest = getattr(model._meta.get_field(name), "max_length", None)
                changes[name] = clean[:longest] if isinstance(clean, str) else clean
        if changes:
            model._default_manager.filter(pk=row.pk).update(**changes)
            changed += 1
    return changed


def holds(value: Any, pattern: re.Pattern[str]) -> bool:
    """Whether a JSON value names the person, in a key or anywhere inside."""
    if isinstance(value, str):
        return bool(pattern.search(value))
    if isinstance(value, dict):
        return any(holds(part, pattern) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple):
        return any(holds(part, pattern) for part in value)
    return False


def cleaned(value: Any, pattern: re.Pattern[str]) -> Any:
    """The value without the person's words."""
    if isinstance(value, str):
        return pattern.sub(MARK, value)
    if isinstance(value, dict):
        return {cleaned(k, pattern): cleaned(v, pattern) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(part, pattern) for part in value]
    return value
