"""The store of packed lines: filled by the worker once events have their place, read by exports.

A cache and no evidence: a block that is missing or does not carry our seal is left aside, and its
events are opened and checked one by one. Whatever changes how an event reads drops its block in
the same transaction; an erasure therefore reaches here too.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Collection
from functools import cache
from typing import Final

from django.conf import settings
from django.db import transaction

from audit.evidence import log_proof_levels
from audit.exports.compressed_line_blocks import Lines, pack, unpack
from audit.exports.formats import COLUMNS, PACKED
from audit.exports.manifest import build
from audit.importing.secret_masking import fingerprint
from audit.ledger.format.entry import EntryError
from audit.models import EventRow, ExportBlock, Openings
from audit.search import event_search
from audit.search.projection import SPAN, lock_rendered

_LABEL: Final = b"ata.export.block.v1"
_AGAIN_S = 600.0
_torn: dict[int, float] = {}  # blocks that could not be packed, and when each process tries again
_log = logging.getLogger(__name__)


def fill(*, budget_s: float = 1.0) -> int:
    """Pack complete blocks of the signed log that are missing, newest first; returns how many.

    Stops after about `budget_s`; the next call goes on.
    """
    if not _key():
        return 0
    signed = log_proof_levels.current().signed
    complete, until, packed = signed // SPAN, time.monotonic() + budget_s, 0
    if ExportBlock.objects.count() >= complete * len(PACKED):
        return 0
    names = list(PACKED)
    whole = ExportBlock.objects.filter(format=names[-1]).values_list("first", flat=True)
    present = set(whole)
    for number in reversed(range(complete)):
        first = number * SPAN
        if first in present or _torn.get(first, 0.0) > time.monotonic():
            continue
        if time.monotonic() > until:
            break
        try:
            _fill(first, names)
        except EntryError as error:
            _torn[first] = time.monotonic() + _AGAIN_S
            _log.error("events from %s on are not packed for exports: %s", first, error)
        else:
            _torn.pop(first, None)
            packed += 1
    return packed


def _fill(first: int, formats: list[str]) -> None:
    before = _state(first)
    rows = list(EventRow.objects.filter(seq__gte=first, seq__lt=first + SPAN).order_by("seq"))
    if len(rows) != SPAN:
        return  # the projection has a gap; the verifier tells of it
    events = event_search.publics(rows)
    packed = pack(events, formats)
    with transaction.atomic():
        lock_rendered()
        if _state(first) != before:
            return  # somebody was erased while we wrote; the next call writes the block anew
        ExportBlock.objects.filter(first=first).delete()
        ExportBlock.objects.bulk_create(
            ExportBlock(format=name, first=first, body=body, seal=_seal(name, first, body))
            for name, body in packed.items()
        )


def _state(first: int) -> tuple[int, list[str]]:
    """What can still change in how a block reads: openings can go, human levels can move."""
    rows = EventRow.objects.filter(seq__gte=first, seq__lt=first + SPAN).order_by("seq")
    opened = Openings.objects.filter(event__in=rows.order_by().values("event")).count()
    return opened, list(rows.values_list("human", flat=True))


def read(format: str, firsts: Collection[int]) -> dict[int, Lines]:
    """The blocks that begin at `firsts`, as far as they are there and ours."""
    if not firsts or not _key():
        return {}
    found = ExportBlock.objects.filter(format=format, first__in=firsts)
    lines = {}
    for first, body, seal in found.values_list("first", "body", "seal"):
        if hmac.compare_digest(bytes(seal), _seal(format, first, bytes(body))):
            lines[first] = Lines(unpack(bytes(body)))
        else:
            _log.warning("the rendered block %s of %s is not ours; it is left aside", first, format)
    return lines


def _seal(format: str, first: int, body: bytes) -> bytes:
    context = b"\0".join((_LABEL, format.encode(), str(first).encode(), _maker(), b""))
    return hmac.digest(_key(), context + body, "sha256")


def _key() -> bytes:
    secret: bytes = settings.EVIDENCE_KEY
    return hmac.digest(secret, _LABEL, "sha256") if secret else b""


@cache
def _maker() -> bytes:
    """Whatever decides how a line reads: a block of another version is not ours."""
    parts = (build(), *COLUMNS, fingerprint())
    return hashlib.sha256("\0".join(parts).encode()).digest()
