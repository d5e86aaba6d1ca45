"""An agent that was taken over writes its calls so that `ata mcp run` might not see them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import Reply, Request, StandIn
from tests.support.stack import eventually

MANIFEST: Final = {
    "kind": "mcp",
    "name": "repo-reader",
    "connections": [{"connection": "github", "scopes": ["repo"]}],
    "env": {"github": "GITHUB_TOKEN"},
    "decision": "allow",
}
GIVEN: Final = Reply(200, {"access_token": "gho_0123456789abcdef", "expires_in": 3600})
FROZEN: Final = Reply(403, {"code": "frozen"})
# Reads as the parser does that its argument names, and passes over what it cannot read.
SERVER: Final = """
import io, json, os, sys, threading, time

reader = sys.argv[1]

def lines():
    # Universal newlines: those of the official SDK for Python, and of readline in Node.
    for line in io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8"):
        yield from line.split("\\u2028") if reader == "node" else [line]

def first_wins(pairs):
    return dict(reversed(pairs))

heard = []
OPTIONS = {"node": {"parse_int": float}, "first wins": {"object_pairs_hook": first_wins}}

def tick(seconds):
    for _ in range(seconds * 5):
        time.sleep(0.2)
        print('{"jsonrpc":"2.0","method":"notifications/message"}', flush=True)

for line in lines():
    try:
        message = json.loads(line, **OPTIONS.get(reader, {}))
    except Exception:
        continue
    if not isinstance(message, dict):
        continue
    if reader == "go":  # encoding/json matches names whatever their case
        message = {name.lower(): value for name, value in message.items()}
    if "error" in message:
        heard.append(message)
    if message.get("method") == "tick":
        threading.Thread(target=tick, args=[60], daemon=True).start()
    if "id" in message and "method" in message:
        result = {"pid": os.getpid(), "method": message["method"], "heard": heard}
        result["params"] = message.get("params")
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""
CALL: Final = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"delete_repo"}'
PING: Final = '{"jsonrpc":"2.0","id":7,"method":"ping","params":{"x":"'
WAYS: Final = {
    "plain": ("python", CALL + "}"),
    "in a list": ("python", f"[{CALL}}}]"),
    "after a carriage return": ("python", "x\r" + CALL + "}"),
    "in UTF-16": ("python", (CALL + "}").encode("utf-16")),
    "after a byte order mark": ("python", "\N{ZERO WIDTH NO-BREAK SPACE}" + CALL + "}"),
    "next to a long number": ("node", CALL + ',"x":' + "1" * 5000 + "}"),
    "next to many lists": ("node", CALL + ',"x":' + "[" * 20_000 + "]" * 20_000 + "}"),
    "next to no number": ("node", CALL + ',"x":NaN}'),
    "between line separators in a ping": ("node", f'{PING}\u2028{CALL}}}\u2028"}}}}'),
    "with another case": ("go", CALL.replace('"method"', '"Method"') + "}"),
    "with two methods": ("first wins", CALL + ',"method":"ping"}'),
    "longer than a line may be": ("node", CALL + ',"x":"' + "x" * 9_000_000 + '"}'),
}


