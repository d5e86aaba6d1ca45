"""Run the tests nearest to what changed, for a limited time: `python -m scripts.affected`.

Changed is what differs from the commit before this branch left main, or from the last commit on
main itself. First run the test modules that import a changed module, by the length of the chain,
then those in the folder of its app, for what is reached by addresses or templates only. The last
line reports how many of them were not run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import grimp
import pytest

from scripts.structure import APPS

ROOT = Path(__file__).resolve().parent.parent
MOST = 40  # modules in one run: more are collected for longer than they can run


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(  # noqa: S603
        ["git", *arguments],  # noqa: S607
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.split()


def changed_files() -> list[str]:
    """Paths that differ from where this branch left main, uncommitted and new ones too."""
    head, base = _git("rev-parse", "HEAD"), _git("merge-base", "HEAD", "main")
    since = "HEAD~1" if head == base else base[0]
    return [*_git("diff", "--name-only", since), *_git("ls-files", "-o", "--exclude-standard")]


def module_of(path: str) -> str:
    """The module of a path: `audit/models/__init__.py` is `audit.models`."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def nearest_tests(changed: Iterable[str], graph: grimp.ImportGraph) -> list[str]:
    """Test modules by their distance in imports from the changed ones, nearest first."""
    reached = {module_of(p) for p in changed if p.endswith(".py")} & graph.modules
    near, level = dict.fromkeys(reached), sorted(reached)
    while level:
        level = sorted(
            {by for m in level for by in graph.find_modules_that_directly_import(m)} - near.keys()
        )
        near |= dict.fromkeys(level)
    return [m for m in near if m.startswith("tests.") and ".test_" in m]


class _Limit:
    """Stops a run after so many seconds, and knows which modules were begun."""

    def __init__(self, seconds: float) -> None:
        self.ends, self.begun = time.monotonic() + seconds, set[Path]()

    def pytest_runtest_logstart(self, location: tuple[str, int | None, str]) -> None:
        self.begun.add(Path(location[0]))

    def pytest_runtest_logfinish(self) -> None:
        if time.monotonic() > self.ends:
            raise pytest.exit.Exception("the time is over", returncode=0)


def folder_tests(changed: Iterable[str]) -> list[Path]:
    """Test modules in the folders of the apps that changed; a template counts for its app."""
    names = {part for p in changed for part in Path(p).parts[:2]} - {"tests"}
    return [p.relative_to(ROOT) for n in sorted(names) for p in ROOT.glob(f"tests/{n}/test_*.py")]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=50.0, help="for the tests")
    limit = _Limit(arguments.parse_args().seconds)
    present = [app for app in APPS if (ROOT / app / "__init__.py").exists()]
    graph = grimp.build_graph("tests", *present, cache_dir=None)
    changed = changed_files()
    near = [Path(f"{m.replace('.', '/')}.py") for m in nearest_tests(changed, graph)]
    paths = list(dict.fromkeys([*near, *folder_tests(changed)]))
    if not paths:
        sys.stdout.write("no test imports what changed\n")
        return 0
    run = [str(p) for p in paths[:MOST]]
    code = int(pytest.main(["-x", "-p", "no:randomly", *run], plugins=[limit]))
    left = len(set(paths) - limit.begun)
    sys.stdout.write(f"{len(paths)} test modules reach what changed, {left} of them not run\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
