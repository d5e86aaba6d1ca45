"""Lines of an agent or a server, up to a bound, and who waits for what cannot be read.

The id of a request may be its last member, as the SDK for TypeScript writes it. So of a line that
is too long what stands outside nested values is kept, to its end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ata.errors import AtaError

MAX_LINE = 8 * 1024 * 1024
"""Longest line that is read of either side, in bytes without its line feed."""
_MAX_OUTLINE = 64 * 1024
_MAX_TOKEN = 1024
_CUT = b"\0"  # JSON has it only as an escape: nothing that was cut is taken for an id
_TOKENS = re.compile(rb'["\\{}\[\]]|[^"\\{}\[\]]+')

type Id = str | int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Ids of a line that cannot be read: its requests, and the questions that it answers."""

    requests: tuple[Id, ...]
    questions: tuple[Id, ...]


class Outline:
    """A line without its nested values."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._depth = 0
        self._messages_at = 1  # 2 in a list of messages
        self._in_string = self._escaped = False

    def add(self, part: bytes) -> None:
        """Read the next part of the line."""
        for found in _TOKENS.finditer(part):
            token, deep = self._step(found[0])
            if not deep and len(self._kept) <= _MAX_OUTLINE:
                whole = len(token) <= _MAX_TOKEN
                self._kept += token if whole else token[:_MAX_TOKEN] + _CUT

    def _step(self, token: bytes) -> tuple[bytes, bool]:
        """What to write for a token, and whether it belongs to a nested value."""
        deep = self._depth > self._messages_at
        if self._escaped:
            self._escaped = False
        elif self._in_string:
            self._in_string, self._escaped = token != b'"', token == b"\\"
        elif token == b'"':
            self._in_string = True
        elif token in (b"{", b"["):
            if token == b"[" and not self._depth:
                self._messages_at = 2
            self._depth += 1
            if self._depth > self._messages_at:
                return b"null", deep
        elif token in (b"}", b"]"):
            self._depth -= 1
        return token, deep

    def waiting(self) -> Waiting | None:
        """Who waits; None where that cannot be known: cut, no JSON, or an id that is no id."""
        text = self._kept.decode(errors="replace")
        try:
            value = json.loads(text, object_pairs_hook=tuple, strict=False)
        except ValueError:
            return None
        requests: list[Id] = []
        questions: list[Id] = []
        for message in value if isinstance(value, list) else [value]:
            if not isinstance(message, tuple):
                return None
            ids = [member for name, member in message if name == "id"]
            if len(ids) > 1 or not all(map(_is_id, ids)):
                return None
            names = {name for name, _ in message}
            is_answer = "method" not in names and names & {"result", "error"}
            (questions if is_answer else requests).extend(ids)
        return Waiting(tuple(requests), tuple(questions))


def _is_id(value: object) -> bool:
    if isinstance(value, str):
        return "\0" not in value
    return isinstance(value, int) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class BoundedLine:
    """One line as it arrived, without its line feed; of one that is too long the outline."""

    whole: bytes
    outline: Outline | None = None
    ended: bool = True
    """Whether a line feed ended it."""

    @property
    def raw(self) -> bytes:
        """With the line feed that ended it."""
        return self.whole + b"\n" * self.ended

    def waiting(self) -> Waiting | None:
        """As `Outline.waiting`."""
        outline = self.outline
        if outline is None:
            outline = Outline()
            outline.add(self.whole)
        return outline.waiting()


class Reader:
    """Makes lines of the parts of a stream."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._outline: Outline | None = None

    @property
    def is_too_long(self) -> bool:
        """Whether the line that is being read is too long."""
        return self._outline is not None

    def add(self, part: bytes) -> Iterator[BoundedLine]:
        """The lines that end in this part."""
        first, *others = part.split(b"\n")
        self._extend(first)
        for other in others:
            yield self._take()
            self._extend(other)

    def end(self) -> Iterator[BoundedLine]:
        """The last line, where no line feed ends it."""
        if self._kept or self._outline:
            yield self._take(ended=False)

    def _extend(self, part: bytes) -> None:
        if self._outline is None and len(self._kept) + len(part) > MAX_LINE:
            self._outline = Outline()
            self._outline.add(bytes(self._kept))
            self._kept.clear()
        if self._outline is None:
            self._kept += part
        else:
            self._outline.add(part)

    def _take(self, *, ended: bool = True) -> BoundedLine:
        line = BoundedLine(bytes(self._kept), self._outline, ended)
        self._kept.clear()
        self._outline = None
        return line


def too_long() -> AtaError:
    """The error of a line of the agent that nobody can be answered about."""
    return AtaError(
        f"A line of the agent has more than {MAX_LINE:,} bytes and no id that can be read.",
        code="line_too_long",
        fix="Nothing of it was passed on, and the agent has to start the server again.",
    )


def answer_too_long() -> AtaError:
    """The error of a line of the server that is not passed on."""
    return AtaError(
        f"The MCP server wrote a line of more than {MAX_LINE:,} bytes.",
        code="answer_too_long",
        fix="Ask for less.",
    )
