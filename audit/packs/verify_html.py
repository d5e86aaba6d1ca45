"""The single-file verifier: page, style and scripts put together, the same bytes every time.

Its content security policy names the SHA-256 of its one style and its one script and forbids all
else, so it reaches no network and runs nothing that was added to it.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent / "verifier"
SCRIPTS: Final = (
    "bytes.js",
    "canonical.js",
    "words.js",
    "notes.js",
    "archive.js",
    "tree.js",
    "history.js",
    "entries.js",
    "tokens.js",
    "assertions.js",
    "levels.js",
    "verdict.js",
    "check.js",
    "audit_file.js",
    "log_range.js",
    "page.js",
)
"""In the order in which they stand in the file; each uses only what came before it."""


@cache
def verifier() -> bytes:
    """The bytes of `verify.html`."""
    style = _read("style.css")
    script = "\n".join(["'use strict';", *map(_read, SCRIPTS)])
    page = _read("page.html")
    policy = f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'"
    policy += "; base-uri 'none'; form-action 'none'"
    parts = {"@policy@": policy, "@style@": style, "@script@": script}
    for mark, text in parts.items():
        page = page.replace(mark, text, 1)
    return page.encode()


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
