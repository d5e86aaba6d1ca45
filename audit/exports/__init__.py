"""Exports: the events of a filter as a file, with a manifest that says what the file is held to.

An export is of one signed tree, so its rows are known before the first is written. The same
generator streams a download and fills the file that stays for seven days.
"""

from __future__ import annotations

from audit.exports.formats import FORMATS, Format
from audit.exports.jobs import (
    KEPT_FOR,
    ExportGone,
    NothingSigned,
    UnsupportedFormat,
    drop_expired,
    path_of,
    request,
    run,
    run_due,
    stream,
    write,
)
from audit.exports.manifest import manifest_of

__all__ = [
    "FORMATS",
    "KEPT_FOR",
    "ExportGone",
    "Format",
    "NothingSigned",
    "UnsupportedFormat",
    "drop_expired",
    "manifest_of",
    "path_of",
    "request",
    "run",
    "run_due",
    "stream",
    "write",
]
