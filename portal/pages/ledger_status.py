"""How far the ledger is signed and verified, for the strip on every page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache

from audit import clock, witnesses
from audit.models import VerificationRun, WitnessState
from audit.sequencing import sequencer
from audit.sequencing.signed_state import newest_checkpoint
from audit.verification import continuous
from audit.witnesses.quorum import witnessed_size
from ui import outage_banners, times

_FOR_S = 2
_RECENT = timedelta(days=1)
"""So long after it ended a check is named with its time."""
_FEW = 256
"""So many entries at most are not verified yet where the log is called verified without more."""
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


def broken() -> str:
    """What of the log does not hold; empty while everything does."""
    return continuous.alarm()


def _read() -> dict[str, Any]:
    run = VerificationRun.objects.filter(state__in=_OVER).order_by("-finished").first()
    round_ = continuous.Progress.read()
    signed = newest_checkpoint()
    size = signed.size if signed else 0
    verified_to, verified_at = _verified(run, round_, size)
    witnessed = witnessed_size()
    found: dict[str, Any] = {
        "size": size,
        "signed_at": signed.created if signed else None,
        "verified_to": verified_to,
        "verified_at": verified_at,
        "followed_to": _followed(verified_to, round_, size),
        "last_check_failed": not verified_at and round_.done_found > 0,
        "first_check_runs": round_.at < round_.size and not round_.done_size,
        "witnessed": witnessed,
        **_witnesses(witnessed),
    }
    if signed is None:
        found |= {"state": "warn", "words": "nothing signed yet"}
    if run is not None and run.state == VerificationRun.State.FAILED:
        found |= {"state": "bad", "words": f"check failed {_where(run.result)}"}
    if reason := continuous.alarm():
        found |= {"state": "bad", "words": f"check failed: {reason}"}
    if reason := stopped():
        found |= {"state": "bad", "words": f"signing has stopped: {reason}"}
    return found | _in_words(found)


def _in_words(found: Mapping[str, Any]) -> dict[str, str]:
    """The sentence of the strip, and the exact figures behind it."""
    words, at = found["words"], found["verified_at"]
    done, silent, now = "verified", outage_banners.health().worker, clock.now()
    is_old = at and (silent or now - at > _RECENT)
    day = times.absolute(at, now).rpartition(" ")[0] if is_old else ""  # the strip is narrow
    if at and found["size"] - found["followed_to"] > _FEW:
        done = f"verified up to #{found['followed_to'] - 1:,}" + (f" on {day}" if day else "")
    elif day:
        done = f"not checked since {day}" if silent else f"last verified {day}"
    elif silent:
        done = "signed, not verified yet, checks not running"
    elif found["last_check_failed"]:
        done = "signed, the last check failed and is repeated"
    elif not at:
        runs = found["first_check_runs"]
        done = f"signed, {'first check still running' if runs else 'not verified yet'}"
    alone = found["state"] == "bad" or not found["size"]
    summary = f"Log: {words}" if alone else f"Log {done} · {words}"
    since = silent.since if silent else None
    return {
        "summary": summary,
        "title": _figures(found, since, times.full),
        "figures": _figures(found, since, lambda moment: f"{times.absolute(moment, now)} UTC"),
    }


def _figures(
    found: Mapping[str, Any], silent_since: datetime | None, stamp: Callable[[datetime], str]
) -> str:
    """The exact figures, with each time as `stamp` has it."""
    figures, at = f"{found['size']:,} entries signed.", found["verified_at"]
    if at:
        how = f", last at {stamp(at)}"
        if found["followed_to"] > found["verified_to"]:
            first = f"the first {found['verified_to']:,} at {stamp(at)}"
            how = f": {first}, the others after they were signed"
        figures += f" {found['followed_to']:,} of them verified{how}."
    if silent_since:
        figures += f" The worker, which checks them, has not run since {stamp(silent_since)}."
    if found["witnessed"]:
        figures += f" Witnesses vouch for the first {found['witnessed']:,}."
    return figures


def _verified(
    run: VerificationRun | None, round_: continuous.Progress, size: int
) -> tuple[int, datetime | None]:
    """How many entries were last verified as a whole, on request or by a round, where nothing was
    found, and when that ended.

    What covered no entries verified none, and what covered more than there are was about another
    log: a database was restored.
    """
    asked: tuple[int, datetime | None] = (0, None)
    if run and run.state == VerificationRun.State.PASSED:
        covered = int(run.result.get("size", 0))
        asked = (covered, run.finished) if 0 < covered <= size else asked
    if round_.done is None or not 0 < round_.done_size <= size:
        return asked
    if asked[1] and asked[1] >= round_.done:
        return asked
    return (0, None) if round_.done_found else (round_.done_size, round_.done)


_OBJECTS = (WitnessState.State.REFUSES, WitnessState.State.CONFLICT)


def _witnesses(witnessed: int) -> dict[str, str]:
    """What others vouch for; without a quorum of witnesses that are not ours, nobody does."""
    words = "witnessed" if witnessed else "no outside witness"
    if problem := witnesses.configured().problem:
        return {"state": "bad", "words": f"witnesses: {problem.rstrip('.')}"}
    asked = witnesses.standings()
    if objecting := next((one for one in asked if one.state in _OBJECTS), None):
        return {"state": "bad", "words": f"{objecting.name or objecting.url} {objecting.words}"}
    away = sum(one.state == WitnessState.State.AWAY for one in asked)
    if away:
        return {"state": "warn", "words": f"{words} · {away} of {len(asked)} witnesses silent"}
    return {"state": "ok", "words": words}


def _where(result: dict[str, Any]) -> str:
    index = result.get("first_bad_index")
    return f"at #{index:,}" if isinstance(index, int) else "as a whole"


def _followed(verified_to: int, round_: continuous.Progress, size: int) -> int:
    """How many entries were verified in all, with those that were since they were signed: these
    follow on a round that found nothing."""
    follows = round_.done is not None and not round_.done_found and round_.recent <= size
    return max(verified_to, round_.recent) if verified_to and follows else verified_to
