"""Connections outlive a call, and none that the other side ended, or talks on, is used again."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from http_client import BadAnswer, Guard, HostUnreachable, HttpClient, RequestTimedOut, Timeouts

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

type Say = Callable[[int, int], bytes | None]


class Peer:
    """Answers request `n` of connection `c` with `say(c, n)`, byte for byte; None ends it."""

    def __init__(self) -> None:
        self.say: Say = lambda _c, _n: GOOD
        self.hangs_up = False  # after an answer, without having said so
        self.over = threading.Event()
        self.taken: list[int] = []
        self.heads: list[bytes] = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}/x"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self.listening.accept()
                self.taken.append(0)
                number = len(self.taken) - 1
                threading.Thread(target=self._talk, args=(line, number), daemon=True).start()

    def _talk(self, line: socket.socket, number: int) -> None:
        with line, suppress(OSError):
            while heard := line.recv(65_536):
                self.heads.append(heard)
                said = self.say(number, self.taken[number])
                self.taken[number] += 1
                if said is None:
                    return
                line.sendall(said)
                if self.hangs_up or b"Connection: close" in said:
                    break
        self.over.set()


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    yield made
    made.listening.close()


@pytest.fixture
def client() -> Iterator[HttpClient]:
    limits = Timeouts(read=2.0, pool=0.2, total=5.0)
    with HttpClient(guard=Guard.embedded(), timeouts=limits, max_bytes=100) as made:
        yield made


def post(client: HttpClient, peer: Peer) -> int:
    return client.post_form(peer.url, {"a": "b c"}, operation="t.post").status


def test_calls_one_after_the_other_share_a_connection(peer: Peer, client: HttpClient) -> None:
    assert [post(client, peer) for _ in range(3)] == [200] * 3
    assert peer.taken == [3]
    assert peer.heads[0].endswith(b"\r\n\r\na=b+c") and b"Content-Length: 5" in peer.heads[0]


def test_calls_at_the_same_moment_have_one_each(peer: Peer, client: HttpClient) -> None:
    together = threading.Barrier(3, timeout=20)

    def say(_c: int, _n: int) -> bytes:
        together.wait()
        return GOOD

    peer.say = say
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(lambda _: post(client, peer), range(3))) == [200] * 3
        assert list(threads.map(lambda _: post(client, peer), range(3))) == [200] * 3
    assert sorted(peer.taken) == [2, 2, 2]


@pytest.mark.parametrize(
    "first",
    [
        GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        GOOD + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        b"HTTP/1.0 200 OK\r\n\r\n{}Connection: close",
    ],
)
def test_one_that_ended_or_says_more_than_was_asked_is_not_used_again(
    peer: Peer, client: HttpClient, first: bytes
) -> None:
    peer.say = lambda c, _n: first if c == 0 else GOOD
    assert client.post_form(peer.url, {}, operation="t.post").body[:2] == b"{}"
    assert client.post_form(peer.url, {}, operation="t.post").body == b"{}"
    assert peer.taken == [1, 1]


def test_one_that_was_hung_up_meanwhile_is_not_used_again(peer: Peer, client: HttpClient) -> None:
    peer.hangs_up = True
    assert post(client, peer) == 200
    assert peer.over.wait(20)
    assert post(client, peer) == 200
    assert peer.taken == [1, 1]


@pytest.mark.parametrize(
    "said",
    [
        None,
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n{}",
        b"no such protocol\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    ],
)
def test_half_an_answer_or_none_may_have_been_delivered(
    peer: Peer, client: HttpClient, said: bytes | None
) -> None:
    peer.say = lambda _c, _n: said
    with pytest.raises(HostUnreachable) as caught:
        post(client, peer)
    assert caught.value.maybe_delivered
    peer.say = lambda _c, _n: GOOD
    assert post(client, peer) == 200


def test_an_answer_that_is_too_long_is_not_read_on(peer: Peer, client: HttpClient) -> None:
    peer.say = lambda _c, _n: b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" + b"x" * 200
    with pytest.raises(BadAnswer, match="larger than 100"):
        post(client, peer)


def test_packed_answers_count_by_what_they_hold(peer: Peer, client: HttpClient) -> None:
    for inside, fits in ((b"{}", True), (b"x" * 10_000, False)):
        packed = gzip.compress(inside)
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
        said = head.encode() + packed
        peer.say = lambda _c, _n, said=said: said  # type: ignore[misc]
        if fits:
            assert client.get(peer.url, operation="t.get").body == b"{}"
        else:
            with pytest.raises(BadAnswer, match="larger than 100"):
                client.get(peer.url, operation="t.get")


def test_no_more_connections_than_there_may_be(peer: Peer, client: HttpClient) -> None:
    hold = threading.Event()

    def say(_c: int, _n: int) -> bytes:
        hold.wait(20)
        return GOOD

    peer.say = say
    lines = client._lines()
    lines._free = threading.Semaphore(1)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(post, client, peer)
        while not peer.heads:
            threading.Event().wait(0.01)
        with pytest.raises(RequestTimedOut, match="all connections are busy"):
            post(client, peer)
        hold.set()
        assert first.result(20) == 200
    assert post(client, peer) == 200
