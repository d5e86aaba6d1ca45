"""Filters on the command line: `key=value`, `-key=value`, or the query bar's own text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ata.errors import usage_error

if TYPE_CHECKING:
    from audit.ledger.query import EventQuery

_ASSIGNMENT = re.compile(r"(-?[A-Za-z_]+)=(.*)", re.DOTALL)


def read_filters(arguments: Sequence[str]) -> EventQuery:
    """One query from all arguments; what is no assignment is read as one query bar.

    Raises:
        AtaError: usage (exit code 2); names the key and the nearest valid one.
    """
    from audit.ledger.query import EventQuery

    params: dict[str, list[str]] = {}
    bar: list[str] = []
    for argument in arguments:
        assignment = _ASSIGNMENT.fullmatch(argument)
        if assignment:
            params.setdefault(assignment[1], []).append(assignment[2])
        else:
            bar.append(argument)
    now = datetime.now(UTC)
    written = EventQuery.from_bar(" ".join(bar), now=now)
    for key, values in written.written_params().items():
        params[key] = [*params.get(key, []), *values]
    query = EventQuery.from_dict(params, now=now)
    problems = [error.message for error in (*written.errors, *query.errors)]
    if problems:
        raise usage_error(
            f"The filter cannot be read: {'; '.join(problems)}.",
            "`ata audit search --help` shows the keys.",
        )
    return query
