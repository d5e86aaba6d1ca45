"""Sixteen strangers in a loop: pages of a person who is signed in stay quick, probes answer.

Both times are of one run, on the same processes and machine, with nothing else running.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.contract.running import Portal, beside
from tests.support.sign_in import SUBS

STRANGERS = 16
ROUNDS = 40
TRIES = 3  # what is slow by chance, or by other work, is not so each time
AT_MOST = 3.0  # times what the same page takes without them, as p95
PROBE_WITHIN_S = 1.0
PAGES = ("/", "/audit/", "/enforcement/", "/approvals/", "/connections/", "/account/")


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    running = beside(tmp_path)
    yield running
    running.stop()
    running.tenant.stop()


def signed_in(portal: Portal, who: str) -> httpx.Client:
    """A browser after a real sign-in."""
    browser = httpx.Client(base_url=portal.url, timeout=60)
    at_issuer = portal.tenant.browser()
    page = at_issuer.get(browser.get("/oidc/authenticate/").headers["location"])
    back = at_issuer.sign_in(page, SUBS[who]).headers["location"]
    answer = browser.get(back.removeprefix(portal.url))
    assert answer.status_code == 302, answer.text
    return browser


@contextmanager
def strangers(portal: Portal, many: int) -> Iterator[dict[str, int]]:
    """So many of them, until the block ends; what they were answered is known then."""
    command = [sys.executable, str(Path(__file__).with_name("strangers.py")), portal.url, str(many)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    found: dict[str, int] = {}
    try:
        time.sleep(1)
        yield found
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=90)
    found.update(json.loads(said))


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def measured(person: httpx.Client, call: httpx.Client, rounds: int = ROUNDS) -> dict[str, float]:
    """The p95 of each page in seconds, of the API with a token, and of the probe."""
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        for client, path in [*((person, page) for page in PAGES), (call, "/v1/connections")]:
            began = time.monotonic()
            answer = client.get(path)
            times.setdefault(path, []).append(time.monotonic() - began)
            assert answer.status_code == 200, (path, answer.status_code, answer.text[:300])
    return {path: p95(taken) for path, taken in times.items()}


def slowest_probe(portal: Portal, tries: int = 20) -> float:
    slowest = 0.0
    for _ in range(tries):
        began = time.monotonic()
        assert httpx.get(f"{portal.url}/healthz", timeout=60).status_code == 200
        slowest = max(slowest, time.monotonic() - began)
    return slowest


def found_of(alone: dict[str, float], among: dict[str, float], over: float = 0.0) -> dict[str, str]:
    """Both times of each page that takes more than so many times as long, and how many times."""
    return {
        path: f"{1000 * alone[path]:.0f} ms -> {1000 * among[path]:.0f} ms"
        f" ({among[path] / alone[path]:.1f}x)"
        for path in alone
        if among[path] > over * alone[path]
    }


@pytest.mark.longer
def test_sixteen_strangers_make_no_page_of_a_person_three_times_as_slow(portal: Portal) -> None:
    slow: dict[str, str] | None = None  # each time so far
    with (
        closing(signed_in(portal, "operator")) as person,
        httpx.Client(base_url=portal.url, timeout=60) as call,
    ):
        call.headers["Authorization"] = f"Bearer {portal.token('operator')}"
        measured(person, call, 3)  # what is loaded once
        for _ in range(TRIES):
            alone = measured(person, call)
            with strangers(portal, STRANGERS) as found:
                among = measured(person, call)
                probe = slowest_probe(portal)
            print(found_of(alone, among), f"/healthz {1000 * probe:.0f} ms", found, sep="\n")
            assert probe <= PROBE_WITHIN_S
            late = found_of(alone, among, AT_MOST)
            slow = late if slow is None else {path: slow[path] for path in slow if path in late}
            if not slow:
                return
    pytest.fail(str(slow))
