"""A pytest plugin: which queries of the product each test asks; and which tests may be left out.

    ASKED=folder python -m pytest -p tests.support.asked tests/approvals …
    python -m tests.support.asked folder

The second writes `one_engine.txt`: all tests that were measured, but for the cheapest ones that
ask every query, and for the files that are run on both engines whatever they ask. A query is its
SQL without values and the line of the product that asks, in this process.
"""

from __future__ import annotations

import ast
import json
import os
import re
import resource
import sys
from collections import defaultdict
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from tests.support.one_engine import LIST, function_of

FOLDER = "ASKED"
_CHECKOUT = Path(__file__).resolve().parents[2]
_PRODUCT = (
    *("accounts", "api", "approvals", "audit", "auth0_client", "connections", "enforcement"),
    *("portal", "ui"),
)
ON_BOTH = re.compile(
    r"tests/attacks|tests/callers|tests/faults"
    r"|tests/audit/test_(a_restore|estimates|import|old_checkpoints|pages_hold|pages_read"
    r"|record|rounds|search|sequencer|triggers|verify|writes_become)"
    # Several connections or processes, many rows, and rows that are refused as second ones.
    r"|tests/approvals/test_(policy_is_changed|who_approves)|tests/accounts/test_sessions_end"
    r"|tests/connections/test_(comparing_many|escalations_are_asked|several_at_once"
    r"|the_broker_over_http|the_inventory_at_any_index|the_inventory_counts"
    r"|the_directory_is_walked)"
    # Values that one engine stores and another refuses.
    r"|tests/audit/test_(gateways_push|hostile)|tests/connections/test_.*any_name"
    r"|tests/enforcement/test_(.*any_name|a_stranger_breaks|hostile|names_that|odd_)"
    # What a second worker or caller finds that the first one holds, without a thread of its own.
    r"|tests/audit/test_exports_are_written_once|tests/connections/test_(leases_are_|two_)"
    r"|.*::test_.*(worker|_kill|at_once_send_once)"
)
"""Where it matters how an engine locks, orders, keeps or refuses, or other processes ask."""
_TELLS_APART = re.compile(
    r"\bvendor\b|TEST_DATABASE_URL|\bthreading\b|ThreadPool|\binterleav|\bsubprocess\b"
)
"""What a test's text contains that names an engine, or uses several threads or processes."""

_queries: dict[tuple[str, ...], int] = {}
_asked: set[int] = set()
_tests: dict[str, tuple[float, list[int]]] = {}


def _query(sql: Any) -> tuple[str, ...]:
    """The query as a name; empty if it is not the product's."""
    frame = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(_ROOTS) and "/migrations/" not in code.co_filename:
            name = code.co_filename.removeprefix(f"{_CHECKOUT}/")
            shape = _MANY.sub("%s", _NUMBERS.sub("0", str(sql)))
            return f"{name}:{frame.f_lineno}", f"{crc32(shape.encode()):08x}"
        frame = frame.f_back  # type: ignore[assignment]
    return ()


_NUMBERS = re.compile(r"\d+")
_MANY = re.compile(r"\(?%s\)?(, \(?%s\)?)+")
_ROOTS = tuple(f"{_CHECKOUT}/{room}/" for room in _PRODUCT)


def _watched(execute: Any) -> Any:
    def asking(*args: Any, **options: Any) -> Any:
        if query := _query(args[1]):
            _asked.add(_queries.setdefault(query, len(_queries)))
        return execute(*args, **options)

    return asking


def pytest_configure() -> None:
    """Watch what is asked from now on."""
    from django.db.backends.utils import CursorWrapper

    for name in ("execute", "executemany"):
        setattr(CursorWrapper, name, _watched(getattr(CursorWrapper, name)))


