"""Shows that the test of each fixed finding fails without its fix.

`docs/findings.tsv` lists finding, class, test and fix commit. For each line the tests of the fix
commit are laid over the product of its parent, and the test must fail there.

    python -m scripts.findings                 # all
    python -m scripts.findings SEC-1 AUD-2     # some
    python -m scripts.findings --list          # write the file from the trailers of commits
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docs" / "findings.tsv"
FIRST = "1ebce96"  # the reviewed commit
_TRAILER = re.compile(r"^(Finding|Class|Test): (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, order=True)
class Fixed:
    """One line of the file: `test` is a pytest node id, `commit` an abbreviated hash."""

    findings: str
    kind: str
    test: str
    commit: str


def main(arguments: list[str]) -> int:
    """0 where every test fails without its fix, or cannot even be loaded there."""
    if arguments == ["--list"]:
        lines = ["\t".join((f.findings, f.kind, f.test, f.commit)) for f in sorted(_from_log())]
        FILE.write_text("findings\tclass\ttest\tfix\n" + "".join(f"{line}\n" for line in lines))
        return 0
    wrong = 0
    for fixed in read():
        if arguments and not set(arguments) & set(fixed.findings.split(", ")):
            continue
        found = outcome(fixed)
        wrong += found not in {"fails", "does not load"}
        print(f"{fixed.findings}\t{fixed.commit}\t{found}\t{fixed.test}", flush=True)  # noqa: T201
    return 1 if wrong else 0


def read() -> list[Fixed]:
    """What the file lists."""
    return [Fixed(*line.split("\t")) for line in FILE.read_text().splitlines()[1:]]


def outcome(fixed: Fixed) -> str:
    """What the test does on the parent.

    Returns:
        `fails`; `does not load`, where it imports what the fix added; `passes`; `is skipped`.
    """
    with tempfile.TemporaryDirectory(prefix="ata-finding-") as folder:
        copy = Path(folder) / "copy"
        _git("worktree", "add", "--quiet", "--detach", str(copy), f"{fixed.commit}^")
        try:
            _git("checkout", "--quiet", fixed.commit, "--", "tests", at=copy)
            (copy / ".venv").symlink_to(ROOT / ".venv")
            found = _run(fixed.test, copy)
            on_postgres = ("-m", "scripts.on_postgres", sys.executable)
            return _run(fixed.test, copy, *on_postgres) if found == "is skipped" else found
        finally:
            _git("worktree", "remove", "--force", str(copy))


def _run(test: str, copy: Path, *before: str) -> str:
    report = copy / "var-report.xml"
    subprocess.run(  # noqa: S603
        [sys.executable, *before, "-m", "pytest", "-q", f"--junitxml={report}", test],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy)},
        capture_output=True,
        check=False,
    )
    if not report.exists():
        return "does not load"
    suite = ElementTree.parse(report).getroot()[0]  # noqa: S314 - pytest wrote it
    counted = {name: int(suite.get(name, 0)) for name in ("failures", "errors", "skipped", "tests")}
    if counted["failures"]:
        return "fails"
    if counted["errors"] or not counted["tests"]:
        return "does not load"
    return "is skipped" if counted["skipped"] == counted["tests"] else "passes"


def _from_log() -> Iterator[Fixed]:
    commits = _git("log", "--format=%h%x00%B%x01", f"{FIRST}..HEAD").split("\x01")
    for commit, _, body in (each.strip().partition("\0") for each in commits if each.strip()):
        trailers = _TRAILER.findall(body)
        named = [value for name, value in trailers if name == "Finding"]
        findings = ", ".join(dict.fromkeys(re.findall(r"[\w-]+", " ".join(named))))
        kind = next((value for name, value in trailers if name == "Class"), "")
        for test in dict.fromkeys(value for name, value in trailers if name == "Test"):
            if findings:
                yield Fixed(findings, kind, test, commit)


def _git(*arguments: str, at: Path = ROOT) -> str:
    return subprocess.run(  # noqa: S603
        ["git", *arguments],  # noqa: S607
        cwd=at,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
