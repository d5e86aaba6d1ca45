"""What an installed hook script runs: ask the gateway, hand its output to the agent."""

from __future__ import annotations

import argparse
import json
import sys
import urllib.request
from pathlib import Path
from typing import Final

from local.gateway.agents import AGENTS
from local.gateway.settings import load
from local.gateway.user_folder import Home

_TIMEOUT_S: Final = 10
_BLOCKED: Final = 2


def main(argv: list[str] | None = None) -> int:
    """Post the event on standard input; prints the agent's part of the answer.

    A gateway that does not answer blocks the call (`hook_fail_mode: closed`): exit code 2.
    """
    parser = argparse.ArgumentParser(prog="python -m local.gateway.hook_client")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--agent", choices=AGENTS, required=True)
    options = parser.parse_args(argv)
    home, agent = Home(options.home), AGENTS[options.agent]
    request = urllib.request.Request(
        f"http://127.0.0.1:{load(home.folder).port}{agent.hook_path}",
        data=sys.stdin.buffer.read(),
        headers={
            "Authorization": f"Bearer {home.token()}",
            "Content-Type": "application/json",
            "X-DefenseClaw-Client": "hook-script",
        },
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_TIMEOUT_S) as response:
            answer = json.load(response)
    except (OSError, ValueError) as problem:
        print(f"defenseclaw: gateway unreachable ({problem})", file=sys.stderr)  # noqa: T201 - what a command prints
        return _BLOCKED
    output = answer.get(agent.output_key)
    if output:
        print(json.dumps(output))  # noqa: T201 - what a command prints
    return 0


if __name__ == "__main__":
    sys.exit(main())
