"""Lists in pages: `limit`, and `after`, which is `next` of the page before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from ninja import Field

MOST: Final = 200

Limit = Annotated[int, Field(ge=1, le=MOST, description="How many at most")]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MOMENT: Final = "[0-9]{1,16}"
"""A moment in a cursor: microseconds since 1970, which fit before the year 2287."""


def write(moment: datetime, *rest: str) -> str:
    """The cursor of a place in a list that is in order of time."""
    return "-".join((str((moment - _EPOCH) // timedelta(microseconds=1)), *rest))


def read(cursor: str) -> tuple[datetime, list[str]]:
    """The moment of a cursor that has the form of one, and what else it names."""
    micros, *rest = cursor.split("-")
    return _EPOCH + timedelta(microseconds=int(micros)), rest


def cursor(*rest: str) -> str:
    """The pattern of a cursor, or of none; `rest` are patterns of what stands behind the moment."""
    return f"^({'-'.join((MOMENT, *rest))})?$"


ID: Final = "[0-9a-f]{32}"


def id_of(text: str) -> UUID:
    """The id in a cursor."""
    return UUID(hex=text)
