"""An export with its manifest, checked by `ata verify`; with the whole log, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ata.errors import usage_error
from ata.output.safe_text import safe
from ata.output.screen import Screen, paint

if TYPE_CHECKING:
    from audit.ledger.offline.export_check import ExportReport
    from audit.ledger.trust_policy import Policy

_LONGEST_MANIFEST = 1_000_000  # bytes
_HOW = (
    "Give the manifest and the exported file: ata verify FILE.manifest.json FILE. The manifest has "
    "the checkpoint of its export. A later one is compared with the log: ata verify LOG.ndjson "
    "--since NOTE."
)


@dataclass(frozen=True, slots=True)
class Export:
    """The two files of an export."""

    manifest: dict[str, Any]
    file: Path


def find_export(files: Sequence[Path]) -> Export | None:
    """The export among the files given; None where none of them is a manifest.

    Raises:
        AtaError: usage, when there is not exactly one file next to a manifest.
    """
    manifests = {path: found for path in files if (found := _manifest(path)) is not None}
    if not manifests:
        return None
    others = [path for path in files if path not in manifests]
    if len(manifests) != 1 or len(others) != 1:
        raise usage_error("An export is one manifest and one file.", _HOW)
    (manifest,) = manifests.values()
    return Export(manifest, others[0])


def _verdict(report: ExportReport) -> list[str]:
    if not report.intact:
        return [paint("✗ NOT verified.", "red")]
    if report.unproven:
        head = paint(
            "– Nothing was changed. Which rows the file must have is NOT proven.", "yellow"
        )
        return [head, *(f"  {safe(one)}" for one in report.unproven)]
    return [paint("✓ Verified.", "green")]


def _manifest(path: Path) -> dict[str, Any] | None:
    from audit.ledger.offline.export_manifest import ManifestError, read_manifest

    try:
        if not path.is_file() or path.stat().st_size > _LONGEST_MANIFEST:
            return None
        return read_manifest(path.read_bytes())
    except (OSError, ManifestError):
        return None


def verify_export(screen: Screen, export: Export, entries: Path | None, trust: Policy) -> bool:
    """Check an export and say each step; returns whether everything held.

    Raises:
        AtaError: usage, when a file cannot be read.
    """
    from audit.ledger.offline import connection_export_manifest_check, coverage_report_check
    from audit.ledger.offline.export_check import check
    from audit.ledger.offline.export_manifest import COVERAGE, INVENTORY, followed

    trust, carried = followed(export.manifest, trust)
    trusted = (trust.logs, trust.required, trust.moves)
    try:
        body = export.file.read_bytes()
        if export.manifest["schema"] == INVENTORY:
            report = connection_export_manifest_check.check(export.manifest, body, *trusted)
        elif export.manifest["schema"] == COVERAGE:
            report = coverage_report_check.check(export.manifest, body, *trusted)
        elif entries is None:
            report = check(export.manifest, body, None, *trusted)
        else:
            with entries.open("rb") as lines:
                report = check(export.manifest, body, lines, *trusted)
    except OSError as error:
        raise usage_error(f"{error.filename} cannot be read: {error.strerror}.", _HOW) from error
    report = replace(report, steps=(*carried, *report.steps))
    lines_said = [f"{safe(export.file)}: {safe(report.words)}"]
    for step in report.steps:
        mark = paint("✓", "green") if step.ok else paint("✗", "red")
        lines_said.append(f"{mark} {safe(step.name)}: {safe(step.detail)}")
    lines_said += ["Not proven:", *(f"  · {safe(limit)}" for limit in report.not_proven)]
    lines_said += _verdict(report)
    screen.result({"file": str(export.file), **report.to_dict()}, *lines_said)
    return report.ok
