"""`python -m serving MODULE:NAME --port PORT`: serve a WSGI application."""

from __future__ import annotations

import argparse
import gc
import importlib
import socket
import sys
from pathlib import Path

from serving.server import serve
from serving.web_processes import share


def main(argv: list[str]) -> int:
    """Listen, load the application and serve it; returns the exit code."""
    words = argparse.ArgumentParser(prog="python -m serving", description=__doc__)
    words.add_argument("application", help="module and name, as in portal.wsgi:application")
    words.add_argument("--host", default="127.0.0.1", help="address (default: %(default)s)")
    words.add_argument("--port", type=int, required=True)
    words.add_argument("--threads", type=int, default=8, help="of each process (%(default)s)")
    words.add_argument("--processes", type=int, default=1, help="on one socket (%(default)s)")
    given = words.parse_args(argv)
    if given.threads < 1 or given.processes < 1:
        words.error("--threads and --processes are at least 1")

    try:
        listening = _listen(given.host, given.port)
    except OSError as error:
        print(f"Cannot listen on {given.host}:{given.port}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return 1
    sys.path.insert(0, str(Path.cwd()))
    gc.disable()  # it would look through what is being loaded several times, and find nothing
    module, _, name = given.application.partition(":")
    application = getattr(importlib.import_module(module), name or "application")

    def work(parent: int = 0) -> None:
        serve(application, listening, given.threads, parent)

    # What is loaded by now is here to stay: it is not searched for garbage, and stays in pages that
    # all processes share.
    gc.freeze()
    gc.enable()
    if given.processes > 1:
        return share(listening, given.processes, work)
    work()
    return 0


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=1024)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
