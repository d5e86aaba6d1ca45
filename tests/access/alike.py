"""Pages that are alike: word for word but for their figures, or in their shape."""

from __future__ import annotations

import re
from hashlib import sha256

from tests.access.sweep import Found

# What differs between two answers with the same words.
_OWN = re.compile(
    r'(name="csrfmiddlewaretoken" value|nonce|title|hx-headers|data-expires-at|data-options'
    r'|stroke-dasharray)=("[^"]*"|\'[^\']*\')'
)
_MAIN = re.compile(r"<main.*</main>", re.S)
_TIME = re.compile(r"(<time).*?(</time>)")
_WORDS = re.compile(r">[^<]+<")
_NEW = re.compile(r"/audit/live/\?[^\"]*|request [0-9a-f]{32}")
# What is said, or led to, or drawn; whether there is anything at all belongs to the shape.
_FREE = re.compile(
    r"\s(href|value|title|aria-label|alt|placeholder|datetime|action|formaction|src|download|d"
    r"|points|x|y|x1|x2|y1|y2|cx|cy|r|width|height|(?:data|hx)-[a-z-]+)=(\"[^\"]*\"|'[^']*')"
)
_NUMBER = re.compile(r"[0-9a-f]{8}[0-9a-f-]*|\d+")
_VALUE = re.compile(r'="[^"]*"')


def words_of(page: Found) -> str:
    """A digest of the main part, but for its figures: as many, not the same."""
    same = _WORDS.sub(lambda text: re.sub(r"\d", "0", text[0]), _main(page))
    return _digest(page, same)


def shape_of(page: Found) -> str:
    """A digest of its elements with their classes, roles and all other attributes.

    Two of the same shape differ in words alone, none of which is missing in one of them; numbers in
    names (`for`, `id`, `aria-labelledby`) count as the same.
    """
    same = _FREE.sub(lambda one: f" {one[1]}={bool(one[2][1:-1].strip())}", _main(page))
    same = _VALUE.sub(lambda value: _NUMBER.sub("0", value[0]), same)
    return _digest(page, _WORDS.sub(lambda text: ">.<" if text[0][1:-1].strip() else "><", same))


def _main(page: Found) -> str:
    found = _MAIN.search(page.html)
    assert found, f"{page.path}: no main"
    return _NEW.sub("", _TIME.sub(r"\1>.\2", _OWN.sub("", found[0])))


def _digest(page: Found, what: str) -> str:
    return sha256(f"{page.route}\n{what}".encode()).hexdigest()
