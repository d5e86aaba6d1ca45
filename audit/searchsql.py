"""A plan as SQL: FTS5 drives on SQLite, a GIN index on PostgreSQL; pending rows through the ORM."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from audit import fulltext
from audit.models import EventRow
from audit.plan import Group, Plan, Token
from audit.terms import ALL

CAP = 10_000  # matches that counts, facets and histograms look at
_RARE_FOR_S = 60.0
_RARE_PLANS = 500
_rare: dict[Plan, tuple[float, bool]] = {}  # when it was counted, and whether it was rare


def rows(
    plan: Plan, columns: str, *, beyond: int | None, descending: bool, limit: int
) -> tuple[str, list[Any]]:
    """SQL and parameters that select sequenced rows in order of position.

    Args:
        plan: conditions.
        columns: of `r`, the row.
        beyond: position that the rows lie behind, in the direction of travel.
        descending: newest first.
        limit: most rows to return.
    """
    drive = _is_rare(plan)
    source, conditions, params, position = _base(plan, drive=drive)
    if beyond is not None:
        conditions.append(f"{position} {'<' if descending else '>'} %s")
        params.append(beyond)
    where = " AND ".join(conditions)
    if drive and plan.groups and connection.vendor == "postgresql":
        position += " + 0"  # no index has that order: the matches are found first, then sorted
    order = f"{position} {'DESC' if descending else 'ASC'}"
    sql = f"SELECT {columns} FROM {source} WHERE {where} ORDER BY {order} LIMIT %s"  # noqa: S608
    return sql, [*params, limit]


def _is_rare(plan: Plan) -> bool:
    """Whether PostgreSQL shall find all matches through GIN and sort them.

    Its planner knows little of how often tokens meet and errs both ways by seconds at a million
    rows. So we tell it: up to CAP matches are found and sorted; of more, some lie near wherever a
    page begins, so rows are read in order of position and tested.
    """
    if connection.vendor != "postgresql" or not plan.groups:
        return True
    counted_at, rare = _rare.get(plan, (-_RARE_FOR_S, False))
    if time.monotonic() - counted_at < _RARE_FOR_S:
        return rare
    return count(plan, CAP + 1) <= CAP


def _remember(plan: Plan, rare: bool) -> None:
    if len(_rare) >= _RARE_PLANS:
        _rare.clear()
    _rare[plan] = (time.monotonic(), rare)


def count(plan: Plan, cap: int) -> int:
    """How many sequenced rows match, counted up to `cap`."""
    source, conditions, params, _ = _base(plan)
    where = " AND ".join(conditions)
    inner = f"SELECT 1 FROM {source} WHERE {where} LIMIT %s"  # noqa: S608 - constant names
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({inner}) counted", [*params, cap])  # noqa: S608
        found = int(cursor.fetchone()[0])
    if cap > CAP:
        _remember(plan, found <= CAP)
    return found


def _base(plan: Plan, *, drive: bool = True) -> tuple[str, list[str], list[Any], str]:
    source, position = "audit_eventrow r", "r.seq"
    conditions = ["r.seq IS NOT NULL"]
    params: list[Any] = []
    if plan.groups and connection.vendor == "sqlite":
        # CROSS JOIN keeps the full-text index outside: it walks matches in order of position and
        # stops at the limit.
        source = f"{fulltext.TABLE} f CROSS JOIN audit_eventrow r ON r.seq = f.rowid"
        position = "f.rowid"
        conditions.append(f"f.{fulltext.TABLE} MATCH %s")
        params.append(match_expression(plan.groups))
    elif plan.groups:
        # The operator lets the index find the rows; the function only tests them.
        test = "r.{0} @@ %s::tsquery" if drive else "ts_match_vq(r.{0}, %s::tsquery)"
        conditions.append(test.format(fulltext.PG_VECTOR))
        params.append(tsquery(plan.groups))
    for bound, operator in ((plan.start, ">="), (plan.end, "<")):
        if bound is not None:
            conditions.append(f"r.time {operator} %s")
            params.append(connection.ops.adapt_datetimefield_value(bound))
    if plan.ranges is not None:
        conditions.append(_within(plan.ranges, position, params))
    return source, conditions, params, position


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
    for group in plan.groups:
        condition = Q(pk__in=[])
        for tokens in group.alternatives:
            condition |= Q(*(_contains(token) for token in tokens))
        found = found.exclude(condition) if group.excluded else found.filter(condition)
    if plan.start is not None:
        found = found.filter(time__gte=plan.start)
    if plan.end is not None:
        found = found.filter(time__lt=plan.end)
    if beyond is not None:
        found = found.filter(event__lt=beyond) if descending else found.filter(event__gt=beyond)
    return found.order_by("-event" if descending else "event")


def _contains(token: Token) -> Q:
    return Q(terms__contains=f" {token.text}" if token.prefix else f" {token.text} ")
