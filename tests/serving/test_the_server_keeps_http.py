"""The server as a process of its own: what it reads, refuses, sends, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from django.conf import settings

from serving import limits
from tests.serving.application import PIECE
from tests.support.ports import free_port
from tests.support.stack import eventually
from tests.support.tenant import CHECKOUT

type Serve = Callable[..., Served]


@dataclass
class Served:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wire(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def ask(self, *lines: str, body: bytes = b"") -> bytes:
        """One request by hand; everything that comes until the server ends the connection."""
        with self.wire() as wire:
            wire.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            return rest(wire)

    def children(self) -> set[int]:
        task = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return {int(word) for word in task.read_text().split()}

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(40)


def rest(wire: socket.socket) -> bytes:
    """All that still comes."""
    found = bytearray()
    while piece := wire.recv(65_536):
        found += piece
    return bytes(found)


def body_of(said: bytes) -> bytes:
    """What follows the headers of an answer."""
    return said.partition(b"\r\n\r\n")[2]


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    with ExitStack() as ending:

        def start(*options: str, **other_limits: float) -> Served:
            log = tmp_path_factory.mktemp("serving") / "log"
            port = free_port()
            with log.open("ab") as out:
                process = subprocess.Popen(
                    [
                        sys.executable, "-m", "tests.serving.serve_with",
                        *(f"{name}={number}" for name, number in other_limits.items()), "--",
                        "tests.serving.application:application", "--port", str(port), *options,
                    ],
                    cwd=CHECKOUT, stdout=out, stderr=out,
                )  # fmt: skip
            ending.callback(process.wait, 15)
            ending.callback(process.terminate)
            served = Served(port, process, log)
            until = time.monotonic() + 60
            while time.monotonic() < until:
                try:
                    served.wire().close()
                    return served
                except OSError:
                    time.sleep(0.02)
            raise AssertionError(log.read_text())

        yield start


@pytest.fixture(scope="module")
def served(serve: Serve) -> Served:
    return serve()


@pytest.fixture(scope="module")
def impatient(serve: Serve) -> Served:
    return serve(
        HEADERS_WITHIN_S=0.6, REQUEST_WITHIN_S=0.8, IDLE_S=1.0, CONNECTIONS=40, SPARE_CONNECTIONS=5
    )


def test_every_body_that_django_reads_is_taken_in() -> None:
    assert settings.DATA_UPLOAD_MAX_MEMORY_SIZE == limits.LONGEST_BODY


@pytest.mark.parametrize("length", [0, 1, 70_000, limits.LONGEST_BODY])
def test_a_body_up_to_the_limit_is_read_whole(served: Served, length: int) -> None:
    assert httpx.post(served.url, content=b"x" * length).json()["read"] == length


@pytest.mark.parametrize("path", limits.PUSHES)
def test_what_gateways_push_may_be_larger(served: Served, path: str) -> None:
    url = f"{served.url.rstrip('/')}{path}"
    length = 4 * limits.LONGEST_BODY
    assert httpx.post(url, content=b"x" * length).json()["read"] == length
    headers = (f"Content-Length: {limits.LONGEST_PUSH + 1}", "Host: x")
    said = served.ask(f"POST {path} HTTP/1.1", *headers, body=b"x")
    assert json.loads(body_of(said))["read"] == 0


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ((f"Content-Length: {limits.LONGEST_BODY + 1}",), {"CONTENT_LENGTH": "2621441"}),
        (("Transfer-Encoding: chunked",), {"HTTP_TRANSFER_ENCODING": "chunked"}),
        (
            ("Transfer-Encoding: chunked", "Content-Length: 5"),
            {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": None},
        ),
        (
            ("Content-Length: 9999999999", "Expect: 100-continue"),
            {"CONTENT_LENGTH": "9999999999"},
        ),
    ],
)
def test_what_is_not_read_is_left_to_the_application_to_refuse(
    served: Served, headers: tuple[str, ...], says: dict[str, str | None]
) -> None:
    """A second request in such a body is no request."""
    said = served.ask(
        "POST / HTTP/1.1", "Host: x", *headers,
        body=b"5\r\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n" + b"y" * 200_000,
    )  # fmt: skip
    assert said.startswith(b"HTTP/1.1 200 OK")
    assert said.count(b"HTTP/1.1 ") == 1
    assert b"smuggled" not in said
    answer = json.loads(body_of(said))
    assert answer["read"] == 0
    assert {name: answer["seen"].get(name) for name in says} == says


def test_a_caller_who_asks_first_is_told_to_go_on(served: Served) -> None:
    with served.wire() as wire:
        wire.sendall(
            b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        )
        assert wire.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.sendall(b"hello")
        assert b'"read": 5' in rest(wire)


def test_a_caller_who_asks_first_without_a_body_is_answered(served: Served) -> None:
    said = served.ask("GET / HTTP/1.1", "Host: x", "Connection: close", "Expect: 100-continue")
    assert said.startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (("nonsense",), 400),
        (("GET / HTTP/1.1", "Host: x", "Content-Length: five"), 400),
        (("GET / HTTP/1.1", "Host: x", "Content-Length: " + "9" * 5000), 400),
        (("GET / HTTP/1.1", "Host: x", "Content-Length: 5, 5"), 400),
        (("GET / HTTP/1.1", "Host: x", "bad header: <script>"), 400),
        (("GET / HTTP/1.1", "Host: x", "X-Long: " + "x" * 70_000), 431),
        (("POST / HTTP/1.1", "Host: x", "Transfer-Encoding: gzip"), 501),
    ],
)
def test_what_is_no_request_is_refused_without_repeating_it(
    served: Served, lines: tuple[str, ...], status: int
) -> None:
    said = served.ask(*lines)
    assert said.split(b" ")[1] == str(status).encode()
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"nosniff" in head
    assert b"no-store" in head
    assert len(body) < 50
    assert b"script" not in body


def test_the_server_does_not_say_what_it_is(served: Served) -> None:
    for said in (served.ask("GET / HTTP/1.0"), served.ask("nonsense")):
        head = said.partition(b"\r\n\r\n")[0].lower()
        assert b"server:" not in head
        assert b"waitress" not in head


def test_a_connection_is_used_again_also_after_head(served: Served) -> None:
    with httpx.Client() as client:
        for _ in range(3):
            assert client.head(f"{served.url}/").content == b""
            assert client.head(f"{served.url}/stream/3").content == b""
            assert client.get(f"{served.url}/").json()["seen"]["REQUEST_METHOD"] == "GET"
    with served.wire() as wire:  # no byte of a body follows, where a client would not look
        wire.sendall(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.0\r\n\r\n")
        first, _, second = rest(wire).partition(b"\r\n\r\n")
        assert b"Content-Length: " in first
        assert second.startswith(b"HTTP/1.0 200 OK")


def test_headers_of_a_proxy_reach_the_application_and_lookalikes_do_not(served: Served) -> None:
    headers = {"X-Forwarded-Proto": "https", "X_Forwarded_Proto": "http", "Host": "portal.example"}
    seen = httpx.get(served.url, headers=headers).json()["seen"]
    assert seen["HTTP_X_FORWARDED_PROTO"] == "https"
    assert seen["HTTP_HOST"] == "portal.example"
    assert seen["REMOTE_ADDR"] == "127.0.0.1"


def test_a_request_that_does_not_end_is_ended(impatient: Served) -> None:
    with impatient.wire() as headers, impatient.wire() as body, impatient.wire() as idle:
        headers.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
        body.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        for dripping in (headers, body):
            began = time.monotonic()
            with pytest.raises(OSError):
                while time.monotonic() - began < 20:  # activity is no excuse
                    dripping.sendall(b"x")
                    time.sleep(0.1)
            assert time.monotonic() - began < 15 < limits.HEADERS_WITHIN_S
        assert rest(idle).startswith(b"HTTP/1.1 200 OK")


def test_newcomers_are_let_in_when_all_connections_are_taken(serve: Serve) -> None:
    served = serve(CONNECTIONS=40, SPARE_CONNECTIONS=5)  # and all the time of the world for headers
    with ExitStack() as open_ones:
        for _ in range(120):  # three times as many as there may be
            wire = open_ones.enter_context(served.wire())
            wire.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
        assert limits.HEADERS_WITHIN_S > 15
        assert httpx.get(served.url, timeout=15).status_code == 200


def test_readers_who_wait_are_replaced_and_the_slowest_goes(serve: Serve) -> None:
    served = serve("--threads", "2", SPARE_THREADS=3)
    with ExitStack() as open_ones:
        readers = []
        for number in range(8):
            wire = open_ones.enter_context(served.wire())
            wire.sendall(b"GET /stream/400 HTTP/1.0\r\n\r\n")  # 25 MiB
            # How much of the body that already holds is the machine's mood.
            readers.append((wire, wire.recv(1000 * number + 1)))
        for _ in range(10):
            assert httpx.get(served.url, timeout=15).status_code == 200
        whole = httpx.get(f"{served.url}/stream/400", timeout=15).content
        assert len(whole) == 400 * len(PIECE)
        got = [len(body_of(first + rest(wire))) for wire, first in readers]
        assert 1 <= got.count(len(whole)) <= 5
    threads = Path(f"/proc/{served.process.pid}/task")
    # The loop and its two, and those of the watchdog; the spare ones go.
    eventually(lambda: len(list(threads.iterdir())) == 5, "the end of the spare threads")


def test_answers_that_wait_for_somebody_else_take_no_thread_from_others(serve: Serve) -> None:
    served = serve("--threads", "2")
    with ThreadPoolExecutor(20) as pool:
        waiting = [
            pool.submit(httpx.get, f"{served.url}/together/20", timeout=60) for _ in range(19)
        ]
        assert httpx.get(served.url, timeout=20).status_code == 200
        assert httpx.get(f"{served.url}/together/20", timeout=60).status_code == 200
        assert [one.result().status_code for one in waiting] == [200] * 19


PERSON = {"Authorization": "Bearer of a person"}
FORGED = {"Authorization": "Bearer of nobody", "Cookie": "session=of-nobody"}


@contextmanager
def slow_unproven_caller(served: Served, folder: Path, tenths: int) -> Iterator[Future[int]]:
    """One is being answered, for so long; a person was vouched for before."""
    assert httpx.get(f"{served.url}/vouch", headers=PERSON, timeout=20).status_code == 200
    begun = folder / "begun"
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(status_of, f"{served.url}/slow/{tenths}?{begun}")
        eventually(begun.exists, "the unproven caller is being answered")
        yield asked


def status_of(url: str, headers: dict[str, str] | None = None) -> int:
    return httpx.get(url, headers=headers, timeout=60).status_code


def test_who_was_vouched_for_goes_before_strangers(serve: Serve, tmp_path: Path) -> None:
    served = serve("--threads", "4", UNPROVEN_S=60, PATIENT_S=60)
    with slow_unproven_caller(served, tmp_path, 50) as slow, ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(status_of, served.url, more) for more in (None, FORGED, FORGED)]
        for _ in range(10):
            assert status_of(served.url, PERSON) == status_of(f"{served.url}/healthz") == 200
        assert not any(one.done() for one in [slow, *waiting]), "one unproven caller at a time"
        assert [one.result() for one in [slow, *waiting]] == [200] * 4


def test_strangers_who_are_served_for_long_keep_nobody_out(serve: Serve, tmp_path: Path) -> None:
    served = serve("--threads", "4", UNPROVEN_S=0.2)
    with slow_unproven_caller(served, tmp_path, 50) as slow:
        assert status_of(served.url) == 200
        assert not slow.done(), "another one was served meanwhile"


def test_a_stranger_who_waited_too_long_is_told_to_come_again(serve: Serve, tmp_path: Path) -> None:
    served = serve("--threads", "4", UNPROVEN_S=60, PATIENT_S=0.5)
    with slow_unproven_caller(served, tmp_path, 20):
        answer = httpx.get(served.url, timeout=60)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert status_of(served.url) == 200


def test_where_nobody_was_vouched_for_strangers_have_all_threads(
    serve: Serve, tmp_path: Path
) -> None:
    served = serve("--threads", "4", UNPROVEN_S=60)
    begun = [tmp_path / str(number) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(status_of, f"{served.url}/slow/50?{file}") for file in begun]
        eventually(lambda: all(file.exists() for file in begun), "all four are being answered")
        assert not any(one.done() for one in asked)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_stop_lets_answers_end(serve: Serve, processes: str, tmp_path: Path) -> None:
    served = serve("--processes", processes, STOP_WITHIN_S=30)
    answers: list[int] = []

    def ask(path: str) -> None:
        answers.append(len(httpx.get(f"{served.url}{path}", timeout=30).content))

    begun = [tmp_path / "first", tmp_path / "second"]
    asking = [threading.Thread(target=ask, args=(f"/slow/10?{file}",)) for file in begun]
    with served.wire() as half:
        half.sendall(b"GET / HTTP/1.1\r\n")
        for thread in asking:
            thread.start()
        eventually(lambda: all(file.exists() for file in begun), "both are being answered")
        began = time.monotonic()
        assert served.stop() == 0
        assert time.monotonic() - began < 20  # nobody waits for the half request
    for thread in asking:
        thread.join()
    assert len(answers) == 2
    assert all(answers)
    with pytest.raises(httpx.ConnectError):
        httpx.get(served.url)
    assert served.log.read_text() == ""


def test_an_answer_that_nobody_takes_does_not_hold_up_a_stop(serve: Serve) -> None:
    served = serve(STOP_WITHIN_S=1)
    with served.wire() as reader:
        reader.sendall(b"GET /stream/800 HTTP/1.0\r\n\r\n")
        reader.recv(1)
        began = time.monotonic()
        assert served.stop() == 0
        assert time.monotonic() - began < 20 < limits.READ_NOTHING_S


def test_a_process_that_dies_is_replaced(serve: Serve) -> None:
    served = serve("--processes", "2", SHORT_LIFE_S=0.2)
    before = eventually(lambda: two if len(two := served.children()) == 2 else set(), "two of them")
    time.sleep(0.5)  # longer than a short life
    os.kill(min(before), signal.SIGKILL)
    eventually(lambda: served.children() - before, "another one")
    assert len(served.children()) == 2
    assert all(httpx.get(served.url).status_code == 200 for _ in range(10))
    os.kill(served.process.pid, signal.SIGKILL)  # and none outlives the one that started them
    served.process.wait(60)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            served.wire().close()
        except OSError:
            return
        time.sleep(0.1)
    raise AssertionError("somebody still listens")


@pytest.mark.parametrize("options", [(), ("--processes", "2")], ids=["alone", "one of two"])
def test_the_server_ends_where_a_request_holds_the_interpreter(
    serve: Serve, options: tuple[str, ...]
) -> None:
    served = serve(*options, STARVED_S=1.0, SHORT_LIFE_S=0.0)
    before = served.children()
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{served.url}/stuck", timeout=30)
    assert "tests/serving/application.py" in served.log.read_text()
    if options:  # the parent goes on and has started another
        assert httpx.get(served.url).status_code == 200
        eventually(lambda: served.children() - before, "another one")
        assert len(served.children()) == 2
    else:
        assert served.process.wait(10) == 1
