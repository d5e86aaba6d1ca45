"""The report of an evidence pack on a screen: sentences, then every check, then the limits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ata.output.safe_text import safe
from ata.output.screen import Screen, paint

if TYPE_CHECKING:
    from audit.ledger.packs.pack_check_result import Check, EventReport, PackReport, Verdict
    from audit.ledger.person_and_log_levels import Level

_MARKS = {
    "ok": ("✓", "green"),
    "failed": ("✗", "red"),
    "unchecked": ("–", "yellow"),
    "withheld": ("–", "yellow"),
}
_VERDICTS = {
    "verified": ("✓", "green"),
    "unproven": ("–", "yellow"),
    "consistent": ("–", "yellow"),
}
_OTHER = ("·", "dim")


def show(screen: Screen, name: str, report: PackReport) -> None:
    """Print the report of one pack, or its JSON."""
    from audit.ledger.packs.report_sentences import OWN_DESCRIPTION

    lines = [safe(name), *([f"{OWN_DESCRIPTION} {safe(report.words)}"] if report.words else [])]
    for event in report.events:
        lines += ["", *_said(event)]
    lines += ["", "The pack", *check_lines(report.checks)]
    for event in report.events:
        lines += [f"Entry {event.index}", *check_lines(event.checks), *_levels(event)]
    lines += ["Not proven:", *(f"  · {safe(limit)}" for limit in report.not_proven)]
    lines += verdict_lines(report.verdict)
    screen.result({"pack": name, **report.to_dict()}, *lines)


def _said(event: EventReport) -> Iterable[str]:
    if not event.said:
        yield f"Entry {event.index} cannot be opened."
    for label, text in event.said:
        yield f"{label + ':':<10}{safe(text)}"


def check_lines(checks: Iterable[Check]) -> Iterable[str]:
    """A line for each check."""
    for check in checks:
        mark, colour = _MARKS.get(check.state, _OTHER)
        yield f"{paint(mark, colour)} {safe(check.name)}: {safe(check.detail)}"


def _levels(event: EventReport) -> Iterable[str]:
    yield from _level("Record", event.log)
    yield from _level("Person", event.human)
    if event.claimed is not None:
        words = f"{event.claimed.words} ({event.claimed.code})"
        yield paint(f"! As the pack itself claims, by keys that came in it: {words}.", "yellow")
        yield "  That raises nothing: the maker of the pack chose those keys."


def _level(label: str, level: Level) -> Iterable[str]:
    yield f"{label}: {level.words} ({level.code})"
    yield from (f"  {safe(reason)}" for reason in level.reasons)


def verdict_lines(verdict: Verdict) -> Iterable[str]:
    """The verdict and its reasons."""
    mark, colour = _VERDICTS.get(verdict.state, ("✗", "red"))
    yield paint(f"{mark} {safe(verdict.words)}", colour)
    yield from (f"  {safe(reason)}" for reason in verdict.reasons)
