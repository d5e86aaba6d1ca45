"""Ask the trail page for every query of the mix and time the answers.

    python -m benchmarks.reading.measure [rounds]

Prints one JSON object a line. The whole view runs: middleware, session, search, templates. Each
time is that of a first look: nothing is kept from an earlier request, and the look is recorded.
"""

from __future__ import annotations

import gc
import json
import secrets
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from django.test import Client

ROUNDS = 7


def main(rounds: int, only: str = "") -> None:
    """Measure the database of the environment."""
    from audit import tree
    from benchmarks.reading.mix import MIX

    browser, size = signed_in_auditor(), tree.stored_size()
    pages = [(asked.name, asked.url(size)) for asked in MIX if only in asked.name]
    newest = _some_event()
    pages += [
        ("event page", f"/audit/events/{newest}/"),
        ("drawer", f"/audit/?e={newest}"),
    ]
    wall: dict[str, list[float]] = {name: [] for name, _ in pages}
    cpu: dict[str, list[float]] = {name: [] for name, _ in pages}
    for turn in range(rounds + 1):
        for name, url in pages:
            began, worked = look(browser, name, url)
            if turn:  # the first warms up
                wall[name].append(began)
                cpu[name].append(worked)
    for name, url in pages:
        print(json.dumps(_line(name, size, wall[name], cpu[name], statements(browser, name, url))))


def look(browser: Client, name: str, url: str) -> tuple[float, float]:
    """Wall and processor time of one request, that of a PostgreSQL on this machine included, in
    milliseconds."""
    _settle()
    server = _server_time()
    began, worked = time.perf_counter(), time.process_time()
    response = browser.get(url, headers=_headers(name))
    elapsed, own = time.perf_counter() - began, time.process_time() - worked
    times = elapsed * 1000, (own + _server_time() - server) * 1000
    if response.status_code != 200:
        raise RuntimeError(f"{url} answered {response.status_code}")
    return times


def _server_time() -> float:
    """Processor seconds of our connection's server process; 0 where there is none to be seen."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return 0.0
    connection.ensure_connection()
    path = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    return int(path.read_text().split()[0]) / 1e9 if path.exists() else 0.0


def statements(browser: Client, name: str, url: str) -> int:
    """How many SQL statements one request takes, without BEGIN and the like."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    _settle()
    with CaptureQueriesContext(connection) as seen:
        browser.get(url, headers=_headers(name))
    control = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
    return sum(not query["sql"].startswith(control) for query in seen)


def _headers(name: str) -> dict[str, str]:
    return {"HX-Request": "true", "HX-Target": "drawer"} if name == "drawer" else {}


def _settle() -> None:
    """As if nobody had looked before, and the worker had done its work."""
    from django.core.cache import cache

    from audit import sequencer

    _worker.append(sequencer.Sequencer()) if not _worker else None
    _worker[0].run_once(sweep=False)
    cache.clear()
    gc.collect()


_worker: list[Any] = []


def signed_in_auditor() -> Client:
    """A browser of an auditor, without a browser engine."""
    from django.test import Client

    from approvals import clock
    from portal.identity.models import SignedInSession, User
    from portal.identity.sessions import SESSION_ID

    user, _ = User.objects.update_or_create(
        iss="https://acme.example/",
        sub="auth0|benchmark",
        defaults={"name": "Ada Auditor", "email": "ada@acme.example", "roles": ["auditor"]},
    )
    client = Client(headers={"Host": "localhost"})
    client.force_login(user, backend="portal.identity.backend.OperatorBackend")
    now = clock.now()
    signed_in = SignedInSession.objects.create(
        user=user,
        session_key=client.session.session_key or "",
        public_id=secrets.token_hex(8),
        auth_time=now,
        created=now,
        last_seen=now,
    )
    session = client.session
    session[SESSION_ID] = signed_in.public_id
    session.save()
    return client


def _some_event() -> str:
    from audit.models import EventRow

    found = EventRow.objects.filter(seq__isnull=False).exclude(operation="").order_by("-seq")
    return str(found.values_list("event", flat=True)[0])


def _line(
    name: str, size: int, wall: Sequence[float], cpu: Sequence[float], queries: int
) -> dict[str, Any]:
    return {
        "name": name,
        "size": size,
        "p50": round(statistics.median(wall), 1),
        "p95": round(percentile(wall, 0.95), 1),
        "cpu": round(statistics.median(cpu), 1),
        "queries": queries,
        "wall": [round(each, 2) for each in wall],
    }


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * int(share * 100) // 100) - 1)]


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS, *sys.argv[2:3])
