"""`--fields a,b`: the members of a result that a script wants, and no others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ata.errors import usage_error


def narrowed(value: Mapping[str, object], fields: Sequence[str]) -> dict[str, object]:
    """Only these members of a result; of a list each item has them, and `next` stays.

    `target.name` names a member of a member. What one result lacks is null, for an outcome has
    other members than a request that waits.

    Raises:
        AtaError: `usage`, where no item of a list has a member of that name.
    """
    items = value.get("items")
    if not isinstance(items, list):
        return {field: _member(value, field) for field in fields}
    known = [one for one in items if isinstance(one, dict)]
    for field in fields:
        first = field.partition(".")[0]
        if known and not any(first in one for one in known):
            names = ", ".join(dict.fromkeys(name for one in known for name in one))
            raise usage_error(f"No item has a field {field}.", f"There are: {names}.")
    kept = [{field: _member(one, field) for field in fields} for one in known]
    return {"items": kept, "next": value.get("next")}


def _member(value: Mapping[str, object], path: str) -> object:
    found: object = value
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found
