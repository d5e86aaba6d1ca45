"""Shows that the test of each fixed finding fails without its fix.

`docs/findings.tsv` lists finding, class, test and fix commit. For each fix commit its tests are
laid over the product of its parent, and of each finding one of them must fail there. A test that
was written or changed later names the fix in a trailer `Fix:`; its file is taken from the newest
such commit.

What a test does there is `fails`, `passes`, `is skipped` (on both engines) or `does not load`: it
needs what the fix added even where names that are missing are replaced
(`scripts.pytest_missing_name_placeholders`).

    python -m scripts.findings                 # all
    python -m scripts.findings SEC-1 AUD-2     # some
    python -m scripts.findings --list          # write the file from the trailers of commits
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree

from scripts import pytest_missing_name_placeholders as placeholders

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docs" / "findings.tsv"
FIRST = "1ebce96"  # the reviewed commit
HEAD = "findings\tclass\ttest\tfix\ttest from"
FAILS, LOADS_NOT, PASSES, SKIPPED = "fails", "does not load", "passes", "is skipped"
_ENDS_S = 300.0
_PLUGIN = "placeholders_of_findings"
_NEEDS_FIX = (
    *(placeholders.USED, "'_Added'", "got an unexpected keyword argument"),
    *("AttributeError: <module ", "AttributeError: module "),
)
_NOT_IMPORTED = ("ImportError", "ModuleNotFoundError", "failed on setup with")
NO_TEST = "-"  # a fix of a sentence
_TRAILER = re.compile(r"^(Finding|Class|Test|Fix): (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, order=True)
class Fixed:
    """One line of the file: `test` is a pytest node id, the commits are abbreviated hashes."""

    findings: str
    kind: str
    test: str
    fix: str
    tests_from: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a test does without the fix, and the first line of the reason."""

    verdict: str
    reason: str = ""


def main(arguments: list[str]) -> int:
    """0 where of each finding a test fails without the fix."""
    if arguments == ["--list"]:
        lines = [f"{f.findings}\t{f.kind}\t{f.test}\t{f.fix}\t{f.tests_from}" for f in from_log()]
        FILE.write_text("".join(f"{line}\n" for line in (HEAD, *lines)))
        return 0
    chosen = [f for f in read() if not arguments or set(arguments) & set(f.findings.split(", "))]
    chosen = [f for f in chosen if f.test != NO_TEST]
    chosen.sort(key=lambda f: (f.fix, f.tests_from))
    seen: dict[str, set[str]] = {}  # verdicts by finding
    for (fix, tests_from), group in groupby(chosen, key=lambda f: (f.fix, f.tests_from)):
        rows = list(group)
        found = outcomes(fix, tests_from, [row.test for row in rows])
        for row in rows:
            got = found[row.test]
            for finding in row.findings.split(", "):
                seen.setdefault(finding, set()).add(got.verdict)
            line = (row.findings, row.fix, got.verdict, row.test, got.reason)
            print("\t".join(line), flush=True)  # noqa: T201
    without = sorted(finding for finding, verdicts in seen.items() if FAILS not in verdicts)
    for finding in without:
        print(f"{finding}\tno test of it fails without the fix")  # noqa: T201
    return 1 if without else 0


def read() -> list[Fixed]:
    """What the file lists."""
    return [Fixed(*line.split("\t")) for line in FILE.read_text().splitlines()[1:]]


def outcomes(fix: str, tests_from: str, tests: Sequence[str]) -> dict[str, Outcome]:
    """What each test does on the parent of the fix, SQLite first."""
    with tempfile.TemporaryDirectory(prefix="ata-finding-") as folder:
        copy = Path(folder) / "copy"
        _git("worktree", "add", "--quiet", "--detach", str(copy), f"{fix}^")
        try:
            _git("checkout", "--quiet", fix, "--", "tests", at=copy)
            if tests_from != fix:
                files = {test.partition("::")[0] for test in tests}
                _git("checkout", "--quiet", tests_from, "--", *sorted(files), at=copy)
            (copy / ".venv").symlink_to(ROOT / ".venv")
            found = _try(copy, tests)
            if skipped := [test for test in tests if found[test].verdict == SKIPPED]:
                found |= _try(copy, skipped, "-m", "scripts.on_postgres", sys.executable)
            return found
        finally:
            _git("worktree", "remove", "--force", str(copy))


