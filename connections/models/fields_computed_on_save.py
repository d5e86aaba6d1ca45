"""Columns that say again what a row holds already, in a form that an index can count."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    _Text = models.CharField[Any, Any]
    _Flag = models.BooleanField[Any, Any]
else:
    _Text, _Flag = models.CharField, models.BooleanField  # generic for the type checker only


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


class FirstOf(_Flag):
    """Whether no earlier row of the same account names the same agent, or skill.

    So the accounts of each agent are its rows with this flag, and an index counts them. Code that
    adds a row holds the account's own (`accounts_and_uses.count`), so that two never both find
    themselves first.
    Many rows added by one statement do not see each other: only tools that fill databases do that;
    they say True, so that nothing is asked, and call `mark_firsts` of
    `connections.migrations._first_uses`.
    """

    def __init__(self, name: str, *args: Any, **kwargs: Any) -> None:
        self.named = name
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, [self.named, *args], kwargs

    def pre_save(self, model_instance: models.Model, add: bool) -> bool:
        if add and not getattr(model_instance, self.attname):
            wanted = {key: getattr(model_instance, key) for key in ("account_id", self.named)}
            known = type(model_instance)._default_manager.filter(**wanted)
            setattr(model_instance, self.attname, not known.exists())
        return bool(getattr(model_instance, self.attname))


class DayOf(models.Func):
    """The UTC day of a moment, so that an index changes once a day and not with each use."""

    arity = 1

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, Any]:
        sql, params = compiler.compile(self.source_expressions[0])
        return f"substr({sql}, 1, 10)", params

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, Any]:
        sql, params = compiler.compile(self.source_expressions[0])
        return f"(({sql}) AT TIME ZONE 'UTC')::date", params
