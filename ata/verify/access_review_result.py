"""The signed result of an access review (`ata reviews result`), checked by `ata verify`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ata.errors import usage_error
from ata.output.safe_text import safe
from ata.output.screen import Screen, paint

if TYPE_CHECKING:
    from audit.ledger.offline.proof_check import Step
    from audit.ledger.trust_policy import Policy


def is_result(path: Path) -> bool:
    """Whether a file is the result of a review."""
    from audit.ledger.offline.access_review_check import LONGEST, head_of

    try:
        with path.open("rb") as stream:
            return head_of(stream.readline(LONGEST)) is not None
    except OSError:
        return False


def verify_result(screen: Screen, path: Path, trust: Policy) -> bool:
    """Check a result and say each step; returns whether everything held.

    Raises:
        AtaError: usage, when the file cannot be read.
    """
    from audit.ledger.offline.access_review_check import LONGEST, check, followed, head_of

    carried: list[Step] = []
    try:
        with path.open("rb") as lines:
            if head := head_of(lines.readline(LONGEST)):
                trust, carried = followed(head, trust)
            lines.seek(0)
            report = check(lines, trust.logs, trust.required, trust.moves)
    except OSError as error:
        raise usage_error(f"{path} cannot be read: {error.strerror}.") from error
    report = replace(report, steps=(*carried, *report.steps))
    said = [f"{safe(path)}: {safe(report.words)}", f"SHA-256 {report.sha256}"]
    for step in report.steps:
        mark = paint("✓", "green") if step.ok else paint("✗", "red")
        said.append(f"{mark} {safe(step.name)}: {safe(step.detail)}")
    said += ["Not proven:", *(f"  · {safe(limit)}" for limit in report.not_proven)]
    verdict = ("✓ Verified.", "green") if report.ok else ("✗ NOT verified.", "red")
    screen.result({"result": str(path), **report.to_dict()}, *said, paint(*verdict))
    return report.ok
