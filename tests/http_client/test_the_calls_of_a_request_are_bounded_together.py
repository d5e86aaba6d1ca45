"""A request waits for all its peers together no longer than its budget, whatever each does."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import httpx
import pytest

from http_client import (
    Guard,
    HttpClient,
    HttpClientError,
    RequestTimedOut,
    Retries,
    Timeouts,
    time_budget_for_all_calls,
)

IN_ALL_S = 1.0
SLACK_S = 5.0  # of a loaded machine; each of these would wait for ten seconds or more


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a peer that takes connections and says nothing."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=100)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


@pytest.fixture
def client() -> Iterator[HttpClient]:
    patient = Timeouts(read=10.0, total=10.0)
    with HttpClient(guard=Guard.embedded(), timeouts=patient, retries=Retries(attempts=3)) as made:
        yield made


def seconds(call: Callable[[], object]) -> tuple[float, HttpClientError]:
    """How long a call took that failed, and how."""
    began = time.monotonic()
    with pytest.raises(HttpClientError) as caught:
        call()
    return time.monotonic() - began, caught.value


def test_calls_that_nobody_answers_end_together(silent: str, client: HttpClient) -> None:
    with time_budget_for_all_calls.bounded(IN_ALL_S):
        first, error = seconds(lambda: client.get(silent, operation="t.get"))
        assert isinstance(error, RequestTimedOut) and error.maybe_delivered
        second, error = seconds(lambda: client.post_json(silent, {}, operation="t.post"))
        assert isinstance(error, RequestTimedOut) and not error.maybe_delivered, "it was not sent"
    assert IN_ALL_S * 0.9 < first + second < IN_ALL_S + SLACK_S


def test_a_retry_is_not_waited_for_that_nothing_is_left_for() -> None:
    calls: list[float] = []

    def busy(_request: httpx.Request) -> httpx.Response:
        calls.append(time.monotonic())
        return httpx.Response(503, headers={"Retry-After": "4"})

    client = HttpClient(guard=Guard(), transport=httpx.MockTransport(busy))
    with time_budget_for_all_calls.bounded(IN_ALL_S):
        began = time.monotonic()
        assert client.get("https://peer.example/", operation="t.get").status == 503
    assert len(calls) == 1 and time.monotonic() - began < 3


def test_a_peer_that_reads_nothing_is_written_to_no_longer(silent: str) -> None:
    patient = Timeouts(write=10.0, total=IN_ALL_S)
    with HttpClient(guard=Guard.embedded(), timeouts=patient) as client:
        much = {"much": "x" * 50_000_000}
        took, error = seconds(lambda: client.post_json(silent, much, operation="t.post"))
    assert error.maybe_delivered and took < IN_ALL_S + SLACK_S


def test_what_is_no_request_is_counted_nowhere() -> None:
    client = HttpClient(
        guard=Guard(), transport=httpx.MockTransport(lambda _request: httpx.Response(200))
    )
    assert client.get("https://peer.example/", operation="t.get").ok
    assert time_budget_for_all_calls.calls() == 0
    with time_budget_for_all_calls.bounded():
        client.get("https://peer.example/", operation="t.get")
        assert time_budget_for_all_calls.calls() == 1
    with time_budget_for_all_calls.bounded():
        assert time_budget_for_all_calls.calls() == 0
