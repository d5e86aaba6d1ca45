"""A plan as SQL: FTS5 drives on SQLite, a GIN index on PostgreSQL; pending rows through the ORM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from audit.models import EventRow
from audit.search import fulltext_index
from audit.search.index_tokens import ALL
from audit.search.query_plan import Group, Plan, Token

CAP = 10_000  # up to so many matches are counted one by one, and every one of them is looked at
_WIDE = 4  # alternatives
_BLOCK = 16  # bits of a position within a block of audit.search.fulltext_index.PG_BLOCK


def rows(
    plan: Plan,
    columns: str,
    *,
    beyond: int | None,
    descending: bool,
    limit: int,
    common: bool = False,
    desert: int | None = None,
    ordered: bool = True,
) -> tuple[str, list[Any]]:
    """SQL and parameters that select sequenced rows in order of position.

    Args:
        plan: conditions.
        columns: of `r`, the row.
        beyond: position that the rows lie behind, in the direction of travel.
        descending: newest first.
        limit: most rows to return.
        common: so many match that rows are read in order and tested; else the index finds all.
        desert: up to this position hardly any row matches, so the index finds those.
        ordered: False takes any rows, so that a caller who wants all of a few can stop after many.
    """
    lazy = connection.vendor == "sqlite" and (desert is not None or not _has_prefix(plan))
    if not common or not plan.groups or lazy:
        return _found(plan, columns, beyond, descending, limit, ordered=ordered)
    if desert is None:
        return _walked(plan, columns, beyond, descending, limit)
    few, values = _in_desert(plan, columns, beyond, desert, descending, limit)
    behind = desert + 1 if descending else desert - 1
    many, more = _walked(plan, columns, behind, descending, limit)
    order = "DESC" if descending else "ASC"
    sql = f"SELECT * FROM (({few}) UNION ALL ({many})) r ORDER BY r.seq {order} LIMIT %s"  # noqa: S608
    return sql, [*values, *more, limit]


def _has_prefix(plan: Plan) -> bool:
    """FTS5 walks matches in order and lazily, but first merges all words that start alike."""
    alternatives = (tokens for group in plan.groups for tokens in group.alternatives)
    return any(token.prefix for tokens in alternatives for token in tokens)


def _found(
    plan: Plan, columns: str, beyond: int | None, descending: bool, limit: int, *, ordered: bool
) -> tuple[str, list[Any]]:
    source, conditions, params, position = base(plan)
    if ordered:
        return _ordered(source, columns, conditions, params, position, beyond, descending, limit)
    where = " AND ".join(conditions)
    return f"SELECT {columns} FROM {source} WHERE {where} LIMIT %s", [*params, limit]  # noqa: S608


def _walked(
    plan: Plan, columns: str, beyond: int | None, descending: bool, limit: int
) -> tuple[str, list[Any]]:
    condition, params = test(plan)
    return _ordered(
        "audit_eventrow r", columns, ["r.seq IS NOT NULL", condition], params, "r.seq",
        beyond, descending, limit,
    )  # fmt: skip


def _ordered(
    source: str,
    columns: str,
    conditions: list[str],
    params: list[Any],
    position: str,
    beyond: int | None,
    descending: bool,
    limit: int,
) -> tuple[str, list[Any]]:
    if beyond is not None:
        conditions.append(f"{position.removesuffix(' + 0')} {'<' if descending else '>'} %s")
        params.append(beyond)
    order = f"{position} {'DESC' if descending else 'ASC'}"
    where = " AND ".join(conditions)
    sql = f"SELECT {columns} FROM {source} WHERE {where} ORDER BY {order} LIMIT %s"  # noqa: S608
    return sql, [*params, limit]


def _in_desert(
    plan: Plan, columns: str, beyond: int | None, desert: int, descending: bool, limit: int
) -> tuple[str, list[Any]]:
    """Matches between `beyond` and `desert`, block by block until there are enough."""
    low, high = (desert, beyond) if descending else (beyond, desert)
    top = f"{high}" if high is not None else "(SELECT max(seq) FROM audit_entry)"
    first, last = f"({low or 0} >> {_BLOCK})", f"({top} >> {_BLOCK})"
    conditions = ["r.seq > %s"] if low is not None else []
    conditions += ["r.seq < %s"] if high is not None else []
    limits = [each for each in (low, high) if each is not None]
    source, found, params, position = base(plan)
    where = " AND ".join(
        [f"{fulltext_index.PG_BLOCK_OF_R} @> ARRAY[b.n::bigint]", *conditions, *found]
    )
    order = "DESC" if descending else "ASC"
    series = f"{last}, {first}, -1" if descending else f"{first}, {last}, 1"
    inner = (
        f"SELECT {columns} FROM {source} WHERE {where} "  # noqa: S608 - constant names
        f"ORDER BY {position} {order} LIMIT {limit}"
    )
    sql = (
        f"SELECT r.* FROM generate_series({series}) b(n) "  # noqa: S608 - numbers only
        f"CROSS JOIN LATERAL ({inner}) r LIMIT {limit}"
    )
    return sql, [*limits, *params]


def count(plan: Plan, cap: int) -> int:
    """How many sequenced rows match, counted up to `cap`."""
    source, conditions, params, _ = base(plan)
    where = " AND ".join(conditions)
    inner = f"SELECT 1 FROM {source} WHERE {where} LIMIT %s"  # noqa: S608 - constant names
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({inner}) counted", [*params, cap])  # noqa: S608
        return int(cursor.fetchone()[0])


def count_in(plan: Plan, first: int, end: int, cap: int) -> int:
    """How many rows at `first <= seq < end` match, counted up to `cap`.

    Reads no row outside that range: SQLite's full-text index walks its part of it, and PostgreSQL,
    whose index would find matches of the whole log, tests the rows of the range.
    """
    found = 0
    for low, high in ((0, None),) if plan.ranges is None else plan.ranges:
        within = max(low, first), end if high is None else min(high, end)
        if within[0] < within[1] and found < cap:
            found += _count_range(plan, *within, cap - found)
    return found


def _count_range(plan: Plan, first: int, end: int, cap: int) -> int:
    sql, params = rows(
        replace(plan, ranges=((first, end),)),
        "r.seq",
        beyond=first - 1,
        descending=False,
        limit=cap,
        common=True,
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({sql}) counted", params)  # noqa: S608 - constant names
        return int(cursor.fetchone()[0])


def base(plan: Plan) -> tuple[str, list[str], list[Any], str]:
    """Source, conditions, parameters and position of the rows that the full-text index finds."""
    source, position = "audit_eventrow r", "r.seq"
    conditions = ["r.seq IS NOT NULL"]
    params: list[Any] = []
    if plan.groups and connection.vendor == "sqlite":
        # CROSS JOIN keeps the full-text index outside: it walks matches in order of position and
        # stops at the limit.
        source = f"{fulltext_index.TABLE} f CROSS JOIN audit_eventrow r ON r.seq = f.rowid"
        position = "f.rowid"
        conditions.append(f"f.{fulltext_index.TABLE} MATCH %s")
        params.append(match_expression(plan.groups))
    elif plan.groups:
        # The operator lets the index find the rows. No index has the order of the sum, so the
        # planner, which knows little of how often tokens meet, cannot choose to walk instead.
        position = "r.seq + 0"
        for groups in _keys(plan.groups):
            conditions.append(f"r.{fulltext_index.PG_VECTOR} @@ %s::tsquery")
            params.append(tsquery(groups))
    _limit(plan, "f.rowid" if position == "f.rowid" else "r.seq", conditions, params)
    _first_of_operation(plan, conditions, params)
    return source, conditions, params, position


def _keys(groups: Sequence[Group]) -> list[list[Group]]:
    """Groups by the key of the index scan that finds them.

    A key is looked at whole for each row that one of its rarer tokens is in. A group of many
    alternatives (hours, actions) has rare ones, so it would drive the search although another
    group is rarer; as a separate key it is only looked up at the rows that the other keys find.
    """
    wide = [group for group in groups if len(group.alternatives) > _WIDE and not group.excluded]
    rest = [group for group in groups if group not in wide]
    if wide and all(group.excluded for group in rest):  # what is only excluded finds nothing
        rest.append(wide.pop())
    return [rest, *([group] for group in wide)]


def test(plan: Plan, row: str = "r") -> tuple[str, list[Any]]:
    """SQL and parameters that test one sequenced row, without any index; cheap tests first."""
    conditions: list[str] = []
    params: list[Any] = []
    _limit(plan, f"{row}.seq", conditions, params, row)
    groups = [group for group in plan.groups if not group.time]
    conditions += [_equals(group, params, row) for group in groups if group.column]
    words = [group for group in groups if not group.column]
    if words and connection.vendor == "postgresql":
        conditions.append(
            f"ts_match_vq({row}.{fulltext_index.PG_VECTOR}, %s::tsquery)"
        )  # no index has it
        params.append(tsquery(words))
    else:
        conditions += [_has(group, params, row) for group in words]
    _first_of_operation(plan, conditions, params)
    return " AND ".join(conditions) or "1 = 1", params


def _first_of_operation(plan: Plan, conditions: list[str], params: list[Any]) -> None:
    if plan.firsts_of is None:
        return
    condition, values = test(plan.firsts_of, "o")
    earlier = (
        "o.operation = r.operation AND NOT (o.operation = '') AND o.seq < r.seq"  # as its index
    )
    conditions.append(
        f"(r.operation = '' OR NOT EXISTS (SELECT 1 FROM audit_eventrow o "  # noqa: S608 - constant names
        f"WHERE {earlier} AND {condition}))"
    )
    params += values


def _equals(group: Group, params: list[Any], row: str) -> str:
    # With the sign, SQLite does not build or choose an index over the whole table for it.
    column = f"{'+' if connection.vendor == 'sqlite' else ''}{row}.{group.column}"
    parts = []
    if exact := [value for value in group.values if not value.endswith(".*")]:
        parts.append(f"{column} IN ({', '.join(['%s'] * len(exact))})")
        params += exact
    for family in (value[:-1] for value in group.values if value.endswith(".*")):
        parts.append(f"substr({column}, 1, {len(family)}) = %s")
        params.append(family)
    return f"{'NOT ' if group.excluded else ''}({' OR '.join(parts)})"


def _has(group: Group, params: list[Any], row: str) -> str:
    alternatives = []
    for tokens in group.alternatives:
        params += [_contained(token) for token in tokens]
        found = [f"instr({row}.terms, %s) > 0"] * len(tokens)
        alternatives.append(" AND ".join(found) or "1 = 1")
    joined = " OR ".join(f"({each})" for each in alternatives) or "0 = 1"
    return f"NOT ({joined})" if group.excluded else f"({joined})"


def _limit(
    plan: Plan, position: str, conditions: list[str], params: list[Any], row: str = "r"
) -> None:
    # With the sign, SQLite does not read by time and sort where rows are wanted by position.
    column = f"{'+' if connection.vendor == 'sqlite' and not plan.by_time else ''}{row}.time"
    for bound, operator in ((plan.start, ">="), (plan.end, "<")):
        if bound is not None:
            conditions.append(f"{column} {operator} %s")
            params.append(connection.ops.adapt_datetimefield_value(bound))
    if plan.ranges is not None:
        conditions.append(_within(plan.ranges, position, params))


def aware(found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows whose first column is a time, with its zone: SQLite's driver returns naive UTC."""
    if connection.vendor != "sqlite":
        return found
    return [(row[0].replace(tzinfo=UTC), *row[1:]) for row in found]


