"""Names from elsewhere, shown so that they cannot pass for others or drive a screen.

What has no glyph of its own is written out; a name that mixes scripts, or is made of letters that
look like Latin ones, says what it looks like (after UTS 39 section 5, with the look-alikes that
matter for ASCII names; no dependency, for the table of UTS 39 is large and mostly about others).
"""

from __future__ import annotations

import unicodedata
from typing import Final

LONGEST: Final = 120
"""Characters of a name that are shown in a sentence or a heading."""

_LOOKALIKES: Final = dict(
    zip(
        "аеорсухіјѕһԁԛԝӏвкмнтАВЕКМНОРСТХІЈЅαονρτυικχΑΒΕΖΗΙΚΜΝΟΡΤΥΧօսհոցյıɡɑ",
        "aeopcyxijshdqwlbkmhtABEKMHOPCTXIJSaovptuikxABEZHIKMNOPTYXouhngjiga",
        strict=True,
    )
)
_SCRIPTS: Final = (
    "LATIN",
    "CYRILLIC",
    "GREEK",
    "ARMENIAN",
    "CHEROKEE",
    "COPTIC",
    "HEBREW",
    "ARABIC",
)


def visible(text: str) -> str:
    """The text with every character that has no glyph written out: ␀, ␛, ⟨U+202E⟩.

    Line breaks and tabs are among them: a name is one line.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(char: str) -> str:
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\N{SYMBOL FOR DELETE}"
    # Cf holds the bidirectional and zero-width controls; Zl and Zp break lines.
    if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"}:
        return f"⟨U+{code:04X}⟩"
    if char != " " and char.isspace():
        return f"⟨U+{code:04X}⟩"
    return char


def short(text: str, longest: int = LONGEST) -> str:
    """`visible`, with the middle of a long text left out and said so."""
    if len(text) > longest:
        half = (longest - 30) // 2
        left_out = len(text) - 2 * half
        text = f"{text[:half]} … {left_out:,} characters … {text[-half:]}"
    return visible(text)


def warning(name: str) -> str:
    """What to beware of in a name, as words without a full stop; "" for an ordinary one."""
    if name.isascii():
        return "" if name.isprintable() else "holds characters that cannot be seen"
    if visible(name) != name:
        return "holds characters that cannot be seen"
    scripts = sorted({found for char in name if (found := _script(char))})
    skeleton = "".join(_LOOKALIKES.get(char, char) for char in unicodedata.normalize("NFKC", name))
    if skeleton.isascii():
        return f"looks like {short(skeleton)} but is not: {_foreign(name)}"
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
