"""A small application that says what it was given."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

PIECE = b"0123456789abcdef" * 4096  # 64 KiB


class Meeting:
    """Opens when enough are there; who waits too long goes."""

    def __init__(self) -> None:
        self.there = 0
        self.changed = threading.Condition()

    def wait(self, count: int) -> None:
        """Raises TimeoutError."""
        with self.changed:
            self.there += 1
            self.changed.notify_all()
            if not self.changed.wait_for(lambda: self.there >= count, 30):
                raise TimeoutError


meeting = Meeting()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """`/stream/N` sends N pieces, else an echo: `/slow/N?FILE` makes that file, then takes a while.

    N is in tenths of a second. `/together/N` waits until so many do, as the server lets it.
    `/vouch` vouches for its caller. `/stuck` never releases the interpreter lock.
    """
    what, _, count = environ["PATH_INFO"].strip("/").partition("/")
    if what == "stream":
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        return (PIECE for _ in range(int(count)))
    if what == "slow":
        Path(environ["QUERY_STRING"]).touch()
        time.sleep(int(count) / 10)
    if what == "stuck":
        re.match(r"(a+)+$", "a" * 64 + "b")
    if what == "vouch":
        environ["serving.vouch"]()
    if what == "together":
        with environ["serving.waiting"]():
            meeting.wait(int(count))
    seen = {name: value for name, value in environ.items() if isinstance(value, str)}
    read = environ["wsgi.input"].read()
    body = json.dumps({"seen": seen, "read": len(read)}).encode()
    start_response(
        "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    )
    return [body]
