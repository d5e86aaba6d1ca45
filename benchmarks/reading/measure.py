"""Ask the trail page for every query of the mix and time the answers.

    python -m benchmarks.reading.measure [rounds]

Prints one JSON object a line. The whole view runs: middleware, session, search, templates. Each
time is that of a first look: nothing is kept from an earlier request, and the look is recorded.
Times leave out how long others had the processors while the request could have run (schedstat).
"""

from __future__ import annotations

import gc
import json
import secrets
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import django

from benchmarks.resources import Share

if TYPE_CHECKING:
    from django.test import Client

ROUNDS = 7


def main(rounds: int, only: str = "") -> None:
    """Measure the database of the environment."""
    from audit.sequencing import stored_tree_queries
    from benchmarks.reading.mix import MIX

    browser, size = signed_in_auditor(), stored_tree_queries.stored_size()
    pages = [(asked.name, asked.url(size)) for asked in MIX if only in asked.name]
    newest = _some_event()
    pages += [
        ("event page", f"/audit/events/{newest}/"),
        ("drawer", f"/audit/?e={newest}"),
    ]
    looks: dict[str, list[Times]] = {name: [] for name, _ in pages}
    for turn in range(rounds + 1):
        for name, url in pages:
            times = look(browser, name, url)
            if turn:  # the first warms up
                looks[name].append(times)
    for name, url in pages:
        print(json.dumps(_line(name, size, looks[name], statements(browser, name, url))))


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of one request, those of a PostgreSQL on this machine included.

    Attributes:
        wall: by the clock.
        quiet: without what others took of the processors meanwhile, and not less than `cpu`.
        cpu: of the processors.
    """

    wall: float
    quiet: float
    cpu: float


def look(browser: Client, name: str, url: str) -> Times:
    """Ask for one page."""
    _settle()
    before, began = _share(), time.perf_counter()
    response = browser.get(url, headers=_headers(name))
    elapsed, share = time.perf_counter() - began, _share() - before
    if response.status_code != 200:
        raise RuntimeError(f"{url} answered {response.status_code}")
    return Times(elapsed * 1000, max(elapsed - share.waited, share.ran) * 1000, share.ran * 1000)


def _share() -> Share:
    """That of our thread and of our connection's server process."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return Share.of()
    connection.ensure_connection()
    return Share.of() + Share.of(connection.connection.info.backend_pid)


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

    from audit.sequencing import sequencer

    _worker.append(sequencer.Sequencer()) if not _worker else None
    _worker[0].run_once(sweep=False)
    cache.clear()
    gc.collect()


_worker: list[Any] = []


def signed_in_auditor() -> Client:
    """A browser of an auditor, without a browser engine."""
    from django.test import Client

    from accounts.models import SignedInSession, User
    from accounts.sessions.hashed_key_store import stored_key
    from accounts.sessions.service import SESSION_ID
    from approvals import clock

    user, _ = User.objects.update_or_create(
        iss="https://acme.example/",
        sub="auth0|benchmark",
        defaults={"name": "Ada Auditor", "email": "ada@acme.example", "roles": ["auditor"]},
    )
    client = Client(headers={"Host": "localhost"})
    client.force_login(user, backend="accounts.oidc_backend.OperatorBackend")
    now = clock.now()
    signed_in = SignedInSession.objects.create(
        user=user,
        session_key=stored_key(client.session.session_key),
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


def _line(name: str, size: int, looks: Sequence[Times], queries: int) -> dict[str, Any]:
    quiet = [each.quiet for each in looks]
    return {
        "name": name,
        "size": size,
        "p50": round(statistics.median(quiet), 1),
        "p95": round(percentile(quiet, 0.95), 1),
        "cpu": round(statistics.median(each.cpu for each in looks), 1),
        "queries": queries,
        "quiet": [round(each, 2) for each in quiet],
        "wall": [round(each.wall, 2) for each in looks],
    }


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * int(share * 100) // 100) - 1)]


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS, *sys.argv[2:3])
