"""The certificate of an erasure as a page to be printed."""

from __future__ import annotations

from base64 import b64encode
from html import unescape
from typing import Any

from audit.ledger import checkpoint as checkpoints


def says_all(page: str, made: dict[str, Any]) -> None:
    """Who has only the page has all that the JSON says and that a check needs."""
    paper = unescape(page)
    head = checkpoints.verify(made["proof"].split("\n\n", 1)[1], [made["key"]])
    needed = (b64encode(head.root).decode(), made["entry"], made["key"], "ata verify")
    for words in (*needed, *made["proof"].split("\n"), *made["out_of_reach"].values()):
        assert words in paper, words
    assert f"entry {made['index']}" in paper and "canary" not in paper.lower()
