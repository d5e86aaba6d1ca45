"""Values of an event as its page shows them: changes, codes and dates."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, Final

from audit.importing.secret_masking import mask

_HOLD_STAYED: Final = {
    "intent_differs": "stayed on hold, because the stored request differed from the recorded one",
    "rule_changed": "stayed on hold, because its stored rule differed from the recorded one",
}
_STAMP: Final = re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?= UTC)", re.ASCII)


def why_hold_stayed(code: str) -> str:
    """Why the end of a request did not end its hold (`hold_kept`); empty where it carries none."""
    return _HOLD_STAYED.get(code, f"stayed on hold: {code}") if code else ""


def plain_dates(text: str) -> str:
    """The sentence with `2026-12-02 19:41:57 UTC` as the page writes times, `2 Dec 2026 …`."""
    return _STAMP.sub(_plain, text)


def _plain(stamp: re.Match[str]) -> str:
    try:
        return f"{datetime.fromisoformat(stamp[0]):%-d %b %Y %H:%M:%S}"
    except ValueError:
        return stamp[0]


def changes(changes: Any) -> list[dict[str, Any]]:
    """Each field that changed, with its values before and after."""
    if not isinstance(changes, dict):
        return []
    if changes.get("erased") is True:
        return [{"field": "erased", "before": None, "after": "the values have been erased"}]
    found = []
    for field, change in changes.items():
        before, after = change, None
        if isinstance(change, dict) and change.keys() <= {"before", "after", "from", "to"}:
            before = change.get("before", change.get("from"))
            after = change.get("after", change.get("to"))
        elif isinstance(change, list) and len(change) == 2:
            before, after = change
        else:
            before, after = None, change
        found.append({"field": field, "before": _text(before), "after": _text(after)})
    return found


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(mask(value), ensure_ascii=False)
