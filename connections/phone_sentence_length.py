"""Sentences that a phone shows whole: what is risky or unknown always, of the rest as much as fits.

The rest is counted, and nothing is cut here. What does not fit all the same stays too long, and
`approvals.pipeline.service` refuses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from approvals.pipeline.service import LONGEST_SENTENCE
from audit.ledger.format import safe_display
from connections.scopes import catalogue, permissions_in_third_person
from connections.scopes.catalogue import Scope

_NAMED: Final = 4
"""Permissions of one connection that are named, where fewer have to be."""
_LONGEST_TITLE: Final = 60
_LONGEST_SCOPE: Final = 90


def title(connection: str) -> str:
    """The connection's title, shortened where it is long."""
    return safe_display.short(catalogue.title(connection), _LONGEST_TITLE)


def permissions(
    connection: str, wanted: Iterable[str], *, words: bool = True, separator: str = ", "
) -> str:
    """Permissions of one connection: every one that is risky or unknown, then others up to four,
    then how many more. An approver reads it, so it is about the owner of the account.

    Args:
        words: whether what they allow is written out; their names alone take less space.
    """
    asked = permissions_in_third_person.for_others(catalogue.in_words(connection, wanted))
    asked.sort(key=lambda scope: not catalogue.has_to_be_named(scope))
    named = max(_NAMED, sum(map(catalogue.has_to_be_named, asked)))
    listed = [_said(scope, words) for scope in asked[:named]]
    if len(asked) > named:
        before = ";" if separator.startswith(";") else ""
        return f"{separator.join(listed)}{before} and {len(asked) - named} more (see the portal)"
    return separator.join(listed)


def _said(scope: Scope, words: bool) -> str:
    name = safe_display.short(scope.name, _LONGEST_SCOPE)
    return f"{scope.words} ({name})" if scope.known and words else name


def fit(begin: str, always: Sequence[str], others: Sequence[str], end: Sequence[str]) -> str:
    """A list with all of `always` and `end`, and as many of `others` as fit, most important first.

    The rest is counted. Longer than a sentence may be, where `always` and `end` alone are.
    """
    for kept in range(len(others), -1, -1):
        said = _list(begin, always, others[:kept], len(others) - kept, end)
        if len(safe_display.visible(said)) <= LONGEST_SENTENCE:
            break
    return said


def _list(
    begin: str, always: Sequence[str], others: Sequence[str], left_out: int, end: Sequence[str]
) -> str:
    more = f"{left_out} more connection{'' if left_out == 1 else 's'}"
    named = [*always, *others]
    if left_out:
        named.append(f"and {more}" if named else more)
    return f"{begin} {'; '.join([*named, *end])}"