def _within(ranges: Sequence[tuple[int, int | None]], position: str, params: list[Any]) -> str:
    parts = []
    for first, end in ranges:
        part = f"{position} >= %s"
        params.append(first)
        if end is not None:
            part += f" AND {position} < %s"
            params.append(end)
        parts.append(f"({part})")
    return f"({' OR '.join(parts)})" if parts else "0 = 1"


def match_expression(groups: Sequence[Group]) -> str:
    """The groups as an FTS5 expression; tokens hold letters, digits and underscores only."""
    positive = [_fts(g) for g in groups if not g.excluded] or [f'"{ALL}"']
    negative = [_fts(g) for g in groups if g.excluded]
    expression = " AND ".join(positive)
    return f"({expression}) NOT ({' OR '.join(negative)})" if negative else expression


def _fts(group: Group) -> str:
    def word(token: Token) -> str:
        return f'"{token.text}"{" *" if token.prefix else ""}'

    alternatives = (" AND ".join(map(word, tokens)) for tokens in group.alternatives)
    joined = " OR ".join(f"({each})" for each in alternatives)
    return f"({joined})" if joined else _IMPOSSIBLE_FTS


_IMPOSSIBLE = "_none"  # no row has this token
_IMPOSSIBLE_FTS = f'"{_IMPOSSIBLE}"'


