"""Bulk insertion: rows of one model, as many per statement as the engine takes."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import models


def insert(rows: Sequence[models.Model]) -> None:
    """Insert rows that are all of one model.

    Raises:
        IntegrityError: one of them exists already.
    """
    if rows:
        type(rows[0])._default_manager.bulk_create(rows)
