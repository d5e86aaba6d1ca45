"""A process with Django that runs programs, one after the other, beside the servers of a test."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

# Reads programs, each a JSON string in a line; answers with what it printed, or how it failed.
_LOOP = """
import contextlib, io, json, sys, traceback
import django
django.setup()
from django.db import connections
for line in sys.stdin:
    said, failure = io.StringIO(), ""
    try:
        with contextlib.redirect_stdout(said):
            exec(json.loads(line), {})
    except Exception:
        failure = traceback.format_exc()
    connections.close_all()
    print(json.dumps([said.getvalue(), failure]), flush=True)
"""


@dataclass
class Companion:
    """Started with the first program: loading Django takes longer than what is wanted of it."""

    environment: Mapping[str, str]
    _process: subprocess.Popen[str] | None = None

    def execute(self, program: str) -> str:
        """Run a program, as a process would that runs for long; returns what it printed.

        Raises:
            RuntimeError: it failed.
        """
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _LOOP],
                cwd=CHECKOUT,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._process.stdin and self._process.stdout
        print(json.dumps(program), file=self._process.stdin, flush=True)
        said, failure = json.loads(self._process.stdout.readline())
        if failure:
            raise RuntimeError(f"{program} failed:\n{failure}")
        return str(said)

    def end(self) -> None:
        """Let it go; another program starts another."""
        if self._process is not None:
            self._process.communicate()
            self._process = None
