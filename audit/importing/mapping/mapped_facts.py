"""What every table's mapping says of a row, before it becomes an event."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from audit.importing import foreign_json
from audit.importing.mapping.row_actors import SYSTEM, Claim
from audit.importing.mapping.severities import Severity

DEFENSECLAW: Final = Claim(SYSTEM, name="DefenseClaw")

_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")
_ID: Final = re.compile(r"[A-Za-z0-9@_][A-Za-z0-9._:/@+#|-]{0,199}")
_MAIL: Final = re.compile(
    r"(?:[a-z]+:)?[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"
)
_REASON: Final = re.compile(r"(?:\A|\s)reason=(.*?)(?=\s[a-z_]+=|\Z)", re.DOTALL)


@dataclass(slots=True, kw_only=True)
class Facts:
    """One row understood. `data` becomes plain, everything in `private` a commitment."""

    time: datetime
    action: str
    severity: Severity
    claim: Claim = DEFENSECLAW
    outcome: str = "success"
    kind: str = ""
    name: str = ""
    agent: str = ""
    session: str = ""
    request: str = ""
    user: str = ""
    reason: str = ""
    changes: dict[str, Any] | None = None
    data: dict[str, Any] = field(default_factory=dict)
    private: dict[str, Any] = field(default_factory=dict)


def codes(values: Mapping[str, Any], *columns: str) -> dict[str, Any]:
    """Those columns that hold a plain code, an opaque id or a counter."""
    found: dict[str, Any] = {}
    for column in columns:
        value = values.get(column)
        if isinstance(value, str) and _CODE.fullmatch(value):
            found[column] = value
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[column] = foreign_json.loggable(value)
    return found


def opaque(text: str) -> str:
    """An id for a plain field; empty when the text is anything more, such as a person's address.

    The row itself is committed as `raw`, so nothing is lost.
    """
    return text if _ID.fullmatch(text) and not _MAIL.fullmatch(text) else ""


def reason_of(details: str, parsed: Mapping[str, Any]) -> str:
    """The reason that the details give; values may hold spaces (`reason=known malicious`)."""
    reason = parsed.get("reason")
    if isinstance(reason, str):
        return reason.strip()
    found = _REASON.search(details)
    return found[1].strip() if found else ""


def changes_of(before: Any, after: Any) -> dict[str, Any] | None:
    """`{key: {before, after}}` of two states; None when neither says anything."""
    if not before and not after:
        return None
    if isinstance(before or {}, dict) and isinstance(after or {}, dict):
        old, new = before or {}, after or {}
        return {
            str(key): {"before": old.get(key), "after": new.get(key)}
            for key in sorted({*old, *new})
            if old.get(key) != new.get(key)
        }
    return {"state": {"before": before, "after": after}}
