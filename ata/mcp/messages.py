"""The little of MCP's JSON-RPC that a go-between has to understand (MCP, transports: stdio)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from ata.errors import AtaError

INVOCATIONS = frozenset({"tools/call", "resources/read", "prompts/get"})
"""The requests that make a server act with its credential."""
REFUSED = -32001
"""JSON-RPC error code of a refused invocation (server-defined range, JSON-RPC 2.0 section 5.1)."""
RESTARTED = -32002
"""JSON-RPC error code of a request whose answer was lost in a restart."""

type Id = str | int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the pipe: its exact bytes and what it says, if it is JSON-RPC.

    Attributes:
        raw: the line with its line feed; forwarded unchanged.
        requests: ids of the requests in it, in order.
        answers: ids that it answers.
        methods: methods of its requests and notifications.
    """

    raw: bytes
    requests: tuple[Id, ...] = ()
    answers: tuple[Id, ...] = ()
    methods: frozenset[str] = frozenset()

    @property
    def invokes(self) -> bool:
        """Whether the credential may be used because of this line."""
        return not self.methods.isdisjoint(INVOCATIONS)

    @property
    def opens(self) -> bool:
        """Whether this is the request that opens an MCP session."""
        return "initialize" in self.methods


def read_line(raw: bytes) -> Line:
    """Understand one line; anything that is not JSON-RPC is passed on as it is."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return Line(raw)
    messages = [
        one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)
    ]
    return Line(
        raw,
        requests=tuple(_ids(one for one in messages if "method" in one)),
        answers=tuple(_ids(one for one in messages if "method" not in one)),
        methods=frozenset(one["method"] for one in messages if isinstance(one.get("method"), str)),
    )


def refusal(request: Id, error: AtaError) -> bytes:
    """The answer to an invocation that was refused: the reason code and the fix."""
    data: dict[str, object] = {"code": error.code, "fix": error.fix}
    if "approval_id" in error.details:
        data["approval_id"] = error.details["approval_id"]
    said = f"{error.message} {error.fix}".strip()
    return _error(request, REFUSED, said, data)


def lost_in_restart(request: Id) -> bytes:
    """The answer to a request that the restarted server will never answer."""
    return _error(
        request,
        RESTARTED,
        "The server was restarted with a new credential before it answered; call it again.",
        {"code": "restarted", "fix": "Call it again."},
    )


def initialized() -> bytes:
    """The notification that ends the handshake."""
    return _encode({"jsonrpc": "2.0", "method": "notifications/initialized"})


def with_id(raw: bytes, request: Id) -> bytes:
    """The same request under another id."""
    return _encode({**json.loads(raw), "id": request})


def _ids(messages: Iterable[dict[str, object]]) -> list[Id]:
    found = (one.get("id") for one in messages)
    return [one for one in found if isinstance(one, str | int) and not isinstance(one, bool)]


def _error(request: Id, code: int, message: str, data: dict[str, object]) -> bytes:
    error = {"code": code, "message": message, "data": data}
    return _encode({"jsonrpc": "2.0", "id": request, "error": error})


def _encode(message: dict[str, object]) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
