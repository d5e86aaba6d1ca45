"""Names from elsewhere, shown so that they cannot pass for others or drive a screen.

What has no visible glyph is written out; a name that mixes scripts, or is made of letters that
look like Latin ones, says what it looks like (after UTS 39 section 5, with the look-alikes that
matter for ASCII names; no dependency, for the table of UTS 39 is large and mostly about others).
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import groupby
from typing import Final

LONGEST: Final = 120
"""Characters of a name that are shown in a sentence or a heading."""

_MARGIN: Final = 30
"""Characters for the words between the ends of what is shortened."""
_RUN: Final = 3
"""From so many on, the same hidden character is written once with its number."""
_WRITTEN_OUT: Final = frozenset({" ", "⟨", "⟩", *map(chr, range(0x2400, 0x2440))})
"""What marks written-out characters is written out in a name, or it could pass for one."""
_IGNORED: Final = (
    range(0x034F, 0x0350),
    range(0x115F, 0x1161),
    range(0x17B4, 0x17B6),
    range(0x180B, 0x1810),
    range(0x2800, 0x2801),
    range(0x3164, 0x3165),
    range(0xFE00, 0xFE10),
    range(0xFFA0, 0xFFA1),
    range(0x13441, 0x13443),
    range(0x16FE4, 0x16FE5),
    range(0x1D159, 0x1D15A),
    range(0xE0100, 0xE01F0),
)
"""Letters, marks and symbols without a glyph: Default_Ignorable_Code_Point, the empty Braille one,
two blank hieroglyphs, the Khitan filler and the null notehead."""

STRAIGHT_QUOTES: Final = str.maketrans(dict.fromkeys("“”„‟", '"'))
"""What a reason in quotes has instead of quotes that could end it. Answers of phones repeat it in
these words, so that another table would void those that wait."""
_QUOTES: Final = frozenset('"“”„‟«»❝❞❠〝〞〟＂⹂″‶‴‷⁗ʺˮ˝״🙶🙷🙸⸂⸃⸄⸅⸉⸊⸌⸍⸜⸝⸠⸡⸢⸣⸤⸥')
"""Quotes, and what could pass for the double ones that a name stands in."""
_HALVES: Final = "'‘’‚‛`´′‵ʹʻʼʽʾʿˈˊˋ‹›❛❜❟＇"
"""Of which two are such a quote."""
_INNER: Final = str.maketrans(dict.fromkeys(_QUOTES, "'"))
_PAIR: Final = re.compile(f"[{_HALVES}]{{2,}}")

_LOOKALIKES: Final = dict(
    zip(
        "аеорсухіјѕһԁԛԝӏвкмнтАВЕКМНОРСТХІЈЅαονρτυικχΑΒΕΖΗΙΚΜΝΟΡΤΥΧօսհոցյıɡɑ"
        "ꓮꓐꓚꓓꓰꓝꓖꓧꓲꓙꓗꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓪꓫꓬꓜᎠᎡᎢᎥᎩᎪᎫᎬᎳᎷᎻᎽᏀᏃᏒᏔᏕᏙᏚᏞᏟᏢᏦᏧᏴ",
        "aeopcyxijshdqwlbkmhtABEKMHOPCTXIJSaovptuikxABEZHIKMNOPTYXouhngjiga"
        "ABCDEFGHIJKLMNOPRSTUVWXYZDRTiYAJEWMHYGZRWSVSLCPKJB",
        strict=True,
    )
)
_SCRIPTS: Final = (
    "LATIN",
    "CYRILLIC",
    "GREEK",
    "ARMENIAN",
    "CHEROKEE",
    "LISU",
    "COPTIC",
    "HEBREW",
    "ARABIC",
)


def visible(text: str) -> str:
    """The text with every character that has no glyph written out: ␀, ␛, ⟨U+202E⟩, and a run of
    the same one with its length: ⟨U+200B×65⟩.

    Line breaks and tabs are among them: a name is one line. What is written out already stays.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(shown for shown, _ in _units(text, frozenset()))


def short(name: str, longest: int = LONGEST) -> str:
    """A name in at most `longest` characters: no other name is shown alike.

    What has no glyph is written out, as is what could pass for that: brackets and pictures of
    controls, and spaces at an end or next to each other. A long name is shown by both ends, the
    number of characters between them and, from `LONGEST` on, the first half of its SHA-256 (below,
    two that differ only in the middle are shown alike).
    """
    return _short(name, longest, _WRITTEN_OUT)


def _short(name: str, longest: int, also: frozenset[str]) -> str:
    plain = name.isascii() and name.isprintable() and "  " not in name and name == name.strip()
    if plain and len(name) <= longest and also.isdisjoint(name.replace(" ", "")):
        return name
    units = list(_units(name, also))
    if sum(len(shown) for shown, _ in units) <= longest:
        return "".join(shown for shown, _ in units)
    digest = f", SHA-256 {_digest(name)}" if longest >= LONGEST else ""
    half = (longest - _MARGIN - len(digest)) // 2
    start, end = _fitting(units, half), _fitting(units[::-1], half)[::-1]
    left_out = len(name) - sum(count for _, count in (*start, *end))
    between = f" … ⟨{left_out:,} characters{digest}⟩ … "
    return between.join("".join(shown for shown, _ in some) for some in (start, end))


