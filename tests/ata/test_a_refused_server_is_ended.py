"""A server that writes after a refusal is ended, and no pipe or endless line prevents it."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from tests.ata.ata_process import Ata
from tests.ata.mcp_agent import FROZEN, Agent, asked, exists, prompts
from tests.ata.portal_stand_in import Reply, StandIn
from tests.support.stack import eventually


def test_a_server_that_goes_on_speaking_is_ended_within_seconds_of_a_refusal(
    agent: Agent, broker: StandIn
) -> None:
    opened = agent.call("tick")["result"]
    broker.on("GET", "/v1/auth/token", FROZEN)
    gone = f"/proc/{opened['pid']}"
    eventually(lambda: not Path(gone).exists(), "the end of the server")
    heard = agent.call("ping", 2)
    while "method" in heard:
        heard = agent.receive()
    assert (heard["id"], heard["error"]["data"]["code"]) == (2, "frozen")


# Answers once, and then writes what it is told to, five times a second.
WRITER: Final = """
import json, os, sys, time

request = json.loads(sys.stdin.readline())
answer = {"jsonrpc": "2.0", "id": request["id"], "result": {"pid": os.getpid()}}
sys.stdout.write(json.dumps(answer) + "\\n")
sys.stdout.flush()
while True:
    os.write(int(sys.argv[1]), sys.argv[2].encode())
    time.sleep(0.2)
"""


def start_writer(signed_in: Ata, tmp_path: Path, program: str, *arguments: str) -> Agent:
    path = tmp_path / "writer.py"
    path.write_text(program)
    command = ("mcp", "run", "repo-reader", "--", sys.executable, str(path), *arguments)
    return Agent(signed_in.start(*command))


@pytest.mark.parametrize(
    ("descriptor", "written"),
    [("2", "called the provider\n"), ("2", "."), ("1", " ")],
    ids=["lines of standard error", "standard error without line ends", "one answer without end"],
)
def test_a_server_that_writes_anything_at_all_is_ended_within_seconds_of_a_refusal(
    broker: StandIn, signed_in: Ata, tmp_path: Path, descriptor: str, written: str
) -> None:
    agent = start_writer(signed_in, tmp_path, WRITER, descriptor, written)
    try:
        opened = agent.call("tools/list")["result"]
        time.sleep(6)  # what the answer itself had asked is over
        broker.on("GET", "/v1/auth/token", FROZEN)
        eventually(lambda: not exists(opened["pid"]), "the end of the server", 20)
    finally:
        agent.process.kill()
        agent.process.communicate()


def test_an_answer_longer_than_a_line_may_be_is_refused_under_its_id(
    broker: StandIn, signed_in: Ata, tmp_path: Path
) -> None:
    agent = start_writer(signed_in, tmp_path, LONG_ANSWERS)
    try:
        refused = agent.call("resources/read")
        assert (refused["id"], refused["error"]["data"]["code"]) == (1, "answer_too_long")
        assert agent.call("ping", 2)["result"] == {}
        refused = agent.call("endless", 3)
        assert (refused["id"], refused["error"]["data"]["code"]) == (3, "answer_too_long")
    finally:
        agent.process.kill()
        agent.process.communicate()


# Answers to a reading what is too long, to "endless" what has no id that can be found.
LONG_ANSWERS: Final = """
import json, sys

for line in sys.stdin:
    request = json.loads(line)
    result = "x" * 9_000_000 if request["method"] == "resources/read" else {}
    answer = json.dumps({"jsonrpc": "2.0", "result": result, "id": request["id"]})
    print("x" * 9_000_000 if request["method"] == "endless" else answer, flush=True)
