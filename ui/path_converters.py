"""Names of any characters as a part of an address."""

from __future__ import annotations

import re

_DOT = re.compile(r"\.|%(?:25)*2E", re.IGNORECASE)
_DOTS = re.compile(r"(?:(?<=/)|\A)(?:\.|%(?:25)*2E){1,2}(?=/|\Z)", re.IGNORECASE)
_ESCAPED = re.compile(r"(?:(?<=/)|\A)(?:%(?:25)*2E){1,2}(?=/|\Z)", re.IGNORECASE)


class NameConverter:
    """Any name, with slashes (`@codex/shell`) and line breaks; never longer than we keep.

    A browser takes `..` between slashes for the folder above, `%2E%2E` as well, and asks for
    another page (URL Standard, double-dot path segment). So dots that are all of a segment are
    escaped once more than the rest of an address.
    """

    regex = r"[\s\S]{1,300}?"

    def to_python(self, value: str) -> str:
        """The name."""
        return _ESCAPED.sub(lambda found: _DOT.sub(_unescaped, found[0]), value)

    def to_url(self, value: str) -> str:
        """The name, with `%2E` for a dot that is all of a segment."""
        return _DOTS.sub(lambda found: _DOT.sub(_escaped, found[0]), value)


def _escaped(dot: re.Match[str]) -> str:
    return "%2E" if dot[0] == "." else f"%25{dot[0][1:]}"


def _unescaped(dot: re.Match[str]) -> str:
    return f"%{dot[0][3:]}" if dot[0].startswith("%25") else "."
