"""Lists in pages: `limit`, and `after`, which is `next` of the page before."""

from __future__ import annotations

from typing import Annotated, Final

from ninja import Field

MOST: Final = 200

Limit = Annotated[int, Field(ge=1, le=MOST, description="How many at most")]
