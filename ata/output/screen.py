"""What the operator sees: sentences on a terminal, plain lines in a pipe, JSON when asked."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

from ata.errors import AtaError
from ata.output.json_fields import narrowed
from ata.output.safe_text import safe

_QUIET = 2
"""Light modules around a QR code; readers want some, ISO/IEC 18004 wants four."""
_TEXT_LINES = 5
"""Lines of words that have to stay on the screen beside a QR code."""
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


class Screen:
    """Standard output and error of one command.

    With `json_output` each result is one JSON object on its own line of standard output and
    progress goes to standard error, so that standard output stays parseable. `fields` narrows
    that object, and the items of a list, to these members.
    """

    def __init__(self, *, json_output: bool, fields: Sequence[str] = ()) -> None:
        self.json_output = json_output
        self._fields = tuple(fields)
        self.live = not json_output and _is_terminal(sys.stdout)
        self.asks = self.live and sys.stdin.isatty()

    def result(self, value: Mapping[str, object], *sentences: str) -> None:
        """Print one result: the object itself with `--json`, else its sentences."""
        if self.json_output:
            _write(sys.stdout, _json(narrowed(value, self._fields) if self._fields else value))
            return
        for sentence in sentences:
            _write(sys.stdout, sentence)

    def progress(self, sentence: str, value: Mapping[str, object] | None = None) -> None:
        """Say what is going on while a command waits."""
        if not self.json_output:
            _write(sys.stdout, sentence)
        elif value is not None:
            _write(sys.stderr, _json(value))

    def picture(self, text: str) -> None:
        """A QR code of `text` for a phone; only on a terminal that is wide enough for it."""
        if not self.live or "utf" not in (sys.stdout.encoding or "").lower():
            return
        from shutil import get_terminal_size

        import segno

        code = segno.make(text, error="l", micro=False)
        width, height = code.symbol_size(border=_QUIET)
        size = get_terminal_size()
        if width <= size.columns and height // 2 + _TEXT_LINES <= size.lines:
            code.terminal(sys.stdout, compact=True, border=_QUIET)

    def warn(self, sentence: str) -> None:
        """Say something that is not part of the result."""
        _write(sys.stderr, sentence)

    def rows(
        self,
        headings: Sequence[str],
        cells: Iterable[Sequence[object]],
        *,
        empty: str,
        value: Mapping[str, object],
    ) -> None:
        """Print a list: one JSON object, a table on a terminal, or tab-separated lines."""
        if self.json_output:
            self.result(value)
            return
        lines = [[safe(cell) for cell in row] for row in cells]
        if not lines:
            self.warn(empty)
        elif self.live:
            _print_table(headings, lines)
        else:
            for line in lines:
                _write(sys.stdout, "\t".join(line))

    def error(self, error: AtaError, *, stream: TextIO | None = None) -> None:
        """Say what went wrong, its code, and what to do; JSON goes to `stream` where it is named,
        else to standard output."""
        _write((stream or sys.stdout) if self.json_output else sys.stderr, self.error_text(error))

    def error_text(self, error: AtaError) -> str:
        """What `error` writes, without the last line feed."""
        if self.json_output:
            return _json(error.as_dict())
        mark = paint("✗", "red", stream=sys.stderr)
        said = f"{mark} {safe(error.message)} ({safe(error.code)})"
        return f"{said}\n  {safe(error.fix)}" if error.fix else said


def paint(text: str, style: str, *, stream: TextIO | None = None) -> str:
    """Colour `text` on a terminal; plain elsewhere and under NO_COLOR (no-color.org)."""
    if not uses_colour(stream or sys.stdout):
        return text
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"


def uses_colour(stream: TextIO) -> bool:
    """Whether colour may be written to `stream`."""
    return _is_terminal(stream) and not os.environ.get("NO_COLOR")


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _json(value: object) -> str:
    """One line of JSON in which what a terminal would obey is escaped (RFC 8259 section 7)."""
    text = json.dumps(value, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def _write(stream: TextIO, line: str) -> None:
    stream.write(line + "\n")
    stream.flush()


def _print_table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    from shutil import get_terminal_size

    from ata.output.table import table_lines

    head, rest = table_lines(headings, lines, get_terminal_size().columns)
    _write(sys.stdout, paint(head, "bold"))
    for line in rest:
        _write(sys.stdout, line)
