"""What is wrong with a filter, said so that it can be put right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueryError:
    """One mistake in a filter.

    Attributes:
        key: the key as it was written.
        message: a sentence that names key, value and, where there is one, the nearest valid one.
        nearest: the nearest valid key or value, or "".
    """

    key: str
    message: str
    nearest: str = ""

    def __str__(self) -> str:
        return self.message


class InvalidQuery(ValueError):
    """A filter with mistakes was used to match events; it must not silently match all."""

    def __init__(self, errors: Sequence[QueryError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = tuple(errors)