def _try(copy: Path, tests: Sequence[str], *before: str) -> dict[str, Outcome]:
    """What each test does, run together where they all can be loaded, else one by one."""
    found = _run(copy, tests, *before)
    for test in tests:
        if test not in found and len(tests) > 1:
            found |= _run(copy, [test], *before)
    # Names that the fix added keep others from being loaded: they are replaced.
    shutil.copy(Path(placeholders.__file__), copy / f"{_PLUGIN}.py")
    some = [t for t in tests if t not in found or found[t].reason.startswith(_NOT_IMPORTED)]
    if some:
        found |= _run(copy, some, *before, plugin=_PLUGIN)
    for test in some:
        if test not in found and len(some) > 1:
            found |= _run(copy, [test], *before, plugin=_PLUGIN)
    return {test: found.get(test, Outcome(LOADS_NOT)) for test in tests}


def _run(
    copy: Path, tests: Sequence[str], *before: str, plugin: str = "no:cacheprovider"
) -> dict[str, Outcome]:
    report = copy / "var-report.xml"
    report.unlink(missing_ok=True)
    options = ["-p", plugin, f"--junitxml={report}"]
    if len(tests) == 1:
        options.append("--exitfirst")  # after one of its parameters the others change nothing
    with (copy / "var-output.txt").open("a") as output:
        running = subprocess.Popen(  # noqa: S603
            [sys.executable, *before, "-m", "pytest", *options, *tests],
            cwd=copy,
            env=os.environ | {"PYTHONPATH": str(copy)},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            running.wait(_ENDS_S)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
            late = Outcome(FAILS, f"does not end within {_ENDS_S:.0f} s")
            return {test: late for test in tests if len(tests) == 1}
    cases: list[ElementTree.Element] = []
    if report.exists():
        cases = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314 - pytest wrote it
    each = {test: [case for case in cases if _is_of(case, test)] for test in tests}
    return {test: _outcome(of) for test, of in each.items() if of}


def _is_of(case: ElementTree.Element, test: str) -> bool:
    path, *names = test.split("::")
    module = path.removesuffix(".py").replace("/", ".")
    name = f"{case.get('classname')}.{case.get('name')}"
    wanted = ".".join((module, *names))
    return name == wanted or name.startswith(f"{wanted}[")


def _outcome(cases: Sequence[ElementTree.Element]) -> Outcome:
    """The worst of a test's parameters."""
    for tag, verdict in (("failure", FAILS), ("error", LOADS_NOT)):
        for case in cases:
            if (element := case.find(tag)) is not None:
                reason = (element.get("message") or "").split("\n")[0][:160]
                needs_fix = any(sign in reason for sign in _NEEDS_FIX)
                return Outcome(LOADS_NOT if needs_fix else verdict, reason)
    every = all(case.find("skipped") is not None for case in cases)
    return Outcome(SKIPPED if every else PASSES)


def from_log() -> list[Fixed]:
    """The lines of the file, from the trailers of every commit since the reviewed one."""
    return sorted(_from_log())


def _from_log() -> Iterator[Fixed]:
    commits = _git("log", "--format=%h%x00%B%x01", f"{FIRST}..HEAD").split("\x01")
    seen: set[tuple[str, str, str]] = set()
    for commit, _, body in (each.strip().partition("\0") for each in commits if each.strip()):
        trailers = _TRAILER.findall(body)
        named = [value for name, value in trailers if name == "Finding"]
        findings = ", ".join(dict.fromkeys(re.findall(r"[\w-]+", " ".join(named))))
        kind = next((value for name, value in trailers if name == "Class"), "")
        fix = next((value for name, value in trailers if name == "Fix"), commit)
        tests = dict.fromkeys(value for name, value in trailers if name == "Test")
        for test in tests or (NO_TEST,):
            if findings and (findings, fix, test) not in seen:
                seen.add((findings, fix, test))
                yield Fixed(findings, kind, test, fix, commit)


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
