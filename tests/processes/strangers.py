"""Strangers in a loop against a portal, as a process of their own: `python strangers.py URL MANY`.

Prints one JSON line when it is ended: how often each status was the answer, for each path.
"""

from __future__ import annotations

import http.client
import json
import signal
import sys
import threading
from collections import Counter
from itertools import cycle, islice
from urllib.parse import urlsplit

FORGED = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJzdWIiOiJ4In0.c2ln"
ASKED: list[tuple[str, dict[str, str]]] = [
    ("/v1/openapi.json", {}),
    ("/oidc/authenticate/", {}),
    ("/oidc/callback/?state=bad&code=bad", {}),
    ("/log/checkpoint", {}),
    ("/log/tile/0/000.p/20", {}),
    ("/v1/connections", {"Authorization": f"Bearer {FORGED}"}),
    ("/v1/auth/token?connection=github", {"Authorization": "Bearer nonsense"}),
    ("/", {"Cookie": f"ata_session={'x' * 32}"}),
]


def ask(netloc: str, first: int, stop: threading.Event, found: Counter[str]) -> None:
    """One stranger: a kept connection, one request after the other."""
    wire = http.client.HTTPConnection(netloc, timeout=60)
    for path, headers in islice(cycle(ASKED), first, None):
        if stop.is_set():
            return
        try:
            wire.request("GET", path, headers=headers)
            answer = wire.getresponse()
            answer.read()
            found[f"{answer.status} {path}"] += 1
        except (OSError, http.client.HTTPException) as error:
            found[f"{type(error).__name__} {path}"] += 1
            wire.close()


def main(url: str, many: int) -> None:
    """Ask until SIGTERM."""
    stop, found = threading.Event(), [Counter[str]() for _ in range(many)]
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    netloc = urlsplit(url).netloc
    asking = [
        threading.Thread(target=ask, args=(netloc, number, stop, found[number]))
        for number in range(many)
    ]
    for one in asking:
        one.start()
    stop.wait()
    for one in asking:
        one.join()
    print(json.dumps(sum(found, Counter())))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
