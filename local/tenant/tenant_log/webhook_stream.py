"""The custom webhook log stream: JSON lines, static Authorization, at least once.

Facts auth0-wire section 7. The cursor lives in the database and moves only when the receiver
answered 2xx, so a restart or an outage on either side repeats events and never skips one.
"""

from __future__ import annotations

import json
import logging
import random
import threading
from dataclasses import dataclass

import httpx
from django.db import DatabaseError, connection

from local.tenant.env import env
from local.tenant.models import LogEvent, StreamCursor
from local.tenant.tenant_log import log_events

BATCH = 100
TIMEOUT_S = 10.0
IDLE_S = 1.0
BACKOFF_MAX_S = 30.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stream:
    """Where and how events are delivered; ``mode`` can provoke Auth0's worse manners."""

    url: str
    authorization: str
    mode: str = "normal"


def start_log_stream() -> threading.Thread | None:
    """Start delivering in the background, if a stream is configured."""
    settings = env()
    if not settings.log_stream_url:
        return None
    stream = Stream(
        settings.log_stream_url, settings.auth0_log_stream_token, settings.tenant_log_stream_mode
    )
    thread = threading.Thread(target=_run, args=(stream,), name="log-stream", daemon=True)
    thread.start()
    return thread


def deliver_once(stream: Stream) -> int:
    """Deliver the next batch and move the cursor; returns how many events were acknowledged.

    Raises httpx.HTTPError when the receiver is unreachable or answers other than 2xx.
    """
    cursor, _ = StreamCursor.objects.get_or_create(url=stream.url)
    events = list(LogEvent.objects.filter(seq__gt=cursor.seq).order_by("seq")[:BATCH])
    if not events:
        return 0
    answer = httpx.post(
        stream.url,
        content=_lines(events, stream.mode),
        headers={"Authorization": stream.authorization, "Content-Type": "application/json"},
        timeout=TIMEOUT_S,
    )
    answer.raise_for_status()
    cursor.seq = events[-1].seq
    cursor.save(update_fields=["seq"])
    return len(events)


def _lines(events: list[LogEvent], mode: str) -> bytes:
    sent = list(events)
    if mode == "duplicate":
        sent += events
    elif mode == "reorder":
        random.shuffle(sent)
    lines = (json.dumps({"log_id": event.log_id, "data": event.as_json()}) for event in sent)
    return "\n".join(lines).encode() + b"\n"


def _run(stream: Stream) -> None:
    pause = IDLE_S
    while True:
        try:
            delivered = deliver_once(stream)
            pause = IDLE_S
            if not delivered:
                log_events.wait_for_news(IDLE_S)
        except (httpx.HTTPError, DatabaseError) as error:
            if pause == IDLE_S:
                _log.warning("Log stream to %s waits: %s", stream.url, type(error).__name__)
            threading.Event().wait(pause)
            pause = min(pause * 2, BACKOFF_MAX_S)
        finally:
            connection.close()
