"""Kombu's filesystem transport for the embedded mode, made to survive what it may find.

Messages are hints, since every piece of due work is a row. So a file that is no message (cut off
by a crash or a full disk, or left by a stranger) is dropped with a warning: it must not stop the
worker, which is what Kombu's own transport would do.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import filesystem

log = logging.getLogger(__name__)

_BEING_WRITTEN_S = 0.05


class Channel(filesystem.Channel):
    """One connection to the folder of messages."""

    def _put(self, queue: str, payload: dict[str, Any], **kwargs: Any) -> None:  # type: ignore[override]
        """Write a message whole or not at all: a reader never sees the beginning of one."""
        name = f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        target = Path(self.data_folder_out) / name
        draft = target.with_name(f"{name}.part")
        try:
            draft.write_text(json.dumps(payload))
            draft.rename(target)
        except OSError as error:
            raise ChannelError(f"cannot write {target}: {error.strerror}") from error

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        """The next message of a queue; raises Empty when there is none."""
        folder, wanted = Path(self.data_folder_in), f"{queue}.msg"
        # Somebody else's files, drafts and messages of other queues are left alone.
        for path in sorted(p for p in folder.iterdir() if p.name.partition(".")[2] == wanted):
            payload = _taken(path)
            if payload is not None:
                return payload
        raise Empty

    def get_table(self, exchange: str) -> list[Any]:
        """The bindings of an exchange."""
        self._mend_table(exchange)
        bindings: list[Any] = super().get_table(exchange)  # type: ignore[no-untyped-call]
        return bindings

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        self._mend_table(exchange)
        super()._queue_bind(exchange, routing_key, pattern, queue)  # type: ignore[no-untyped-call]

    def _mend_table(self, exchange: str) -> None:
        """Make an unreadable table anew from what this process bound, else at the next binding."""
        path = Path(self._exchange_file(exchange))  # type: ignore[no-untyped-call]
        if _is_table(path):
            return
        time.sleep(_BEING_WRITTEN_S)
        if _is_table(path):
            return
        log.warning("unreadable bindings made anew: %s", path)
        ours = [b for b in self.state.bindings if b.exchange == exchange]
        draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        draft.write_text(json.dumps([[b.routing_key, "", b.queue] for b in ours]))
        draft.rename(path)


class Transport(filesystem.Transport):
    """`CELERY_BROKER_TRANSPORT` of the embedded mode."""

    Channel = Channel


def _is_table(path: Path) -> bool:
    """Whether the bindings can be read, or are simply not there yet."""
    try:
        for binding in json.loads(path.read_bytes()):
            filesystem.exchange_queue_t(*binding)
    except FileNotFoundError:
        return True
    except (ValueError, TypeError):
        return False
    return True


def _taken(path: Path) -> dict[str, Any] | None:
    """Take a message out of the folder; None where another reader was first or it is none."""
    mine = path.with_name(f"{path.name}.taken-{uuid.uuid4().hex}")
    try:
        path.rename(mine)  # one reader wins
    except OSError:
        return None
    try:
        payload = json.loads(mine.read_bytes())
        mine.unlink()
    except (OSError, ValueError):
        payload = None
    if _is_message(payload):
        found: dict[str, Any] = payload
        return found
    log.warning("dropped a file that is no message: %s", path)
    if mine.is_file():
        mine.unlink()
    return None


def _is_message(payload: object) -> bool:
    if not isinstance(payload, dict) or not isinstance(payload.get("body"), str):
        return False
    properties = payload.get("properties")
    return (
        isinstance(properties, dict)
        and isinstance(payload.get("headers"), dict)
        and {"delivery_tag", "delivery_info"} <= properties.keys()
    )