"""


@pytest.mark.parametrize("descriptor", ["1", "2"])
def test_a_line_without_end_takes_no_memory_without_end(
    broker: StandIn, signed_in: Ata, tmp_path: Path, descriptor: str
) -> None:
    program = WRITER.replace("time.sleep(0.2)", "").replace("sys.argv[2]", "('x' * 1_000_000)")
    agent = start_writer(signed_in, tmp_path, program, descriptor)
    try:
        agent.call("tools/list")
        time.sleep(6)
        assert resident_kb(agent.process.pid) < 150_000
    finally:
        agent.process.kill()
        agent.process.communicate()


@pytest.mark.parametrize(
    "failure",
    [
        Reply(503, {"code": "unavailable"}),
        Reply(429, {"code": "rate_limited"}),
        Reply(403, {"code": "interaction_required"}),
    ],
    ids=["unavailable", "too often", "needs a person"],
)
def test_a_failure_that_passes_does_not_hide_a_later_refusal(
    agent: Agent, broker: StandIn, failure: Reply
) -> None:
    opened = agent.call("tick")["result"]
    broker.on("GET", "/v1/auth/token", failure)
    before = asked(broker)
    eventually(lambda: asked(broker) > before, "a question to the broker without a call")
    broker.on("GET", "/v1/auth/token", FROZEN)
    eventually(lambda: not exists(opened["pid"]), "the end of the server")
    assert True not in prompts(broker)[before:]


def test_a_server_is_ended_whose_credential_expires_while_the_broker_fails(
    broker: StandIn, agent: Agent
) -> None:
    given = {"access_token": "gho_0123456789abcdef", "expires_in": 12}
    broker.on("GET", "/v1/auth/token", Reply(200, given))
    opened = agent.call("tick")["result"]
    broker.on("GET", "/v1/auth/token", Reply(429, {"code": "rate_limited"}))
    eventually(lambda: not exists(opened["pid"]), "the end of the server")
    heard = agent.call("ping", 2)
    while "method" in heard:
        heard = agent.receive()
    assert (heard["id"], heard["error"]["data"]["code"]) == (2, "rate_limited")


# Reads nothing, and writes to the pipes that it is told to.
FLOOD: Final = """
import os, sys, threading, time

def flood(descriptor):
    while True:
        line = '{"jsonrpc":"2.0","method":"notifications/message","params":"%s"}' % ("a" * 50_000)
        os.write(descriptor, line.encode() + b"\\n")
        time.sleep(0.001)

with open(sys.argv[1], "w") as note:
    note.write(str(os.getpid()))
for descriptor in sys.argv[2:]:
    threading.Thread(target=flood, args=[int(descriptor)], daemon=True).start()
time.sleep(600)
"""
BIG: Final = b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"x":"%s"}}\n' % (
    b"a" * 2_000_000
)
CALLS: Final = b"".join(
    b'{"jsonrpc":"2.0","id":%d,"method":"resources/read"}\n' % n for n in range(50)
)


def resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(one.split()[1]) for one in status.splitlines() if one.startswith("VmRSS"))


@pytest.mark.parametrize(
    ("floods", "before", "after"),
    [
        (["1"], b"", b""),
        (["2"], b"", CALLS),
        (["2"], b"", b""),
        (["1", "2"], BIG * 10, b""),
        ([], BIG * 10, b""),
    ],
    ids=[
        "agent reads no answers",
        "agent reads no errors",
        "agent reads no errors and is silent",
        "nobody reads",
        "server reads nothing",
    ],
)
def test_a_pipe_that_nobody_reads_keeps_no_server_alive(
    broker: StandIn, signed_in: Ata, tmp_path: Path, floods: list[str], before: bytes, after: bytes
) -> None:
    path, note = tmp_path / "server.py", tmp_path / "pid"
    path.write_text(FLOOD)
    command = ("mcp", "run", "repo-reader", "--", sys.executable, str(path), str(note), *floods)
    process = signed_in.start(*command)
    assert process.stdin
    try:
        eventually(lambda: note.exists() and note.read_text(), "the start of the server")
        os.set_blocking(process.stdin.fileno(), False)
        rest = memoryview(before)
        until = time.monotonic() + 8
        while time.monotonic() < until:
            with suppress(BlockingIOError):
                rest = rest[os.write(process.stdin.fileno(), rest) :] if rest else rest
            time.sleep(0.001)
        broker.on("GET", "/v1/auth/token", FROZEN)
        os.write(process.stdin.fileno(), after)
        eventually(lambda: not exists(note.read_text()), "the end of the server")
        assert resident_kb(process.pid) < 200_000
    finally:
        process.kill()
        if exists(note.read_text()):
            os.kill(int(note.read_text()), signal.SIGKILL)
        process.communicate()
