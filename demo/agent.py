"""A tiny DEMO agent: starts its MCP server, asks what it can do, and uses one tool.

    python -m demo.agent [--tool NAME] [--arguments JSON] [--repeat N --every S] -- CMD...
    python -m demo.agent -- ata mcp run github-mcp -- python -m demo.mcp_server

With ``--repeat`` it calls the tool again every S seconds, to watch what a revocation or a block
does to a running agent. Exit code 0: every call worked; 1: a call, the server or the protocol
failed; 2: wrong usage.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

_VERSION: Final = "2025-06-18"
_STOP_S: Final = 10.0
_CREDENTIALS: Final = ("GITHUB_TOKEN", "SLACK_TOKEN", "GOOGLE_OAUTH2_TOKEN")


class AgentError(Exception):
    """The server could not be started, ended, stayed silent or answered with an error."""


class Session:
    """One MCP session with a server process that this agent starts.

    ``timeout_s`` bounds each answer. Raises AgentError if the command cannot be started.
    """

    def __init__(self, command: Sequence[str], timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._ids = itertools.count(1)
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        try:
            self._process = subprocess.Popen(  # noqa: S603  the operator's own command
                list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        except OSError as error:
            raise AgentError(f"{command[0]} cannot be started: {error.strerror}") from error
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the server's input, and stop it if it does not end."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        with contextlib.suppress(BrokenPipeError):
            stdin.close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.terminate()
            self._process.wait()
        self._reader.join(_STOP_S)
        stdout.close()

    def request(self, method: str, params: object) -> dict[str, object]:
        """Send a request and return its result; raises AgentError."""
        id_ = next(self._ids)
        # A server that ended may have said why before: its lines are read all the same.
        with contextlib.suppress(BrokenPipeError):
            self._send({"jsonrpc": "2.0", "id": id_, "method": method, "params": params})
        answer = self._answer_to(id_)
        error = answer.get("error")
        if isinstance(error, dict):
            raise AgentError(f"{method} failed ({error.get('code')}): {error.get('message')}")
        result = answer.get("result")
        if not isinstance(result, dict):
            raise AgentError(f"{method} was answered without a result")
        return result

    def notify(self, method: str) -> None:
        """Send a notification; raises AgentError if the server has ended."""
        try:
            self._send({"jsonrpc": "2.0", "method": method})
        except BrokenPipeError as error:
            raise AgentError(self._ended()) from error

    def _send(self, message: object) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(json.dumps(message).encode() + b"\n")
        stdin.flush()

    def _answer_to(self, id_: int) -> dict[str, object]:
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                message = f"the server did not answer within {self._timeout_s:g} seconds"
                raise AgentError(message) from None
            if not line:
                raise AgentError(self._ended())
            try:
                message_ = json.loads(line)
            except ValueError as error:
                raise AgentError("the server wrote a line that is not JSON") from error
            if isinstance(message_, dict) and message_.get("id") == id_:
                return message_

    def _ended(self) -> str:
        try:
            return f"the server ended with code {self._process.wait(_STOP_S)}"
        except subprocess.TimeoutExpired:
            return "the server closed its output"

    def _read(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        for line in stdout:
            self._lines.put(line)
        self._lines.put(b"")


def run(session: Session, tool: str, arguments: object, repeat: int, every_s: float) -> bool:
    """Go through one conversation and say whether every call of ``tool`` worked.

    Raises AgentError for anything but an error that the tool itself reports.
    """
    client = {"name": "demo-agent", "title": "DEMO agent", "version": "1.0"}
    hello = session.request(
        "initialize", {"protocolVersion": _VERSION, "capabilities": {}, "clientInfo": client}
    )
    session.notify("notifications/initialized")
    info = hello.get("serverInfo")
    name = info.get("name", "a server") if isinstance(info, dict) else "a server"
    tools = session.request("tools/list", {}).get("tools")
    names = [one.get("name") for one in tools] if isinstance(tools, list) else []
    print(f"DEMO agent talks to {name}, which offers {', '.join(map(str, names))}")
    worked = True
    for number in range(repeat):
        if number:
            time.sleep(every_s)
        result = session.request("tools/call", {"name": tool, "arguments": arguments})
        failed = bool(result.get("isError"))
        print(f"{tool} {'failed' if failed else 'answered'}:\n{_text(result)}", flush=True)
        worked = worked and not failed
    return worked


def _text(result: dict[str, object]) -> str:
    content = result.get("content")
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m demo.agent",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--tool", default="list_repositories")
    parser.add_argument("--arguments", default="{}", help="the tool's arguments as JSON")
    parser.add_argument("--repeat", type=int, default=1, metavar="N")
    parser.add_argument("--every", type=float, default=5.0, metavar="S", help="seconds")
    parser.add_argument("--timeout", type=float, default=120.0, metavar="S", help="seconds")
    given = sys.argv[1:] if argv is None else argv
    # Split by hand: a further `--` inside the command belongs to the command.
    at = given.index("--") if "--" in given else len(given)
    options = parser.parse_args(given[:at])
    options.command = given[at + 1 :]
    if not options.command:
        parser.error("write -- and then the command that starts the MCP server")
    try:
        options.arguments = json.loads(options.arguments)
    except ValueError:
        parser.error("--arguments must be JSON")
    if options.repeat < 1 or options.every < 0 or options.timeout <= 0:
        parser.error("--repeat must be at least 1, --every and --timeout positive")
    return options


def main(argv: list[str] | None = None) -> int:
    """Run the agent; returns the exit code."""
    options = _options(argv)
    held = [name for name in _CREDENTIALS if os.environ.get(name)]
    print(f"DEMO agent: provider tokens in my own environment: {', '.join(held) or 'none'}")
    try:
        with Session(options.command, options.timeout) as session:
            worked = run(session, options.tool, options.arguments, options.repeat, options.every)
    except AgentError as error:
        print(f"demo.agent: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    return 0 if worked else 1


if __name__ == "__main__":
    sys.exit(main())