class Agent:
    """An agent at its end of the pipe."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def write(self, line: str | bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write((line if isinstance(line, bytes) else line.encode()) + b"\n")
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def call(self, method: str, request: int = 1, **params: Any) -> dict[str, Any]:
        said = {"jsonrpc": "2.0", "id": request, "method": method, "params": params}
        self.write(json.dumps(said))
        return self.receive()


@pytest.fixture
def broker(portal: StandIn) -> StandIn:
    portal.on("GET", "/v1/manifests/mcp/repo-reader", Reply(200, MANIFEST))
    portal.on("GET", "/v1/auth/token", GIVEN)
    return portal


@pytest.fixture
def reader() -> str:
    return "python"


@pytest.fixture
def agent(broker: StandIn, signed_in: Ata, tmp_path: Path, reader: str) -> Iterator[Agent]:
    path = tmp_path / "server.py"
    path.write_text(SERVER)
    command = ("mcp", "run", "repo-reader", "--", sys.executable, str(path), reader)
    process = signed_in.start(*command)
    yield Agent(process)
    process.kill()
    process.communicate()


def asked(broker: StandIn) -> int:
    return len(broker.seen("GET", "/v1/auth/token"))


@pytest.mark.parametrize(("reader", "line"), WAYS.values(), ids=WAYS)
def test_a_call_is_refused_however_it_is_written(
    agent: Agent, broker: StandIn, line: str | bytes
) -> None:
    assert "result" in agent.call("initialize")
    broker.on("GET", "/v1/auth/token", FROZEN)
    agent.write(line)
    agent.write(PING.replace('"id":7', '"id":8') + '"}}')  # a server answers in order
    answers = [agent.receive()]
    while answers[-1]["id"] != 8:
        answers.append(agent.receive())
    results = [one["result"]["method"] for one in answers if "result" in one]
    assert "tools/call" not in results


PARSE, INVALID = -32700, -32600  # JSON-RPC 2.0 section 5.1
LONG: Final = "x" * 9_000_000


@pytest.mark.parametrize(
    ("line", "request_id", "code"),
    [
        ("not json", None, PARSE),
        ('{"jsonrpc":"2.0","id":7,"method":"ping"', None, PARSE),
        ('{"jsonrpc":"2.0","id":7,"id":8,"method":"ping"}', None, PARSE),
        ('{"jsonrpc":"2.0","id":7,"method":"ping","params":{"a":1e999}}', 7, PARSE),
        (b'{"jsonrpc":"2.0","id":"a","method":"ping","params":{"a":"\xff"}}', "a", PARSE),
        ('{"params":{"id":1,"a":NaN,"b":"\\"}{"},"jsonrpc":"2.0","id":7,"method":"x"}', 7, PARSE),
        ('{"jsonrpc":"2.0","id":7,"method":"x","params":' + "[" * 9999, None, PARSE),
        (CALL + ',"x":' + "[" * 9999 + "]" * 9999 + "}", 7, PARSE),
        ('{"jsonrpc":"2.0","\\u0069d":"\\u0061","method":"x","params":{"a":1,"a":2}}', "a", PARSE),
        ("7", None, INVALID),
        ("[]", None, INVALID),
        ("[[]]", None, INVALID),
        ('{"jsonrpc":"2.0","id":[7],"method":"ping"}', None, INVALID),
        ('{"jsonrpc":"2.0","id":true,"method":"ping"}', None, INVALID),
        ('{"jsonrpc":"2.0","id":7,"method":7}', 7, INVALID),
        ('{"jsonrpc":"2.0","id":7}', 7, INVALID),
        ('{"jsonrpc":"2.0","id":7,"method":"ping","more":1}', 7, INVALID),
        ('[{"jsonrpc":"2.0","id":7,"method":"ping","more":[1]}]', 7, INVALID),
        ('{"jsonrpc":"2.0","id":7,"method":"x","params":{"a":"' + LONG + '"}}', 7, PARSE),
        ('{"method":"x","params":{"id":1,"a":"' + LONG + '"},"jsonrpc":"2.0","id":7}', 7, PARSE),
        ('{"method":"notifications/x","params":{"a":"' + LONG + '"}}', None, PARSE),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_is_answered_to_its_caller_and_nothing_ends(
    agent: Agent, line: str | bytes, request_id: int | str | None, code: int
) -> None:
    opened = agent.call("initialize")["result"]
    agent.write(line)
    answer = agent.receive()
    assert (answer["id"], answer["error"]["code"]) == (request_id, code)
    assert agent.call("tools/call")["result"]["pid"] == opened["pid"]


def test_each_request_of_a_list_that_cannot_be_read_is_answered(agent: Agent) -> None:
    agent.call("initialize")
    agent.write('[{"id":1,"method":"a","x":0},{"id":2,"result":{}},{"id":3,"method":"b"}]')
    answers = [agent.receive() for _ in range(2)]
    assert [(one["id"], one["error"]["code"]) for one in answers] == [(1, INVALID), (3, INVALID)]


@pytest.mark.parametrize(
    "line",
    [
        '{"id":7,"method":"x","params":{"a":"' + LONG,
        '{"id":7,"id":8,"method":"x","params":{"a":"' + LONG + '"}}',
        '{"id":"' + LONG + '","method":"x"}',
        '{"method":"x",' + ",".join(f'"a{n}":0' for n in range(900_000)) + ',"id":7}',
    ],
    ids=["broken off", "two ids", "an id that is too long", "too many members"],
)
def test_after_a_line_too_long_to_find_its_id_nobody_is_left_waiting(
    agent: Agent, line: str
) -> None:
    opened = agent.call("initialize")["result"]
    agent.write(line)
    answer = agent.receive()
    assert (answer["id"], answer["error"]["code"]) == (None, PARSE)
    output, errors = agent.process.communicate(timeout=30)
    assert (output, agent.process.returncode) == (b"", 1)
    assert b"8,388,608 bytes" in errors
    assert not Path(f"/proc/{opened['pid']}").exists()


def test_a_server_whose_question_is_answered_unreadably_waits_no_longer(agent: Agent) -> None:
    agent.call("initialize")
    agent.write('{"jsonrpc":"2.0","id":"question","result":{"a":NaN}}')
    assert agent.receive()["id"] is None
    heard = agent.call("heard")["result"]["heard"]
    assert [(one["id"], one["error"]["code"]) for one in heard] == [("question", PARSE)]


def test_what_can_be_read_arrives_as_it_was_meant(agent: Agent) -> None:
    sent = {
        "text": "é\u2028\x85\ud800 end",
        "number": 2**70,
        "half": 0.5,
        "none": None,
        "deep": [[{}]],
    }
    agent.call("initialize")
    agent.write(b"\r")
    assert agent.call("tools/call", 2, **sent)["result"]["params"] == sent
    agent.write(json.dumps({"jsonrpc": "2.0", "id": "a", "method": "ping"}) + "\r")
    assert agent.receive()["id"] == "a"


@pytest.mark.parametrize(
    "method",
    [
        "tools/call",
        "tools/list",
        "resources/list",
        "resources/subscribe",
        "prompts/get",
        "completion/complete",
        "tasks/result",
        "subscriptions/listen",
        "a/method/of/the/server",
    ],
)
def test_every_request_that_may_use_the_credential_is_asked_for(
    agent: Agent, broker: StandIn, method: str
) -> None:
    agent.call("initialize")
    before = asked(broker)
    assert "result" in agent.call(method)
    assert asked(broker) == before + 1
    broker.on("GET", "/v1/auth/token", FROZEN)
    assert agent.call(method)["error"]["data"]["code"] == "frozen"


def test_handshake_ping_progress_and_answers_pass_without_a_question(
    agent: Agent, broker: StandIn
) -> None:
    agent.call("initialize")
    before = asked(broker)
    for method in ("initialized", "cancelled", "progress"):
        agent.write(json.dumps({"jsonrpc": "2.0", "method": f"notifications/{method}"}))
    agent.write('{"jsonrpc":"2.0","id":1,"result":{"roots":[]}}')
    assert "result" in agent.call("ping")
    assert "result" in agent.call("server/discover")
    assert asked(broker) == before


def needs_approval(request: Request) -> Reply:
    """Of what people allowed, the time is over: they are asked, or with prompt=none nobody is."""
    nobody = request.query.get("prompt") == ["none"]
    code = "interaction_required" if nobody else "scope_escalation_pending"
    return Reply(403, {"code": code, "approval_id": "" if nobody else "5"})


def prompts(broker: StandIn) -> list[bool]:
    """Of each token request, whether people may be asked."""
    return ["prompt" not in one.query for one in broker.seen("GET", "/v1/auth/token")]


def test_nobody_is_asked_for_approval_until_the_agent_wants_something(
    agent: Agent, broker: StandIn
) -> None:
    opened = agent.call("tick")["result"]
    broker.on("GET", "/v1/auth/token", needs_approval)
    before = asked(broker)
    eventually(lambda: asked(broker) > before, "a question of its own accord", 30)
    agent.call("ping")
    assert True not in prompts(broker)[before:]
    while "method" in (heard := agent.call("tools/call", 2)):
        pass
    assert heard["error"]["data"]["code"] == "scope_escalation_pending"
    assert prompts(broker)[before:].count(True) == 1
    assert Path(f"/proc/{opened['pid']}").exists(), "what was given was given"


def test_a_ping_to_a_server_that_was_ended_asks_nobody_for_approval(
    agent: Agent, broker: StandIn
) -> None:
    agent.call("initialize")
    broker.on("GET", "/v1/auth/token", FROZEN)
    assert "error" in agent.call("tools/call")
    broker.on("GET", "/v1/auth/token", needs_approval)
    before = asked(broker)
    assert agent.call("ping")["error"]["data"]["code"] == "interaction_required"
    assert prompts(broker)[before:] == [False]


def test_a_server_that_goes_on_speaking_is_ended_within_seconds_of_a_refusal(
    agent: Agent, broker: StandIn
) -> None:
    opened = agent.call("tick")["result"]
    broker.on("GET", "/v1/auth/token", FROZEN)
    gone = f"/proc/{opened['pid']}"
    eventually(lambda: not Path(gone).exists(), "the end of the server", 30)
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


def exists(pid: str) -> bool:
    return Path(f"/proc/{pid}").exists()


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
    eventually(lambda: asked(broker) > before, "a question of its own accord", 30)
    broker.on("GET", "/v1/auth/token", FROZEN)
    eventually(lambda: not exists(opened["pid"]), "the end of the server", 30)
    assert True not in prompts(broker)[before:]


def test_a_server_is_ended_whose_credential_expires_while_the_broker_fails(
    broker: StandIn, agent: Agent
) -> None:
    given = {"access_token": "gho_0123456789abcdef", "expires_in": 12}
    broker.on("GET", "/v1/auth/token", Reply(200, given))
    opened = agent.call("tick")["result"]
    broker.on("GET", "/v1/auth/token", Reply(429, {"code": "rate_limited"}))
    eventually(lambda: not exists(opened["pid"]), "the end of the server", 40)
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
        eventually(lambda: note.exists() and note.read_text(), "the start of the server", 30)
        os.set_blocking(process.stdin.fileno(), False)
        rest = memoryview(before)
        until = time.monotonic() + 8
        while time.monotonic() < until:
            with suppress(BlockingIOError):
                rest = rest[os.write(process.stdin.fileno(), rest) :] if rest else rest
            time.sleep(0.001)
        broker.on("GET", "/v1/auth/token", FROZEN)
        os.write(process.stdin.fileno(), after)
        eventually(lambda: not exists(note.read_text()), "the end of the server", 40)
        assert resident_kb(process.pid) < 200_000
    finally:
        process.kill()
        if exists(note.read_text()):
            os.kill(int(note.read_text()), signal.SIGKILL)
        process.communicate()
