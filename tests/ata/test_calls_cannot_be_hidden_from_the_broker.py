"""An agent that was taken over writes its calls so that `ata mcp run` might not see them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from tests.ata.mcp_agent import FROZEN, Agent, asked, prompts
from tests.ata.portal_stand_in import Reply, Request, StandIn
from tests.support.stack import eventually

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


def test_nobody_is_asked_for_approval_until_the_agent_wants_something(
    agent: Agent, broker: StandIn
) -> None:
    opened = agent.call("tick")["result"]
    broker.on("GET", "/v1/auth/token", needs_approval)
    before = asked(broker)
    eventually(lambda: asked(broker) > before, "a question to the broker without a call")
    agent.answer("ping", 2)
    assert True not in prompts(broker)[before:]
    heard = agent.answer("tools/call", 3)
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
