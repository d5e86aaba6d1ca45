"""Queries that are asked with every request, compiled once.

Django builds and compiles a query anew each time, which costs several times what the database
needs for it. `compiled` keeps the SQL of a query that always has the same form, and puts other
values in. Where all its tables are watched, the rows are kept too (`audit.unchanged`): they are
shared then, and nobody may change them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import update_wrapper
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connection, models
from django.db.models.base import ModelState
from django.db.models.sql import UpdateQuery

from audit import unchanged

type _Places = tuple[tuple[int, int], ...]  # position among the parameters, of which argument


@dataclass(frozen=True, slots=True)
class _Form[M: models.Model]:
    """One compiled query."""

    sql: str
    params: tuple[Any, ...]
    places: _Places
    model: type[M]
    names: tuple[str, ...]
    compiler: Any
    converters: Any
    tables: frozenset[str]

    def rows(self, given: Sequence[Any]) -> list[M]:
        """Ask with these values, prepared for the database."""
        with connection.cursor() as cursor:
            cursor.execute(self.sql, _filled(self.params, self.places, given))
            found = cursor.fetchall()
        if found and self.converters:
            found = self.compiler.apply_converters(found, self.converters)
        return [self._made(row) for row in found]

    def _made(self, row: Sequence[Any]) -> M:
        """As `Model.from_db`, without a look at each field: whole rows of plain columns."""
        made = self.model.__new__(self.model)
        made._state = state = ModelState()
        state.adding, state.db = False, DEFAULT_DB_ALIAS
        vars(made).update(zip(self.names, row, strict=True))
        return made


class Compiled[M: models.Model, **P]:
    """A function that builds a query, as a function that returns its rows.

    Arguments are texts, moments, UUIDs and whole numbers, by position, and never decide about the
    form of the query. It reads whole rows of one model: no `values`, `select_related`, prefetching.
    """

    def __init__(self, build: Callable[P, models.QuerySet[M]]) -> None:
        self._build: Callable[..., models.QuerySet[M]] = build
        self._forms: dict[str, _Form[M]] = {}
        update_wrapper(self, build)

    def __call__(self, *given: P.args, **_: P.kwargs) -> list[M]:
        """The rows.

        Raises:
            TypeError: an argument is of another kind, or the query does not hold it as it is.
        """
        kept = unchanged.current()
        if kept is not None and (found := kept.find((self, given))) is not None:
            return list(found)
        form = self._form(given)
        rows = form.rows([_prepared(value) for value in given])
        if kept is not None and unchanged.are_watched(form.tables):
            kept.keep((self, given), tuple(rows))
        return rows

    def _form(self, given: Sequence[object]) -> _Form[M]:
        form = self._forms.get(connection.vendor)
        if form is None:
            form = self._forms[connection.vendor] = self._compile(given)
        return form

    def _compile(self, given: Sequence[object]) -> _Form[M]:
        marks = _marks(given)
        query = self._build(*marks).query
        compiler = query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        columns = [one for one, _, _ in compiler.select]
        model: Any = query.model
        names = tuple(one.target.attname for one in columns)
        if names != tuple(field.attname for field in model._meta.concrete_fields):
            raise TypeError("a query to be compiled reads whole rows")
        return _Form(
            sql=sql,
            params=tuple(params),
            places=_places(params, marks),
            model=model,
            names=names,
            compiler=compiler,
            converters=compiler.get_converters(columns),
            tables=_tables(sql),
        )


class CompiledUpdate[M: models.Model, **P]:
    """A function that returns rows and what to change of them, as a function that changes them."""

    def __init__(self, build: Callable[P, tuple[models.QuerySet[M], Mapping[str, Any]]]) -> None:
        self._build: Callable[..., tuple[models.QuerySet[M], Mapping[str, Any]]] = build
        self._forms: dict[str, tuple[str, tuple[Any, ...], _Places]] = {}
        update_wrapper(self, build)

    def __call__(self, *given: P.args, **_: P.kwargs) -> int:
        """How many rows were changed.

        Raises:
            TypeError: as `Compiled`.
        """
        sql, params, places = self._form(given)
        with connection.cursor() as cursor:
            cursor.execute(sql, _filled(params, places, [_prepared(value) for value in given]))
            return int(cursor.rowcount)

    def _form(self, given: Sequence[object]) -> tuple[str, tuple[Any, ...], _Places]:
        form = self._forms.get(connection.vendor)
        if form is None:
            form = self._forms[connection.vendor] = self._compile(given)
        return form

    def _compile(self, given: Sequence[object]) -> tuple[str, tuple[Any, ...], _Places]:
        marks = _marks(given)
        rows, changes = self._build(*marks)
        query: Any = rows.query.chain(UpdateQuery)
        query.add_update_values(dict(changes))
        sql, params = query.get_compiler(connection=connection).as_sql()
        return sql, tuple(params), _places(params, marks)


def compiled[M: models.Model, **P](
    build: Callable[P, models.QuerySet[M]],
) -> Compiled[M, P]:
    """See `Compiled`."""
    return Compiled(build)


def compiled_update[M: models.Model, **P](
    build: Callable[P, tuple[models.QuerySet[M], Mapping[str, Any]]],
) -> CompiledUpdate[M, P]:
    """See `CompiledUpdate`."""
    return CompiledUpdate(build)


def _filled(params: Sequence[Any], places: _Places, given: Sequence[Any]) -> list[Any]:
    found = list(params)
    for place, number in places:
        found[place] = given[number]
    return found


def _places(params: Sequence[Any], marks: Sequence[object]) -> _Places:
    """Where among the parameters each mark is."""
    known = {_prepared(mark): number for number, mark in enumerate(marks)}
    kinds = (str, datetime, UUID, int)
    places = tuple(
        (place, known[value])
        for place, value in enumerate(params)
        if isinstance(value, kinds) and value in known
    )
    if {number for _, number in places} != set(range(len(marks))):
        raise TypeError("a query to be compiled holds each argument as it is")
    return places


def _tables(sql: str) -> frozenset[str]:
    """Every table that a query names anywhere, also in a query within it."""
    known = (model._meta.db_table for model in apps.get_models(include_auto_created=True))
    return frozenset(table for table in known if f'"{table}"' in sql)


def _marks(given: Sequence[object]) -> list[Any]:
    return [_mark(value, number) for number, value in enumerate(given)]


def _mark(value: object, number: int) -> Any:
    """A value of the same kind that no query holds by itself."""
    if isinstance(value, str):
        return f"\N{REPLACEMENT CHARACTER}argument {number}"
    if isinstance(value, datetime):
        return datetime(9998, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
    if isinstance(value, UUID):
        return UUID(int=2**128 - 1 - number)
    if type(value) is int:
        return 2**15 - 1 - number
    raise TypeError(f"a compiled query takes no {type(value).__name__}")


def _prepared(value: object) -> Any:
    """A value as the database takes it."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, UUID) and not connection.features.has_native_uuid_field:
        return value.hex
    return value
