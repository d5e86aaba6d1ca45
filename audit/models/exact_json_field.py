"""Field types of `audit`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson
from django.db import models

# Only what JSON has: no dates, dataclasses or enumerations.
_STRICT = (
    orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)  # fmt: skip

if TYPE_CHECKING:
    _Text = models.TextField[Any, Any]
else:
    _Text = models.TextField  # generic for the type checker only


class ExactJSONField(_Text):
    """JSON kept as text, exactly as written.

    PostgreSQL's jsonb refuses NUL in strings and rewrites numbers; a commitment must be checked
    against the very value it was made from.
    """

    _pyi_private_get_type: Any
    _pyi_private_set_type: Any

    def from_db_value(self, value: str | None, *_: Any) -> Any:
        """Read what the database holds."""
        return None if value is None else json.loads(value)

    def get_prep_value(self, value: Any) -> str | None:
        """Write it; what no UTF-8 holds is escaped."""
        if value is None:
            return None
        try:
            text = orjson.dumps(value, option=_STRICT).decode()
        except TypeError:  # lone surrogates and numbers beyond 64 bits
            text = "null"
        # An infinite number would be null here, too.
        return json.dumps(value, separators=(",", ":")) if "null" in text else text

    def to_python(self, value: Any) -> Any:
        """The value itself: text is a JSON string here, not a document to parse."""
        return value
