"""A DEMO MCP server over stdio that acts on GitHub, Slack or Google with an injected token.

    ata mcp run github-mcp -- python -m demo.mcp_server [--kind github|slack|google]

It reads its token once, at start, from its environment (``GITHUB_TOKEN``, ``SLACK_TOKEN`` or
``GOOGLE_OAUTH2_TOKEN``, another name with ``--token-variable``), and the API's address from
``GITHUB_API_URL``, ``SLACK_API_URL`` or ``GOOGLE_API_URL``. It never writes the token anywhere.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import BinaryIO

from demo.mcp.protocol import respond
from demo.mcp.provider import Provider
from demo.mcp.tools import KINDS, Kind


def provider_from(kind: Kind, environment: Mapping[str, str], token: str) -> Provider:
    """Return the provider's API as the environment configures it. Raises ValueError."""
    url = environment.get(kind.url_variable) or kind.default_url
    return Provider(kind.title, url, kind.variable, token)


def serve(kind: Kind, provider: Provider, incoming: BinaryIO, outgoing: BinaryIO) -> None:
    """Answer line by line until the input ends (MCP, stdio transport)."""
    for line in incoming:
        if not line.strip():
            continue
        answer = respond(kind, provider, line)
        if answer is not None:
            outgoing.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
            outgoing.flush()


def main(argv: list[str] | None = None) -> int:
    """Serve on standard input and output; returns 2 for a wrong setting."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.mcp_server",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kind", choices=tuple(KINDS), default="github")
    parser.add_argument("--token-variable", help="environment variable that holds the token")
    options = parser.parse_args(argv)
    kind = KINDS[options.kind]
    if options.token_variable:
        kind = replace(kind, variable=options.token_variable)
    token = os.environ.pop(kind.variable, "")
    try:
        provider = provider_from(kind, os.environ, token)
    except ValueError as error:
        print(f"demo.mcp_server: {kind.url_variable}: {error}", file=sys.stderr)
        return 2
    held = "has a credential" if token else "has no credential"
    print(f"DEMO {kind.server} started and {held}", file=sys.stderr)
    try:
        serve(kind, provider, sys.stdin.buffer, sys.stdout.buffer)
    except (BrokenPipeError, KeyboardInterrupt):
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
