"""Ask the page of the inventory for each query of a mix, and Django's admin for the nearest one.

    python -m benchmarks.inventory.measure [rounds]

Prints one JSON object a line. Each time is that of one request through the whole portal, as a
signed-in auditor, caches emptied before: wall, and processor time with that of the PostgreSQL
process that served it. Before each of them an account changes. `queries` are those of the page
itself: not who is signed in, not the frame.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import django

from benchmarks.reading.measure import look, percentile, signed_in_auditor

if TYPE_CHECKING:
    from django.test import Client

ROUNDS = 7
BOUND_MS, MOST_QUERIES = 150, 12
MIX = {
    "everything": "",
    "by person": "?group=person",
    "by agent": "?group=agent",
    "by connection": "?group=connection",
    "one connection": "?connection=github",
    "one state": "?state=needs_reconnect",
    "expiring": "?state=expiring",
    "idle": "?show=idle",
    "more scope than needed": "?show=excess",
    "idle with too much, by person": "?show=idle&show=excess&group=person",
    "an agent": "?agent=agent-03",
    "a component": "?skill=mcp:component-07",
    "a person": "?owner=person77@acme.example",
    "rare words": "?q=person7731",
    "common words": "?q=person77",
    "words of everybody": "?q=person",
    "two of each": "?connection=github&connection=slack&state=connected&source=management",
}
PEER = {
    "everything": "",
    "one connection": "?connection__exact=github",
    "one state": "?state__exact=needs_reconnect",
    "an agent": "?last_agent=agent-03",
    "rare words": "?q=github-7731",
}
_FRAME = ("django_session", "identity_", "audit_", "enforcement_")


def main(rounds: int) -> int:
    """Measure the database of the environment; 1 where a bound is missed."""
    browser = signed_in_auditor()
    pages = {name: f"/connections/inventory/{query}" for name, query in MIX.items()}
    look(browser, "everything", "/connections/inventory/")  # templates are read once
    lines = list(_measured(browser, pages, rounds, before=_change))
    for line in lines:
        print(json.dumps(line), flush=True)
    peer = dict(_peer(rounds))
    for line in lines:
        if line["name"] in peer:
            name, ours, theirs = line["name"], line["cpu"], peer[line["name"]]["cpu"]
            compared = {
                "measured": f"admin, {name}",
                **peer[name],
                "ratio": round(theirs / ours, 1),
            }
            print(json.dumps(compared), flush=True)
    every = [each for line in lines for each in line["wall"]]
    p95, most = percentile(every, 0.95), max(line["queries"] for line in lines)
    busy = percentile([each for line in lines for each in line["cpus"]], 0.95)
    print(json.dumps({"p95_ms": round(p95), "p95_cpu_ms": round(busy), "most_queries": most}))
    return int(busy > BOUND_MS or most > MOST_QUERIES)


def _measured(
    browser: Client, pages: dict[str, str], rounds: int, *, before: Callable[[], None]
) -> Iterator[dict[str, Any]]:
    for name, url in pages.items():
        times = []
        for _ in range(rounds + 1):
            before()
            times.append(look(browser, name, url))
        times = times[1:]  # the first warms up
        wall, cpu = [each.wall for each in times], [each.cpu for each in times]
        yield {
            "name": name,
            "p50": round(statistics.median(wall), 1),
            "cpu": round(statistics.median(cpu), 1),
            "queries": _queries(browser, url),
            "wall": [round(each, 1) for each in wall],
            "cpus": [round(each, 1) for each in cpu],
        }


def _change() -> None:
    """An account is suspended or resumed, another is used for the first time on a day."""
    from uuid import uuid4

    from django.utils import timezone

    from connections.models import ConnectedAccount

    some = ConnectedAccount.objects.filter(pk__gte=uuid4()).order_by("pk")[:2]
    for n, account in enumerate(some):
        if n:
            account.last_used_at = timezone.now()
        else:
            account.state = {"connected": "suspended"}.get(account.state, "connected")
        account.save(update_fields=["state", "last_used_at"])


def _queries(browser: Client, url: str) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from portal.pages import context

    context._FOR_S = 600  # a busy machine must not read the frame again within the page
    browser.get(url)
    with CaptureQueriesContext(connection) as seen:
        browser.get(url)
    asked = [query["sql"] for query in seen if query["sql"].startswith(("SELECT", "WITH"))]
    return sum(not any(table in sql for table in _FRAME) for sql in asked)


def _peer(rounds: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The same of Django's admin, in a process with its settings."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.inventory.measure", str(rounds), "peer"],
        env=os.environ
        | {"DJANGO_SETTINGS_MODULE": "benchmarks.inventory.django_admin_baseline_settings"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            found = json.loads(line)
            yield found["name"], {key: found[key] for key in ("p50", "cpu", "queries")}


def as_peer(rounds: int) -> int:
    """Be the process of the baseline."""
    browser = signed_in_auditor()
    base = "/admin/connections/connectedaccount/"
    pages = {name: f"{base}{query}" for name, query in PEER.items()}
    for line in _measured(browser, pages, rounds, before=lambda: None):
        print(json.dumps(line), flush=True)
    return 0


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    sys.exit(as_peer(count) if sys.argv[2:] == ["peer"] else main(count))
