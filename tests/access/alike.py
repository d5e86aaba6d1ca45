"""Pages that are alike: word for word but for their figures, or in their shape.

A page is compared in parts: the tabs of its section, which differ by role; each row of a list, of
which more arrive while pages are looked at; and what is around them. It is alike if each of its
parts is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256

from tests.access.sweep import Found

# What differs between two answers with the same words.
_OWN = re.compile(
    r'(name="csrfmiddlewaretoken" value|nonce|title|hx-headers|data-expires-at|data-options'
    r'|stroke-dasharray)=("[^"]*"|\'[^\']*\')'
)
_MAIN = re.compile(r"<main.*</main>", re.S)
_TABS = re.compile(r'<nav class="tabs page-tabs".*?</nav>', re.S)
_CURRENT = re.compile(r' aria-current="page"')
_ROW = re.compile(r"<(?:tr|li)\b(?:(?!<(?:tr|li)\b).)*?</(?:tr|li)>", re.S)
_ROWS = re.compile(r"(?:<row>\s*)+")
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


def words_of(page: Found) -> set[str]:
    """Digests of the parts of the main part, but for its figures: as many, not the same."""
    return _parts(page, lambda html: _WORDS.sub(lambda text: re.sub(r"\d", "0", text[0]), html))


def shape_of(page: Found) -> set[str]:
    """Digests of the elements of each part with their classes, roles and all other attributes.

    Two of the same shape differ in words alone, none of which is missing in one of them; numbers in
    names (`for`, `id`, `aria-labelledby`) count as the same.
    """

    def shape(html: str) -> str:
        same = _FREE.sub(lambda one: f" {one[1]}={bool(one[2][1:-1].strip())}", html)
        same = _VALUE.sub(lambda value: _NUMBER.sub("0", value[0]), same)
        return _WORDS.sub(lambda text: ">.<" if text[0][1:-1].strip() else "><", same)

    return _parts(page, shape)


def _parts(page: Found, same: Callable[[str], str]) -> set[str]:
    main = _main(page)
    tabs = _CURRENT.sub("", "".join(_TABS.findall(main)))
    rest, rows = same(_TABS.sub("", main)), set[str]()
    while found := set(_ROW.findall(rest)):  # of rows in rows, the inner ones first
        rows |= found
        rest = _ROWS.sub("<row>", _ROW.sub("<row>", rest))
    digests = {_digest(page.route, part) for part in (rest, *rows)}
    return {_digest("tabs", same(tabs)), *digests}


def _main(page: Found) -> str:
    found = _MAIN.search(page.html)
    assert found, f"{page.path}: no main"
    return _NEW.sub("", _TIME.sub(r"\1>.\2", _OWN.sub("", found[0])))


def _digest(of: str, what: str) -> str:
    return sha256(f"{of}\n{what}".encode()).hexdigest()
