"""The forms a secret can hide in: whatever a text unwraps to, twice over."""

from __future__ import annotations

import base64
import binascii
import quopri
import re
import zlib
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

DEPTH = 2
_LIMIT = 32 * 2**20  # bytes one compressed stream may unpack to

_BASE64 = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")
_BASE64URL = re.compile(rb"[A-Za-z0-9_-]{24,}={0,2}")  # a run of one may be many of the other
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){20,}")
_UTF16 = re.compile(rb"(?:[\x09-\x7e]\x00){20,}|(?:\x00[\x09-\x7e]){20,}")
_ESCAPED = re.compile(rb"\\u00([0-7][0-9a-fA-F])")
# As a letter carries it, in lines (RFC 2045 6.8).
_FOLDED = re.compile(rb"(?:[A-Za-z0-9+/]{60,76}\r?\n)+[A-Za-z0-9+/]*={0,2}")
_QUOTED = re.compile(rb"=\r?\n|=[0-9A-F]{2}")  # RFC 2045 6.7
_STREAM = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")
# A local file header of a zip, to the lengths of what follows it (APPNOTE 4.3.7).
_MEMBER = re.compile(rb"PK\x03\x04.{22}(..)(..)", re.S)


def unwrapped(raw: bytes, depth: int = DEPTH) -> Iterator[bytes]:
    """Each text that is wrapped in this one as gzip, zlib, a member of a zip file, base64, hex,
    UTF-16, quoted-printable or an escape."""
    if not depth:
        return
    for inner in _once(raw):
        yield inner
        yield from unwrapped(inner, depth - 1)


def _once(raw: bytes) -> Iterator[bytes]:
    for found in _STREAM.finditer(raw):
        yield from _unpacked(raw[found.start() :], 47)  # 47: gzip or zlib
    for found in _MEMBER.finditer(raw):
        names = int.from_bytes(found[1], "little") + int.from_bytes(found[2], "little")
        yield from _unpacked(raw[found.end() + names :], -15)  # nothing around the stream
    for found in _FOLDED.finditer(raw):
        yield from _decoded(found[0].translate(None, b"\r\n"))
    runs = {found[0] for found in _BASE64.finditer(raw)}
    runs.update(found[0] for found in _BASE64URL.finditer(raw))
    for run in runs:
        yield from _decoded(run)
    for found in _HEX.finditer(raw):
        yield bytes.fromhex(found[0].decode())
    for found in _UTF16.finditer(raw):
        yield found[0].replace(b"\0", b"")
    if b"%2" in raw or b"%3" in raw or b"%5" in raw:
        yield from _if_other(raw, unquote_to_bytes(raw))
    if _QUOTED.search(raw):
        yield from _if_other(raw, quopri.decodestring(raw))
    if b"\\u00" in raw:
        yield _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), raw)


def _if_other(raw: bytes, other: bytes) -> Iterator[bytes]:
    if other != raw:
        yield other


def _unpacked(raw: bytes, wbits: int) -> Iterator[bytes]:
    try:
        found = zlib.decompressobj(wbits).decompress(raw, _LIMIT)
    except zlib.error:
        return
    if len(found) > 20:
        yield found


def _decoded(run: bytes) -> Iterator[bytes]:
    text = run.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    try:
        found = base64.b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error:  # one letter too many: not the end of base64
        found = base64.b64decode(text[:-1])
    # Random bytes are no text; what is compressed is, and unwraps further.
    if _STREAM.match(found) or _is_text(found):
        yield found


def _is_text(found: bytes) -> bool:
    printable = sum(9 <= byte < 127 for byte in found[:64]) + found[:64].count(0)
    return printable >= 0.9 * min(len(found), 64)
