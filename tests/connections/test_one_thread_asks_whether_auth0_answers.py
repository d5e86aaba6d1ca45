"""Sign-ins that ask at one moment whether Auth0 answers again hear one answer."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from connections.sync import auth0_reachability
from http_client import HttpClientError

TOGETHER = 8


class Issuer:
    """Answers, or fails, once `goes_on` is set; each call meets the others at `all_here`."""

    def __init__(self, failure: HttpClientError | None = None) -> None:
        self.failure = failure
        self.goes_on = threading.Event()
        self.is_asked = threading.Event()
        self.times_asked = 0

    def __call__(self) -> None:
        self.times_asked += 1
        self.is_asked.set()
        assert self.goes_on.wait(30)
        if self.failure:
            raise self.failure


def ask_together(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    monkeypatch.setattr(auth0_reachability, "_ask", issuer)
    monkeypatch.setattr(
        auth0_reachability, "PROMPT_S", 20.0, raising=False
    )  # a slow machine is no slow issuer
    here = threading.Barrier(TOGETHER)

    def ask() -> bool:
        here.wait(30)
        return auth0_reachability.answers_now()

    with ThreadPoolExecutor(TOGETHER) as pool:
        asked = [pool.submit(ask) for _ in range(TOGETHER)]
        assert issuer.is_asked.wait(30)
        time.sleep(0.2)
        issuer.goes_on.set()
        return [one.result(30) for one in asked]


def test_an_answer_counts_for_everybody_who_asked_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    issuer = Issuer()
    assert ask_together(issuer, monkeypatch) == [True] * TOGETHER
    before = issuer.times_asked
    assert auth0_reachability.answers_now()
    assert issuer.times_asked == before + 1, "an answer of before is no answer"


def test_a_failure_counts_for_everybody_who_asked_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    issuer = Issuer(HttpClientError("discovery", "auth0.example", "refused"))
    assert ask_together(issuer, monkeypatch) == [False] * TOGETHER
    issuer.failure = None
    assert auth0_reachability.answers_now()


def test_one_thread_waits_for_an_issuer_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = Issuer()
    monkeypatch.setattr(auth0_reachability, "_ask", issuer)
    first = threading.Thread(target=auth0_reachability.answers_now)
    first.start()
    assert issuer.is_asked.wait(30)
    assert not auth0_reachability.answers_now(), "it did not answer for PROMPT_S"
    began = time.monotonic()
    assert not auth0_reachability.answers_now()
    assert time.monotonic() - began < auth0_reachability.PROMPT_S / 2, (
        "that is over, so nobody waits again"
    )
    issuer.goes_on.set()
    first.join(30)
    assert issuer.times_asked == 1
