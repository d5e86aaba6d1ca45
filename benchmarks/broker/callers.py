"""Callers in a process of their own: each has a token and a URL and asks again once answered.

    python -m benchmarks.broker.callers          (a JSON object on standard input, one back)

Reads `{"url", "each": seconds, "callers": [{"head", "body"}]}`, where `head` is the request without
its `Host`, and prints `{"took": [ms], "statuses": {status: n}, "wall_s": s, "answers": [[began,
ended, status]]}`, the latter in epoch seconds. HTTP is written by hand: the callers must cost
nothing compared with what they call.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

type Answers = list[tuple[float, float, int]]


async def caller(host: str, port: int, request: bytes, until: float, answers: Answers) -> Any:
    """Ask over one connection until the time is over; milliseconds of each answer."""
    took = []
    reader, writer = await asyncio.open_connection(host, port)
    while (began := time.perf_counter()) < until:
        at = time.time()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").lower().split("\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith("content-length:"))
        await reader.readexactly(length)
        took.append((time.perf_counter() - began) * 1000)
        answers.append((at, time.time(), int(lines[0].split()[1])))
    writer.close()
    return took


async def main(asked: dict[str, Any]) -> dict[str, Any]:
    """All callers at once; they begin a little apart, as callers do."""
    parts = urlsplit(asked["url"])
    host, port = parts.hostname or "", parts.port or 80
    answers: Answers = []
    began = time.perf_counter()
    until = began + asked["each"]

    async def late(number: int, one: dict[str, str]) -> Any:
        await asyncio.sleep(0.15 * number / len(asked["callers"]))
        head = f"{one['head']}\r\nHost: {host}:{port}\r\n\r\n"
        return await caller(host, port, (head + one["body"]).encode(), until, answers)

    took = await asyncio.gather(*(late(n, one) for n, one in enumerate(asked["callers"])))
    wall = time.perf_counter() - began
    return {
        "took": [ms for each in took for ms in each],
        "statuses": Counter(status for _, _, status in answers),
        "wall_s": wall,
        "answers": answers,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(json.load(sys.stdin)))))
