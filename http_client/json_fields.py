"""Reading somebody else's JSON: each field has the type we expect, or the answer is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NoReturn

from http_client.errors import BadAnswer

TEXT_LIMIT: Final = 16_384
_BIGGEST: Final = 2**53
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


class _Malformed(ValueError):
    pass


def parse_json(raw: bytes | str) -> object:
    """Parse JSON strictly: UTF-8, no NaN or Infinity, no repeated member (RFC 8259 section 4), no
    lone surrogate (RFC 7493 section 2.1), which no database and no answer could carry.

    Raises:
        ValueError: not JSON by that measure, or nested too deeply. The text is not repeated.
    """
    try:
        if isinstance(raw, bytes):
            raw = raw.decode("utf-8")
        value = json.loads(raw, parse_constant=_no_constant, object_pairs_hook=_unique)
        if _SURROGATE.search(raw):
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except UnicodeEncodeError:
        raise ValueError("holds half a character") from None
    except _Malformed as problem:
        raise ValueError(str(problem)) from None
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None


def _no_constant(name: str) -> NoReturn:
    raise _Malformed(f"holds {name}, which is not JSON")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Malformed("holds an object with a repeated member")
    return members


@dataclass(frozen=True, slots=True, repr=False)
class Fields:
    """One JSON object of an answer. Every reader returns the type it names or raises BadAnswer."""

    values: Mapping[str, object]
    operation: str
    host: str
    path: str = ""

    def __repr__(self) -> str:
        return f"Fields({self.operation}, {self.path or 'answer'}: {sorted(self.values)})"

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) is not None

    def bad(self, name: str, problem: str) -> BadAnswer:
        """The error that says ``problem`` about the field ``name`` of this object."""
        return BadAnswer(self.operation, self.host, problem, field=self._dotted(name))

    def text(self, name: str, *, limit: int = TEXT_LIMIT) -> str:
        """A required, non-empty string of at most ``limit`` characters."""
        value = self.optional_text(name, limit=limit)
        if not value:
            raise self.bad(name, "is missing" if value is None else "is empty")
        return value

    def optional_text(self, name: str, *, limit: int = TEXT_LIMIT) -> str | None:
        """A string, or None where the field is absent or null."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.bad(name, f"must be text, not {_kind(value)}")
        if len(value) > limit:
            raise self.bad(name, f"is longer than {limit} characters")
        return value

    def integer(self, name: str, *, low: int = 0, high: int = _BIGGEST) -> int:
        """A required whole number within ``low`` and ``high``."""
        value = self.optional_integer(name, low=low, high=high)
        if value is None:
            raise self.bad(name, "is missing")
        return value

    def optional_integer(self, name: str, *, low: int = 0, high: int = _BIGGEST) -> int | None:
        """A whole number (``5`` or ``5.0``), or None where absent or null."""
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            raise self.bad(name, f"must be a whole number, not {_kind(value)}")
        if not low <= value <= high:
            raise self.bad(name, f"is not between {low} and {high}")
        return int(value)

    def optional_flag(self, name: str) -> bool | None:
        """True or false, or None where absent or null."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.bad(name, f"must be true or false, not {_kind(value)}")
        return value

    def texts(self, name: str, *, limit: int = TEXT_LIMIT) -> tuple[str, ...]:
        """A list of strings; empty where absent or null."""
        found: list[str] = []
        for index, item in enumerate(self._list(name)):
            if not isinstance(item, str):
                raise self.bad(f"{name}[{index}]", f"must be text, not {_kind(item)}")
            if len(item) > limit:
                raise self.bad(f"{name}[{index}]", f"is longer than {limit} characters")
            found.append(item)
        return tuple(found)

    def moment(self, name: str) -> datetime | None:
        """An RFC 3339 time with an offset, in UTC; None where absent or null."""
        value = self.optional_text(name, limit=64)
        if value is None:
            return None
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            raise self.bad(name, "must be an RFC 3339 time") from None
        if found.tzinfo is None:
            raise self.bad(name, "must be a time with an offset")
        try:
            return found.astimezone(UTC)
        except OverflowError:
            raise self.bad(name, "must be a time this century") from None

    def nested(self, name: str) -> Fields:
        """A required nested object."""
        return as_fields(self.values.get(name), self.operation, self.host, self._dotted(name))

    def objects(self, name: str) -> tuple[Fields, ...]:
        """A list of objects; empty where absent or null."""
        return tuple(
            as_fields(item, self.operation, self.host, self._dotted(f"{name}[{index}]"))
            for index, item in enumerate(self._list(name))
        )

    def _list(self, name: str) -> Iterator[object]:
        value = self.values.get(name)
        if value is None:
            return iter(())
        if not isinstance(value, list):
            raise self.bad(name, f"must be a list, not {_kind(value)}")
        return iter(value)

    def _dotted(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def as_fields(value: object, operation: str, host: str, path: str = "") -> Fields:
    """``value`` as an object to read from, or BadAnswer that names ``path``."""
    if not isinstance(value, dict):
        problem = "is missing" if value is None else f"must be an object, not {_kind(value)}"
        raise BadAnswer(operation, host, problem, field=path)
    return Fields(value, operation, host, path)


def _kind(value: object) -> str:
    names = {bool: "true or false", str: "text", dict: "an object", list: "a list"}
    if value is None:
        return "null"
    return names.get(type(value), "a number")
