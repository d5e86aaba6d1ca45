"""External time (RFC 3161): checkpoints are stamped by the authority of `TSA_URL`.

`TSA_CA_FILE` names the certificates that this portal trusts for it; without them tokens are kept
and handed out, and count for nobody here.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from django.conf import settings
from django.db import close_old_connections

from audit import clock
from audit.db import process_locks
from audit.erasure import idle_database_connections
from audit.ledger import time_tokens
from audit.ledger.time_tokens import TimestampError
from audit.models import Checkpoint, TimeToken
from audit.sequencing import signed_state
from audit.witnesses import configured, witnessed_checkpoint
from http_client.address_guard import Guard
from http_client.client import HttpClient
from http_client.errors import HttpClientError
from http_client.timeouts_and_retries import Retries, Timeouts

_log = logging.getLogger(__name__)

EVERY = timedelta(minutes=10)
_AFTER_TROUBLE = timedelta(minutes=1)
_LONGEST = 65_536


def roots() -> list[x509.Certificate]:
    """Whom this portal trusts for the time; none where nobody was named.

    Raises:
        TimestampError: `TSA_CA_FILE` cannot be used.
    """
    file = settings.TSA_CA_FILE
    if file is None:
        return []
    try:
        return _roots(file, file.stat().st_mtime_ns)
    except OSError as error:
        raise TimestampError(f"TSA_CA_FILE cannot be read: {error.strerror}") from None


@lru_cache(maxsize=2)
def _roots(file: Path, _changed: int) -> list[x509.Certificate]:
    return time_tokens.read_roots(file.read_bytes())


def stamp_due(now: datetime) -> TimeToken | None:
    """Have the newest checkpoint stamped when that is due; returns the token.

    Where witnesses are asked for, the newest with a quorum is: time adds to their word.

    Raises:
        HttpClientError: the authority did not answer.
        TimestampError: its answer proves nothing.
    """
    if not settings.TSA_URL:
        return None
    with process_locks.alone("stamping") as held:
        checkpoint = _wanted() if held else None
        if checkpoint is None or _is_fresh(checkpoint, now):
            return None
        return _stamp(checkpoint)


def _wanted() -> Checkpoint | None:
    policy = configured().policy
    if policy is not None and policy.witnessed:
        return witnessed_checkpoint()
    return signed_state.newest_checkpoint()


def _is_fresh(checkpoint: Checkpoint, now: datetime) -> bool:
    newest = TimeToken.objects.order_by("-id").first()
    if newest is None:
        return False
    # One that is dated later than now is not fresh: a clock was wrong.
    return newest.size >= checkpoint.size or timedelta() <= now - newest.created < EVERY


def _stamp(checkpoint: Checkpoint) -> TimeToken:
    wanted = time_tokens.request(checkpoint.note)
    answer = _http(settings.TSA_URL).request(
        "POST",
        settings.TSA_URL,
        operation="tsa.stamp",
        headers={"Content-Type": "application/timestamp-query"},
        content=wanted.as_bytes(),
    )
    if not answer.ok:
        raise TimestampError(f"the authority answered {answer.status}")
    moment = time_tokens.read(answer.body, checkpoint.note, wanted.nonce)
    if trusted := roots():
        time_tokens.verify(answer.body, checkpoint.note, trusted)
    return TimeToken.objects.create(
        size=checkpoint.size,
        root=checkpoint.root,
        authority=urlsplit(settings.TSA_URL).hostname or "",
        response=answer.body,
        time=moment,
        created=clock.now(),
    )


@lru_cache(maxsize=4)
def _http(url: str) -> HttpClient:
    return HttpClient(
        guard=Guard.only(url),
        timeouts=Timeouts(connect=3.0, read=10.0, total=15.0),
        retries=Retries(attempts=1),
        max_bytes=_LONGEST,
    )


def newest_token() -> TimeToken | None:
    """The token that came last."""
    return TimeToken.objects.order_by("-id").first()


def token_for(size: int) -> TimeToken | None:
    """The first token over the tree of that size."""
    return TimeToken.objects.filter(size=size).order_by("id").first()


def token_of(checkpoint: Checkpoint) -> bytes | None:
    """The first token over this very tree (RFC 3161, DER)."""
    found = TimeToken.objects.filter(size=checkpoint.size, root=checkpoint.root).order_by("id")
    response = found.values_list("response", flat=True).first()
    return None if response is None else bytes(response)


def timed_checkpoint() -> Checkpoint | None:
    """The largest checkpoint that an authority of this portal's roots has stamped."""
    try:
        trusted = roots()
    except TimestampError:
        return None
    if not trusted:
        return None
    for token in TimeToken.objects.order_by("-size", "id")[:5]:
        checkpoint = (
            Checkpoint.objects.filter(size=token.size, root=token.root).order_by("id").first()
        )
        if checkpoint is None or signed_state.is_former(checkpoint):
            continue
        if _holds(token, checkpoint, trusted):
            return checkpoint
    return None


def _holds(token: TimeToken, checkpoint: Checkpoint, trusted: list[x509.Certificate]) -> bool:
    try:
        time_tokens.verify(bytes(token.response), checkpoint.note, trusted)
    except TimestampError:
        return False
    return True


def loop(stop: threading.Event, *, pause_s: float = 5.0) -> None:
    """Stamp what is due until `stop` is set."""
    while not stop.is_set():
        idle_database_connections.rest()
        wait = pause_s
        try:
            stamp_due(clock.now())
        except (HttpClientError, TimestampError) as error:
            _log.warning("no time token: %s", error)
            wait = _AFTER_TROUBLE.total_seconds()
        stop.wait(wait)
    close_old_connections()
