"""Read JSON bodies the way DefenseClaw's strict decoder does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence


def parse(raw: bytes) -> object:
    """Parse JSON; raises ValueError for a repeated key, trailing text or broken UTF-8."""
    return json.loads(raw.decode("utf-8"), object_pairs_hook=_unique)


def _unique(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("repeated key")
    return made


class Fields:
    """One JSON object whose keys are known beforehand; anything else raises ValueError."""

    def __init__(self, value: object, known: Sequence[str]) -> None:
        if not isinstance(value, dict):
            raise ValueError("an object is required")
        unknown = set(value) - set(known)
        if unknown:
            raise ValueError(f"unknown key {sorted(unknown)[0]}")
        self._values: Mapping[str, object] = value

    def text(self, key: str, *, required: bool = False, default: str = "") -> str:
        """Return a string member; raises ValueError if it is none, or blank but required."""
        value = self._values.get(key, default)
        if not isinstance(value, str) or (required and not value.strip()):
            raise ValueError(f"{key} must be a string")
        return value

    def whole(self, key: str, default: int = 0) -> int:
        """Return a whole number >= 0; raises ValueError otherwise."""
        value = self._values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ValueError(f"{key} must be a whole number")
        return value

    def items(self, key: str) -> list[object]:
        """Return an array member, empty if absent; raises ValueError if it is none."""
        value = self._values.get(key) or []
        if not isinstance(value, list):
            raise ValueError(f"{key} must be an array")
        return value

    def mapping(self, key: str) -> dict[str, object]:
        """Return an object member, empty if absent; raises ValueError if it is none."""
        value = self._values.get(key) or {}
        if not isinstance(value, dict):
            raise ValueError(f"{key} must be an object")
        return value

    def has(self, key: str) -> bool:
        """Say whether the member is there and not null."""
        return self._values.get(key) is not None

    def raw(self, key: str) -> object:
        """Return the member unchecked."""
        return self._values.get(key)