def _seconds() -> float:
    ours = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in ours)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Note what one test asked and cost, its fixtures included."""
    _asked.clear()
    before = _seconds()
    try:
        return (yield)
    finally:
        _tests[item.nodeid] = (_seconds() - before, sorted(_asked))


def pytest_sessionfinish() -> None:
    """Leave it in the folder."""
    if _tests:
        path = Path(os.environ[FOLDER]) / f"{os.getpid()}.json"
        path.write_text(json.dumps({"names": list(_queries), "tests": _tests}))


def _measured(folder: Path) -> dict[str, tuple[float, set[tuple[str, ...]]]]:
    """Seconds and queries of each test function, over all runs."""
    seconds: defaultdict[str, float] = defaultdict(float)
    queries: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
    for file in sorted(folder.glob("*.json")):
        told = json.loads(file.read_text())
        for nodeid, (cost, asked) in told["tests"].items():
            seconds[function_of(nodeid)] += cost
            queries[function_of(nodeid)] |= {tuple(told["names"][number]) for number in asked}
    return {name: (cost, queries[name]) for name, cost in seconds.items()}


_ASK_NOTHING_APART = frozenset(
    {
        # An event of `threading` that stops a loop, and no thread. On PostgreSQL the loop has to
        # open a connection for its lock, which no test's transaction allows.
        "test_checkpoints_keep_time.py",
        # The processes are a gateway's command line and a verifier: they have no database of ours.
        "test_a_review_result_is_checked_offline.py",
        "test_decisions_are_carried_out_at_the_terminal.py",
        "test_disable_and_quarantine_at_the_terminal.py",
        "test_guardrail_at_the_terminal.py",
    }
)
"""Files that name what `_TELLS_APART` looks for, and ask nothing by it."""


def on_both(name: str) -> bool:
    """Whether a test has to run on both engines, whatever its queries are: one that names an engine
    may skip a part on the other, and the order of several threads or processes was not measured."""
    file, _, test = name.partition("::")
    path = _CHECKOUT / file
    return bool(ON_BOTH.match(name)) or (
        path.name not in _ASK_NOTHING_APART
        and path.exists()
        and tells_apart(path, test.partition("::")[0])
    )


def tells_apart(path: Path, test: str) -> bool:
    """Whether `_TELLS_APART` matches a function or class of tests, or what it uses from its file:
    helpers, fixtures, imports, marks."""
    parts = _parts(path.read_text())
    names = [test, "pytestmark", *(name for name, text in parts.items() if "autouse" in text)]
    for name in names:  # grows while it is walked
        if _TELLS_APART.search(parts.get(name, "")):
            return True
        names += sorted(_words(parts.get(name, "")) & parts.keys() - set(names))
    return False


@cache
def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))


@cache
def _parts(text: str) -> dict[str, str]:
    """What a file defines or imports at its top: names and their texts."""
    lines, parts = text.splitlines(), dict[str, str]()
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None) or ""
            parts |= {one.asname or one.name: f"{module}.{one.name}" for one in node.names}
            continue
        first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
        body = "\n".join(lines[first - 1 : node.end_lineno])
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            parts[node.name] = body
        else:
            stored = (one for one in ast.walk(node) if isinstance(one, ast.Name))
            parts |= {one.id: body for one in stored if isinstance(one.ctx, ast.Store)}
    return parts


def chosen(tests: dict[str, tuple[float, set[tuple[str, ...]]]]) -> set[str]:
    """Few and cheap tests that ask every query; those that run on both anyway come first."""
    kept = {name for name in tests if on_both(name)}
    everything = set().union(*(queries for _, queries in tests.values()))
    missing = everything.difference(*(tests[name][1] for name in kept))
    while missing:
        best = max(
            sorted(tests.keys() - kept),
            key=lambda name: len(tests[name][1] & missing) / (tests[name][0] + 0.02),
        )
        kept.add(best)
        missing -= tests[best][1]
    return kept


if __name__ == "__main__":
    measured = _measured(Path(sys.argv[1]))
    kept = chosen(measured)
    LIST.write_text("".join(f"{name}\n" for name in sorted(measured.keys() - kept)))
    all_of_it, kept_of_it = (sum(measured[name][0] for name in names) for names in (measured, kept))
    print(f"{len(kept)} of {len(measured)} functions, {kept_of_it:.0f} of {all_of_it:.0f} s")
