"""The custom range of the trail: two fields that take dates, times and relative dates, in UTC."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time
from typing import Final

from audit import clock
from audit.ledger.query import EventQuery, instant
from audit.ledger.query.relative_dates import absolute

FROM: Final = "range-from"
BEFORE: Final = "range-before"
FIELDS: Final[Mapping[str, str]] = {FROM: "after", BEFORE: "before"}
"""Fields of the form, and the filter key of each."""
LABELS: Final = {FROM: "From", BEFORE: "Before"}
_TAKES: Final = (
    "Use a date such as 2026-11-27, a time such as 2026-11-27 09:30, or 7d, 12h, today or yesterday"
)
_MINUTE: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(:\d\d(?:\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class RangeForm:
    """The form as it was sent.

    Attributes:
        typed: the text of each field, by its name.
        pairs: key and value of the filter for each field that can be read.
        problems: what is wrong, by the name of the field.
        sent: whether the form was sent at all.
    """

    typed: Mapping[str, str]
    pairs: tuple[tuple[str, str], ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)
    sent: bool = False


NOT_SENT: Final = RangeForm({})


def read(params: Mapping[str, str]) -> RangeForm:
    """Read both fields; an empty one leaves its end of the range open."""
    if not params.keys() & FIELDS.keys():
        return NOT_SENT
    now, values, problems = clock.now(), {}, {}
    typed = {name: " ".join(params.get(name, "").split()) for name in FIELDS}
    for name in filter(typed.get, FIELDS):
        value = _value(typed[name])
        try:
            values[name] = (value, instant(absolute(value, now)))
        except (ValueError, OverflowError):
            problems[name] = f"“{typed[name]}” is not a date or time. {_TAKES}."
    if len(values) == len(FIELDS) and values[FROM][1] >= values[BEFORE][1]:
        problems[BEFORE] = "This must be later than From."
    if problems:
        return RangeForm(typed, (), problems, sent=True)
    return RangeForm(typed, tuple((FIELDS[name], values[name][0]) for name in values), sent=True)


def _value(text: str) -> str:
    """The text as the filter language writes it: with seconds and a zone."""
    found = _MINUTE.fullmatch(text)
    return f"{found[1]}T{found[2]}{found[3] or ':00'}{found[4] or 'Z'}" if found else text


def fields(form: RangeForm, query: EventQuery) -> list[dict[str, str]]:
    """Name, label, text and problem of each field, for the template."""
    return [
        {
            "name": name,
            "label": LABELS[name],
            "value": form.typed[name]
            if form.problems
            else _shown(query.written_params().get(key, [])),
            "problem": form.problems.get(name, ""),
        }
        for name, key in FIELDS.items()
    ]


def _shown(values: Sequence[str]) -> str:
    """A value of the filter as people write it; nothing where the filter has several."""
    if len(values) != 1:
        return ""
    try:
        moment = instant(values[0]).replace(tzinfo=None)
    except ValueError:  # a relative date
        return values[0]
    if moment.time() == time.min:
        return moment.date().isoformat()
    exact = moment.second or moment.microsecond
    return moment.isoformat(" ") if exact else moment.isoformat(" ", "minutes")
