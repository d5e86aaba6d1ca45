"""Permissions in the third person, for readers who do not own the account.

The catalogue speaks to the owner: "write to your public repositories". Anybody else reads "write to
Mia Member’s public repositories", or "their" where the sentence has named the owner already.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from audit.ledger.format import safe_display
from connections.scopes.catalogue import Scope

_YOU: Final = re.compile(r"\b(?:(as|with|to|from|for|sign) )?(your|you)\b(?: (are|have|\w+))?")
_SINGULAR: Final = {"are": "is", "have": "has", "share": "shares", "open": "opens", "work": "works"}


def for_others(scopes: Iterable[Scope], owner: str = "") -> list[Scope]:
    """Scopes with words about their owner.

    Args:
        owner: the name of the account's owner; without it they are "they".
    """
    name = safe_display.short(owner)
    return [
        replace(one, words=third_person(one.words, name)) if one.known else one for one in scopes
    ]


def third_person(words: str, owner: str = "") -> str:
    """What a scope allows, about its owner instead of to them; the name stands once."""
    named = False

    def about(found: re.Match[str]) -> str:
        nonlocal named
        before, pronoun, after = found.groups(default="")
        name, named = ("" if named else owner), True
        if pronoun == "your":
            said = f"{name}’s" if name else "their"
        elif before:
            said = name or "them"
        else:
            said = name or "they"
            after = _SINGULAR.get(after, after) if name else after
        return " ".join(word for word in (before, said, after) if word)

    return _YOU.sub(about, words)
