"""Columns that say again what a row holds already, in a form that an index can count."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    _Text = models.CharField[Any, Any]
else:
    _Text = models.CharField  # generic for the type checker only


def grant_digest(scopes: Iterable[str]) -> str:
    """Names a set of scopes: accounts with the same ones have the same digest."""
    return hashlib.sha256("\n".join(sorted(set(scopes))).encode()).hexdigest()[:16]


class GrantDigest(_Text):
    """`grant_digest` of the row's scopes, written with them: thousands of accounts have a handful
    of grants, and what holds for a grant is asked once."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        value = grant_digest(getattr(model_instance, "scopes", ()))
        setattr(model_instance, self.attname, value)
        return value


class DayOf(models.Func):
    """The UTC day of a moment, so that an index changes once a day and not with each use."""

    arity = 1

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, Any]:
        sql, params = compiler.compile(self.source_expressions[0])
        return f"substr({sql}, 1, 10)", params

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, Any]:
        sql, params = compiler.compile(self.source_expressions[0])
        return f"(({sql}) AT TIME ZONE 'UTC')::date", params
