"""JSON-RPC 2.0 and the part of MCP that a server with tools needs (revision 2025-06-18)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from demo.mcp.provider import Provider, ProviderError, Values
from demo.mcp.tools import Kind, Tool

VERSIONS: Final = ("2025-06-18", "2025-03-26", "2024-11-05")
_PARSE_ERROR: Final = -32700
_INVALID_REQUEST: Final = -32600
_UNKNOWN_METHOD: Final = -32601
_INVALID_PARAMS: Final = -32602

type Message = dict[str, object]


class RpcError(Exception):
    """A request that cannot be served; ``code`` is JSON-RPC's (section 5.1)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def respond(kind: Kind, provider: Provider, raw: bytes) -> Message | None:
    """Return the answer to one message, or None for a notification or a stray answer."""
    try:
        message = json.loads(raw)
    except ValueError:
        return _error(None, RpcError(_PARSE_ERROR, "this line is not JSON"))
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return _error(None, RpcError(_INVALID_REQUEST, "a JSON-RPC 2.0 object is required"))
    id_, method = message.get("id"), message.get("method")
    if "id" not in message or method is None:
        return None
    if not isinstance(method, str) or isinstance(id_, bool) or not isinstance(id_, str | int):
        return _error(None, RpcError(_INVALID_REQUEST, "id or method is of the wrong type"))
    params = message.get("params", {})
    try:
        if not isinstance(params, dict):
            raise RpcError(_INVALID_PARAMS, "params must be an object")
        result = _serve(kind, provider, method, params)
    except RpcError as error:
        return _error(id_, error)
    return {"jsonrpc": "2.0", "id": id_, "result": result}


def _serve(kind: Kind, provider: Provider, method: str, params: Mapping[str, object]) -> Message:
    match method:
        case "initialize":
            return _initialize(kind, params)
        case "ping":
            return {}
        case "tools/list":
            return {"tools": [tool.as_json() for tool in kind.tools]}
        case "tools/call":
            return _call(kind, provider, params)
    raise RpcError(_UNKNOWN_METHOD, f"method {method} is not known here")


def _initialize(kind: Kind, params: Mapping[str, object]) -> Message:
    asked = params.get("protocolVersion")
    return {
        "protocolVersion": asked if asked in VERSIONS else VERSIONS[0],
        "capabilities": {"tools": {"listChanged": False}},
        "serverInfo": {"name": kind.server, "title": f"DEMO {kind.server}", "version": "1.0"},
        "instructions": f"DEMO: acts on {kind.title} for the person whose connection it was given.",
    }


def _call(kind: Kind, provider: Provider, params: Mapping[str, object]) -> Message:
    name = params.get("name")
    tool = next((tool for tool in kind.tools if tool.name == name), None)
    if tool is None:
        known = ", ".join(tool.name for tool in kind.tools)
        raise RpcError(_INVALID_PARAMS, f"unknown tool {name!r}; there are {known}")
    given = _arguments(tool, params.get("arguments", {}))
    try:
        text = json.dumps(tool.call(provider, given), ensure_ascii=False, indent=2)
    except ProviderError as error:
        # A failed tool is a result the model can read, not a protocol error (MCP, tools).
        return {"content": [{"type": "text", "text": str(error)}], "isError": True}
    return {"content": [{"type": "text", "text": text}], "isError": False}


def _arguments(tool: Tool, given: object) -> Values:
    if not isinstance(given, dict) or set(given) != set(tool.needs):
        wanted = ", ".join(tool.needs) or "none"
        raise RpcError(_INVALID_PARAMS, f"{tool.name} takes these arguments: {wanted}")
    wrong = [key for key, value in given.items() if not isinstance(value, str) or not value]
    if wrong:
        raise RpcError(_INVALID_PARAMS, f"{wrong[0]} must be a string that is not empty")
    return given


def _error(id_: str | int | None, error: RpcError) -> Message:
    return {"jsonrpc": "2.0", "id": id_, "error": {"code": error.code, "message": str(error)}}
