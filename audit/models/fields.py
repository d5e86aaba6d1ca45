"""Field types of the audit room."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.db import models

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
        """Write it, with everything beyond ASCII escaped."""
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def to_python(self, value: Any) -> Any:
        """The value itself: text is a JSON string here, not a document to parse."""
        return value
