"""The verdict of several parts that were verified together: that of the worst part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ata.output.safe_text import safe
from ata.output.screen import Screen, paint

VERIFIED: Final = "verified"
UNPROVEN: Final = "unproven"
FAILED: Final = "failed"


@dataclass(frozen=True, slots=True)
class Part:
    """A pack, or a proof with its entry, and the state of its verdict (`report.Verdict`)."""

    name: str
    state: str


def show_overall(screen: Screen, parts: Sequence[Part], unused: Sequence[str]) -> None:
    """Print the one verdict of all parts, after their reports, and the files that no check read."""
    unproven = [part.name for part in parts if part.state == UNPROVEN]
    failed = [part.name for part in parts if part.state not in {VERIFIED, UNPROVEN}]
    count = len(parts)
    if failed:
        verb = "is" if len(failed) == 1 else "are"
        words = f"✗ NOT verified: {len(failed)} of {count} parts {verb} not: {_names(failed)}."
        line = paint(words, "red")
    elif unproven:
        of = f"{len(unproven)} of {count} parts"
        words = f"– Log entries verified. Person NOT proven in {of}: {_names(unproven)}."
        line = paint(words, "yellow")
    else:
        line = paint(f"✓ Verified: each of {count} parts.", "green")
    value = {"ok": not failed + unproven, "parts": count, "not_verified": failed + unproven}
    if unused:
        value["not_checked"] = list(unused)
    screen.result(value, *not_checked(unused), line)


def not_checked(names: Sequence[str]) -> list[str]:
    """Lines that name the files which no check read; none where each was read."""
    if not names:
        return []
    return ["Not checked, no check reads these files:", *(f"  · {safe(name)}" for name in names)]


def _names(names: Sequence[str]) -> str:
    return ", ".join(safe(name) for name in names)
