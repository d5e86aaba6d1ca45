"""Texts that break things elsewhere, by what they are."""

from __future__ import annotations

RLO = "\u202e"
TEXTS = {
    "NUL": "a\0b",
    "escape sequence": "\x1b]0;owned\x07\x1b[2J",
    "C1 control": "a\x9b31mb",
    "right-to-left override": f"exe{RLO}fdp.skill",
    "isolate never closed": "a\u2067b",
    "zero width": "pay\u200bpal",
    "homoglyph": "р\u0430ypal",
    "10,000 characters": "x" * 10_000,
    "combining marks": "Z" + "\u0351" * 500,
    "astral": "\U0001f4a9\U000e0041",
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "template": "{{ settings.SECRET_KEY }}{% debug %}",
    "formula": '=cmd|" /C calc"!A0',
    "SQL": "'; DROP TABLE audit_event; --",
    "line breaks": "a\r\nSet-Cookie: x=1\n\u2028\u2029",
}
