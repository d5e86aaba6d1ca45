"""`docs/defenseclaw-conformance.json`: what each gateway reproduced of the observations."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from tests.gateways.configurations import configuration_of
from tests.gateways.observations import FILES, read
from tests.gateways.real_gateway import folder_of_binaries
from tests.gateways.replay import Result

REPORT: Final = Path(__file__).resolve().parents[2] / "docs" / "defenseclaw-conformance.json"
AS_EXPECTED: Final = "as expected"
type Report = dict[str, Any]


def read_report() -> Report:
    """Return the committed report; an empty one where there is none."""
    if not REPORT.exists():
        return {"totals": {}, "rows": []}
    report: Report = json.loads(REPORT.read_text())
    return report


def updated(report: Report, peer: str, results: Iterable[Result]) -> Report:
    """Return a report with a peer's results in place of those it had for their generations."""
    by_id = {result.observation.id: result for result in results}
    known = {row["id"]: row for row in report["rows"]}
    rows = []
    for generation in FILES:
        for observation in read(generation):
            row = known.get(observation.id, {})
            seen = dict(row.get("seen", {}))
            expected = row.get("expected", {})
            if result := by_id.get(observation.id):
                seen[peer] = _seen(result)
                expected = result.expected or expected
            rows.append(
                {
                    "id": observation.id,
                    "kind": observation.kind,
                    "name": observation.name,
                    "via": observation.via,
                    "act": observation.act,
                    "configuration": configuration_of(observation).as_text(),
                    "expected": expected,
                    "seen": dict(sorted(seen.items())),
                }
            )
    totals = {**report["totals"], peer: _totals(rows, peer, report["totals"].get(peer, {}))}
    return {"observations": len(rows), "totals": dict(sorted(totals.items())), "rows": rows}


def _seen(result: Result) -> Any:
    if result.reason:
        return {"not replayed": result.reason}
    if result.reproduced:
        return AS_EXPECTED
    return {part: result.seen.get(part) for part in result.differs_in}


def _totals(rows: list[Report], peer: str, before: Mapping[str, Any]) -> Report:
    totals: Report = {}
    for generation in FILES:
        mine = [r for r in rows if r["id"].startswith(f"{generation}/") and peer in r["seen"]]
        if mine:
            good = sum(row["seen"][peer] == AS_EXPECTED for row in mine)
            totals[generation] = _share(good, len(mine)) | _kept(before.get(generation, {}))
    good = sum(t["reproduced"] for t in totals.values())
    totals["all"] = _share(good, sum(t["observations"] for t in totals.values()))
    return totals


def _kept(before: Mapping[str, Any]) -> Report:
    return {key: before[key] for key in ("gateway", "command_line") if key in before}


def _share(reproduced: int, of: int) -> Report:
    share = round(reproduced / of, 4) if of else 0
    return {"reproduced": reproduced, "observations": of, "share": share}


def with_versions(report: Report, generations: Iterable[str]) -> Report:
    """Return a report with version and SHA-256 of the real binaries of some generations."""
    for generation in generations:
        folder = folder_of_binaries(generation)
        if folder is None:
            continue
        names = {"gateway": "defenseclaw-gateway", "command_line": "defenseclaw"}
        report["totals"]["real"][generation] |= {
            key: {"version": _version(folder / name), "sha256": _digest(folder / name)}
            for key, name in names.items()
        }
    return report


def _version(program: Path) -> str:
    """The version that a program says, without where and when it was built."""
    done = subprocess.run(
        [str(program), "--version"], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout.strip().partition("version ")[2].partition(" (")[0]


def _digest(path: Path) -> str:
    with path.resolve().open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def as_text(report: Report) -> str:
    """The report as it is committed: one observation a line."""
    rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in report["rows"])
    totals = json.dumps(report["totals"], indent=1, ensure_ascii=False)
    count = report["observations"]
    return f'{{"observations": {count},\n"totals": {totals},\n"rows": [\n{rows}\n]}}\n'


def write_report(report: Report) -> None:
    """Write it where it is committed."""
    REPORT.write_text(as_text(report))