def tsquery(groups: Sequence[Group]) -> str:
    """The groups as the text of a tsquery."""

    def word(token: Token) -> str:
        return f"'{token.text}'{':*' if token.prefix else ''}"

    def one(group: Group) -> str:
        alternatives = (" & ".join(map(word, tokens)) for tokens in group.alternatives)
        joined = " | ".join(f"({each})" for each in alternatives) or f"'{_IMPOSSIBLE}'"
        return f"{'!' if group.excluded else ''}({joined})"

    return " & ".join(map(one, groups))


def pending(
    plan: Plan, *, beyond: UUID | None = None, descending: bool = True
) -> QuerySet[EventRow]:
    """Rows without a position that match, in the order in which they will be sequenced."""
    found = EventRow.objects.filter(seq__isnull=True)
    if not plan.pending:
        return found.none()
    found = _matching(found, plan)
    if plan.firsts_of is not None:
        same = EventRow.objects.exclude(operation="").filter(operation=OuterRef("operation"))
        earlier = Q(seq__isnull=True, event__lt=OuterRef("event")) | _placed_within(plan)
        found = found.filter(Q(operation="") | ~Exists(_matching(same.filter(earlier), plan)))
    if beyond is not None:
        found = found.filter(event__lt=beyond) if descending else found.filter(event__gt=beyond)
    return found.order_by("-event" if descending else "event")


