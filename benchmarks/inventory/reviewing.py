"""Open an access review of every account, look at its pages, close it, and read its result.

    python -m benchmarks.inventory.reviewing

Works on what `benchmarks.inventory.filling` left in the database of the environment, and adds a
review. Prints one JSON object a line: seconds by the clock and of the processors (with those of the
PostgreSQL process that served them), statements, on SQLite those of the longest transaction that
wrote, and the most private memory that the process held (MiB) above what it held before.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import django

from benchmarks.reading.measure import signed_in_auditor
from benchmarks.resources import Memory, Share, anonymous, spent


def main() -> None:
    """Measure the database of the environment."""
    browser = signed_in_auditor()

    from approvals.pipeline.service import perform
    from audit.clock import uuid7
    from audit.recording.actors import Actor, Target
    from audit.sequencing import sequencer
    from benchmarks.inventory.filling import ISSUER
    from connections.access_reviews import frozen_account_list
    from connections.models import Review

    sequencer.run_once()  # from here on there is a key to sign with
    admin = Actor(iss=ISSUER, sub="auth0|000000", roles=frozenset({"admin"}), via="web")
    due = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
    target = Target("review", str(uuid7()))
    params = {"title": "Everything", "due": due, "reviewers": "owners"}
    page = f"/connections/reviews/{target.name}/"
    browser.get("/connections/reviews/")
    _time("open", lambda: perform(admin, "review.open", target, params=params))
    review = Review.objects.get(pk=target.name)
    last = review.items.count()
    print(json.dumps({"accounts": last}), flush=True)
    _time("the list of reviews", lambda: browser.get("/connections/reviews/"))
    pages = {"first": "", "middle": f"?after={last // 2}", "last": f"?before={last}"}
    for name, query in pages.items():
        _time(f"its {name} page", partial(browser.get, page + query))
    _time("hold the list to its digest", lambda: frozen_account_list.stands(review))
    _time("close", lambda: perform(admin, "review.close", target))
    _time("read the result", lambda: _read(browser.get(f"{page}result/")))


def _read(answer: Any) -> None:
    for _ in answer.streaming_content if answer.streaming else (answer.content,):
        pass


def _time(name: str, work: Callable[[], object]) -> None:
    from django.db import connection

    counted = Statements()
    server = connection.vendor == "postgresql"
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid if server else 0
    share, before = _share(pid), anonymous()
    with connection.execute_wrapper(counted.run), Memory() as memory, spent() as cost:
        work()
    cpu = (_share(pid) - share).ran
    line = {
        "what": name,
        "wall_s": round(cost.wall, 2),
        "cpu_s": round(cpu, 2),
        "statements": counted.number,
        "longest_s": round(counted.longest, 2),
        "mib_before": round(before),
        "mib_most": round(memory.peak),
    }
    print(json.dumps(line), flush=True)


class Statements:
    """Counts statements, and the processor seconds of the longest transaction that wrote.

    It is from its BEGIN to the end of its last statement; who else wants to write to SQLite waits
    that long at least. On PostgreSQL nothing marks the beginning.
    """

    def __init__(self) -> None:
        self.number, self.longest = 0, 0.0
        self._began: float | None = None

    def run(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """As an execute wrapper of Django's."""
        connected = context["connection"]
        if sql.startswith("BEGIN") or not connected.in_atomic_block:
            self._began = None
        if sql.startswith("BEGIN IMMEDIATE"):
            self._began = time.process_time()
        self.number += 1
        try:
            return execute(sql, params, many, context)
        finally:
            if self._began is not None:
                self.longest = max(self.longest, time.process_time() - self._began)


def _share(server: int) -> Share:
    """That of our thread (not of the one that watches memory) and of our server process."""
    return Share.of() + (Share.of(server) if server else Share())


if __name__ == "__main__":
    django.setup()
    main()
