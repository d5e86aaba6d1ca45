"""The little of MCP's JSON-RPC that a go-between has to understand (MCP, transports: stdio)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from ata.errors import AtaError
from ata.mcp_run.bounded_line_reader import MAX_LINE, Id

UNASKED = frozenset(
    {
        "initialize",
        "notifications/cancelled",
        "notifications/initialized",
        "notifications/progress",
        "ping",
        "server/discover",
    }
)
"""The handshake, signs of life and what ends a request: all else may use the credential."""
UNREADABLE = -32700
"""JSON-RPC error code of what cannot be read (JSON-RPC 2.0 section 5.1, parse error)."""
NO_MESSAGE = -32600
"""JSON-RPC error code of JSON that is no message (section 5.1, invalid request)."""
REFUSED = -32001
"""JSON-RPC error code of a refused invocation (server-defined range, JSON-RPC 2.0 section 5.1)."""
RESTARTED = -32002
"""JSON-RPC error code of a request whose answer was lost in a restart."""
_MEMBERS = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})


class NoMessage(ValueError):
    """It is JSON, and not one JSON-RPC message or a list of them."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an agent, as it was read.

    Attributes:
        raw: the same messages in our own spelling, with a line feed; this is forwarded.
        requests: ids of the requests in it, in order.
        asks: whether the credential may be used because of this line.
        opens: whether this is the request that opens an MCP session.
    """

    raw: bytes
    requests: tuple[Id, ...]
    asks: bool
    opens: bool


def read_line(raw: bytes) -> Line:
    """Read one line of an agent so that no server can read anything else in it.

    It is forwarded as written here, in ASCII: parsers differ in where a line ends, which of two
    members counts, whether the case of a name matters and how long a number may be.

    Raises:
        NoMessage: it is JSON of something else.
        ValueError: it is not JSON, or can be read in two ways.
    """
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=_each_once,
            parse_constant=_no_number,
            parse_float=_finite,
        )
        said = _encode(value, ascii_only=True)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    messages = value if isinstance(value, list) else [value]
    if not messages or not all(map(_is_message, messages)):
        raise NoMessage("it is not a JSON-RPC message")
    methods = {one["method"] for one in messages if "method" in one}
    return Line(
        said,
        requests=tuple(_ids(one for one in messages if "method" in one)),
        asks=not methods <= UNASKED,
        opens=isinstance(value, dict) and "initialize" in methods,
    )


def _is_message(value: object) -> bool:
    """Whether it is a request, a notification or an answer, with the members of JSON-RPC only."""
    if not isinstance(value, dict) or not value.keys() <= _MEMBERS:
        return False
    request = value.get("id")
    if not isinstance(request, str | int | None) or isinstance(request, bool):
        return False
    if "method" in value:
        return isinstance(value["method"], str)
    return "result" in value or "error" in value


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def _no_number(_text: str) -> NoReturn:
    raise ValueError("it is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def may_use_credential(raw: bytes) -> bool:
    """Whether the credential may be used because of this; what cannot be read may use it."""
    try:
        line = read_line(raw)
    except ValueError:
        return True
    return line.asks or line.opens


def requests_in(raw: bytes) -> tuple[Id, ...]:
    """Ids of the requests in what was sent, as far as it can be read."""
    return tuple(_ids(one for one in _objects(raw) if "method" in one))


def answered_in(raw: bytes) -> tuple[Id, ...]:
    """Ids that a line of a server answers, as far as it can be read."""
    return tuple(_ids(one for one in _objects(raw) if "method" not in one))


def _objects(raw: bytes) -> list[dict[str, object]]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return []
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def unreadable(request: Id | None, code: int) -> bytes:
    """The answer to a line that was not forwarded; `request` is None where no id was found."""
    return _error(
        request,
        code,
        "This line is not a JSON-RPC message that can be read, so it was not passed on.",
        {
            "code": "unreadable",
            "fix": f"Send UTF-8 JSON of at most {MAX_LINE:,} bytes: one message or a list of them "
            "a line, with the members of JSON-RPC, each once.",
        },
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
    return _encode({**json.loads(raw), "id": request}, ascii_only=True)


def _ids(messages: Iterable[dict[str, object]]) -> list[Id]:
    found = (one.get("id") for one in messages)
    return [one for one in found if isinstance(one, str | int) and not isinstance(one, bool)]


def _error(request: Id | None, code: int, message: str, data: dict[str, object]) -> bytes:
    error = {"code": code, "message": message, "data": data}
    return _encode({"jsonrpc": "2.0", "id": request, "error": error}, ascii_only=True)


def _encode(message: object, *, ascii_only: bool = False) -> bytes:
    return json.dumps(message, ensure_ascii=ascii_only, separators=(",", ":")).encode() + b"\n"