def quoted(text: str, longest: int = LONGEST) -> str:
    """A text that others chose, `short` and in quotes, none of which it can close."""
    return f"“{_PAIR.sub("'", short(text, longest).translate(_INNER))}”"


def in_sentence(name: str, longest: int = LONGEST) -> str:
    """A name as a sentence has it: `short`, and in quotes unless it is plainly no word of ours.

    Without quotes are Latin letters without accents that have a digit or one of `-_.@/:|` between
    them (`pdf-exfil`): others could be read as words of the sentence. Quotes that could end these
    are written out, so that no two names are shown alike.
    """
    plain = len(name) <= longest and _is_identifier(name)
    return name if plain else f"“{_quotable(name, longest)}”"


def person_in_sentence(name: str, longest: int = LONGEST) -> str:
    """A person's name as a sentence has it: as `in_sentence` has others, without quotes only where
    it is an e-mail address or a subject (`auth0|…`)."""
    plain = len(name) <= longest and _is_address(name)
    return name if plain else f"“{_quotable(name, longest)}”"


_ALNUM: Final = frozenset(string.ascii_letters + string.digits)
_OF_IDENTIFIERS: Final = _ALNUM | frozenset("-_.@/:|")
_OF_ADDRESSES: Final = _ALNUM | frozenset("-_.+@|")


def _is_identifier(name: str) -> bool:
    return _has_only(_OF_IDENTIFIERS, name) and not name.isalpha()


def _is_address(name: str) -> bool:
    return _has_only(_OF_ADDRESSES, name) and ("|" in name or "." in name.partition("@")[2])


def _has_only(characters: frozenset[str], name: str) -> bool:
    return characters.issuperset(name) and name[:1] in _ALNUM and name[-1:] in _ALNUM


def _quotable(name: str, longest: int) -> str:
    """The name, `short`, without quotes that could end those it stands in."""
    pairs = frozenset(_HALVES) if _PAIR.search(name) else frozenset()
    return _short(name, longest, _WRITTEN_OUT | _QUOTES | pairs)


def shortened(sentence: str, longest: int) -> str:
    """A sentence, `visible`, with the middle of a long one left out and said so."""
    text = visible(sentence)
    if len(text) <= longest:
        return text
    half = (longest - _MARGIN) // 2
    return f"{text[:half]} … {len(text) - 2 * half:,} characters … {text[-half:]}"


type _Unit = tuple[str, int]
"""What is shown, and of how many characters."""


def _units(text: str, also: frozenset[str]) -> Iterator[_Unit]:
    """The text in parts that are shown whole or not at all: a character, or a run of a hidden one.

    `also` are characters that are written out although they have a glyph.
    """
    last = len(text)
    at = 0
    for char, same in groupby(text):
        count = len(list(same))
        at += count
        written = _written_out(char, also)
        if char == " " and " " in also and (count > 1 or at in (count, last)):
            written = "⟨U+0020⟩"
        if not written:
            yield from ((char, 1) for _ in range(count))
        elif count < _RUN:
            yield from ((written, 1) for _ in range(count))
        else:
            yield f"⟨U+{ord(char):04X}×{count}⟩", count


def _fitting(units: Iterable[_Unit], space: int) -> list[_Unit]:
    """As many of the first units as fit into so many characters."""
    kept: list[_Unit] = []
    for shown, count in units:
        space -= len(shown)
        if space < 0:
            break
        kept.append((shown, count))
    return kept


def _digest(name: str) -> str:
    return sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _written_out(char: str, also: frozenset[str]) -> str:
    """How a character without a glyph is shown; empty for one that has a glyph."""
    code = ord(char)
    if char in also and char != " ":
        return f"⟨U+{code:04X}⟩"
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\N{SYMBOL FOR DELETE}"
    # Cf holds the bidirectional and zero-width controls; Zl and Zp break lines.
    if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"}:
        return f"⟨U+{code:04X}⟩"
    if (char != " " and char.isspace()) or any(code in some for some in _IGNORED):
        return f"⟨U+{code:04X}⟩"
    return ""


def warning(name: str) -> str:
    """What to beware of in a name, as words without a full stop; "" for an ordinary one."""
    if name.isascii():
        return "" if name.isprintable() else "holds characters that cannot be seen"
    if visible(name) != name:
        return "holds characters that cannot be seen"
    scripts = sorted({found for char in name if (found := _script(char))})
    skeleton = "".join(_LOOKALIKES.get(char, char) for char in unicodedata.normalize("NFKC", name))
    if skeleton.isascii():
        like = _quotable(skeleton, LONGEST)
        like = f"“{like}”" if " " in like else like  # answers of phones may repeat these words
        return f"looks like {like} but is not: {_foreign(name)}"
    if len(scripts) > 1:
        return f"mixes {' and '.join(script.capitalize() for script in scripts)} letters"
    return ""


def _foreign(name: str) -> str:
    char = next(char for char in name if not char.isascii())
    called = unicodedata.name(char, "another character").lower()
    return f"{char} is {called}"


def _script(char: str) -> str:
    if not char.isalpha():
        return ""
    called = unicodedata.name(char, "")
    return next((script for script in _SCRIPTS if called.startswith(script)), "")
