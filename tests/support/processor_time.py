"""A pytest plugin: which files cost the most processor seconds, as a report and never a failure.

Counted are the test process itself and everything that it started, fixtures included; what the
whole session shares counts where it was first asked for.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import pytest

SHOWN = 10
FOLDER = "TEST_DEAREST"
"""Where each run leaves its seconds for a report about several runs; without it each reports."""

_TICKS = os.sysconf("SC_CLK_TCK")


def _living() -> float:
    """Processor seconds of the descendants of this process that still run."""
    parents: dict[str, list[str]] = {}
    seconds: dict[str, float] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # ended while we looked
            continue
        parents.setdefault(fields[1], []).append(folder.name)
        seconds[folder.name] = sum(map(int, fields[11:15])) / _TICKS
    total, found = 0.0, [str(os.getpid())]
    for parent in found:  # grows while it is walked
        children = parents.get(parent, [])
        total += sum(seconds[child] for child in children)
        found += children
    return total


def spent() -> float:
    """Processor seconds of this process and all it ever started, as far as the kernel tells."""
    ours = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in ours) + _living()


class _Meter:
    """Each worker adds its seconds to the reports; whoever shows the reports adds them up."""

    def __init__(self) -> None:
        self.before = spent()
        self.by_file: defaultdict[str, float] = defaultdict(float)
        self.is_last = False

    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Look at all processes once a file: a look costs milliseconds."""
        self.is_last = nextitem is None or nextitem.path != item.path

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.when == "teardown" and self.is_last:
            now = spent()
            # A process whose parent was killed takes its seconds with it: never below nothing.
            report.__dict__["seconds"] = max(now - self.before, 0.0)
            self.before = now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.by_file[report.nodeid.partition("::")[0]] += getattr(report, "seconds", 0.0)

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, config: pytest.Config
    ) -> None:
        if hasattr(config, "workerinput"):
            return  # whoever gave out the work has been told everything
        if folder := os.environ.get(FOLDER):
            (Path(folder) / f"{os.getpid()}.json").write_text(json.dumps(self.by_file))
        elif len(self.by_file) > SHOWN:
            terminalreporter.write_line(told(self.by_file))


def told(by_file: dict[str, float]) -> str:
    """The dearest files with their processor seconds, and the sum over all."""
    dearest = sorted(by_file.items(), key=lambda one: -one[1])
    lines = [f"The {SHOWN} dearest of {len(by_file)} files, in processor seconds:"]
    lines += [f"{seconds:8.1f}  {file}" for file, seconds in dearest[:SHOWN]]
    return "\n".join([*lines, f"{sum(by_file.values()):8.1f}  in all"])


def pytest_configure(config: pytest.Config) -> None:
    """Measure wherever tests run: in each worker, or here."""
    config.pluginmanager.register(_Meter(), "dear-meter")


if __name__ == "__main__":
    everything: defaultdict[str, float] = defaultdict(float)
    for file in Path(sys.argv[1]).glob("*.json"):
        for name, seconds in json.loads(file.read_text()).items():
            everything[name] += seconds
    print(told(everything))