def _placed_within(plan: Plan) -> Q:
    if plan.ranges is None:
        return Q(seq__isnull=False)
    placed = Q(pk__in=[])
    for first, end in plan.ranges:
        placed |= Q(seq__gte=first) if end is None else Q(seq__gte=first, seq__lt=end)
    return placed


def _matching(found: QuerySet[EventRow], plan: Plan) -> QuerySet[EventRow]:
    for group in plan.groups:
        condition = Q(pk__in=[])
        for tokens in group.alternatives:
            condition |= Q(*(_contains(token) for token in tokens))
        found = found.exclude(condition) if group.excluded else found.filter(condition)
    if plan.start is not None:
        found = found.filter(time__gte=plan.start)
    if plan.end is not None:
        found = found.filter(time__lt=plan.end)
    return found


def _contains(token: Token) -> Q:
    return Q(terms__contains=_contained(token))


def _contained(token: Token) -> str:
    return f" {token.text}" if token.prefix else f" {token.text} "


def fits(plan: Plan, terms: str, time: datetime) -> bool:
    """Whether a row without a position matches: the same test for one that is at hand."""
    if not plan.pending or (plan.start and time < plan.start) or (plan.end and time >= plan.end):
        return False
    return all(
        any(all(_contained(token) in terms for token in tokens) for tokens in group.alternatives)
        != group.excluded
        for group in plan.groups
    )
