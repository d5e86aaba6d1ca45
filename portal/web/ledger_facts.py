"""How far the ledger is signed and verified, for the strip on every page."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache

from audit import loglevels, sequencer
from audit.heads import newest_checkpoint
from audit.models import VerificationRun

_FOR_S = 2
_KEY = "shell.ledger"
_OVER = (VerificationRun.State.PASSED, VerificationRun.State.FAILED)


def facts() -> dict[str, Any]:
    """`trust.ledger` of the base template, at most two seconds old; three queries if not known."""
    known: dict[str, Any] | None = cache.get(_KEY)
    if known is None:
        known = _read()
        cache.set(_KEY, known, _FOR_S)
    return known


def stopped() -> str:
    """Why the sequencer refuses to sign; empty while it does not."""
    return sequencer.stopped_reason()


def _read() -> dict[str, Any]:
    signed = newest_checkpoint()
    run = VerificationRun.objects.filter(state__in=_OVER).order_by("-finished").first()
    found: dict[str, Any] = {
        "size": signed.size if signed else 0,
        "signed_at": signed.created if signed else None,
        "verified_to": int(run.result.get("size", 0)) if run else 0,
        "verified_at": run.finished if run else None,
        "state": "ok",
        "words": _witnesses(),
        "url": "/audit/ledger/",
    }
    if signed is None:
        found |= {"state": "warn", "words": "nothing signed yet"}
    if run is not None and run.state == VerificationRun.State.FAILED:
        found |= {"state": "bad", "words": f"does not verify {_where(run.result)}"}
    if reason := stopped():
        found |= {"state": "bad", "words": f"signing has stopped: {reason}"}
    return found


def _witnesses() -> str:
    """What others vouch for; without a quorum of witnesses that are not ours, nobody does."""
    sizes = loglevels.current()
    return f"witnessed to #{sizes.witnessed:,}" if sizes.witnessed else "0 independent witnesses"


def _where(result: dict[str, Any]) -> str:
    index = result.get("first_bad_index")
    return f"at #{index:,}" if isinstance(index, int) else "as a whole"
