"""`verify_ledger --json` as an operator runs it, and what it found."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

from django.core.management import call_command


def report() -> dict[str, Any]:
    """The JSON that the command prints, held to its exit code."""
    out, code = StringIO(), 0
    try:
        call_command("verify_ledger", "--json", stdout=out)
    except SystemExit as exit:
        code = int(str(exit.code))
    found: dict[str, Any] = json.loads(out.getvalue())
    assert (code == 0) == found["ok"] == (found["problem_count"] == 0)
    return found


def verified() -> dict[tuple[str, int | None], str]:
    """Message by code and index of what the command finds; empty when everything holds."""
    found: dict[tuple[str, int | None], str] = {}
    for problem in report()["problems"]:
        found.setdefault((problem["code"], problem["index"]), problem["message"])
    return found
