"""The whole log as a file (`ata audit entries`), checked by `ata verify`, also against the past."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ata.errors import usage_error
from ata.output.safe_text import safe
from ata.output.screen import Screen, paint
from ata.verify.evidence_file_grouping import read_file
from ata.verify.time_tokens import Timed, Token

if TYPE_CHECKING:
    from audit.ledger.trust_policy import Policy

_LONGEST_HEADER = 1_000_000  # bytes
_TIMED = "An authority you trust saw the tree"


def is_log(path: Path) -> bool:
    """Whether a file is the entries of a log (`ata.entries.v1`)."""
    from audit.ledger.offline.log_file import SCHEMA

    try:
        with path.open("rb") as stream:
            first = json.loads(stream.readline(_LONGEST_HEADER))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and first.get("schema") == SCHEMA


def verify_log(
    screen: Screen, path: Path, since: Sequence[Path], trust: Policy, token: Token | None
) -> bool:
    """Check the log and say each step; returns whether everything held.

    Args:
        screen: where it is said.
        path: the entries file.
        since: checkpoints that were kept; the log must still have their trees.
        trust: logs, witnesses and a quorum.
        token: over the tree of the file or of one of `since`.

    Raises:
        AtaError: usage, when a file cannot be read.
    """
    from audit.ledger.offline.full_log_check import check

    earlier = {str(one): read_file(one) for one in since}
    try:
        with path.open("rb") as lines:
            report = check(lines, trust, earlier)
    except OSError as error:
        raise usage_error(f"{path} cannot be read: {error.strerror}.") from error
    notes = [_header(path).encode(), *earlier.values()]
    timed = _timed(token, notes) if token else None
    said = [safe(str(path))]
    steps = [(step.ok, step.name, step.detail) for step in report.steps]
    if timed is not None:
        steps.append((timed.ok, _TIMED, timed.detail))
    for ok, name, detail in steps:
        said.append(
            f"{paint('✓', 'green') if ok else paint('✗', 'red')} {safe(name)}: {safe(detail)}"
        )
    whole = report.ok and (timed is None or timed.ok)
    said += ["Not proven:", *(f"  · {safe(limit)}" for limit in report.not_proven)]
    said.append(paint("✓ Verified.", "green") if whole else paint("✗ NOT verified.", "red"))
    value = {"log": str(path), **report.to_dict(), "ok": whole}
    value["time"] = timed and {"ok": timed.ok, "detail": timed.detail}
    screen.result(value, *said)
    return whole


def _timed(token: Token, notes: Sequence[bytes]) -> Timed:
    """What the token came to: for the first of the trees that it is about."""
    tried = [token.judge_checkpoint(one) for one in notes]
    return next((one for one in tried if one.ok), tried[0])


def _header(path: Path) -> str:
    with path.open("rb") as stream:
        return str(json.loads(stream.readline(_LONGEST_HEADER)).get("checkpoint", ""))
