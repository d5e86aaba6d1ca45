"""What the run on PostgreSQL leaves out: tests that exist, and none that must run there."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from tests.support import asked, one_engine

CHECKOUT = Path(__file__).resolve().parents[2]
FILE = """
import threading as together

def _helper(): return [together.Thread()]

@pytest.fixture
def several(): return _helper()

def test_one(several): pass
def test_two(): pass

class TestThree:
    def test_it(self, several): pass
"""


def test_each_name_is_a_test() -> None:
    for name in sorted(one_engine.listed() | one_engine.OWN_FILE):
        file, _, function = name.partition("::")
        known = _functions(CHECKOUT / file)
        assert function.rpartition("::")[2] in known, f"take {name} out of {one_engine.LIST.name}"


@cache
def _functions(path: Path) -> frozenset[str]:
    tree = ast.walk(ast.parse(path.read_text()))
    return frozenset(one.name for one in tree if isinstance(one, ast.FunctionDef))


def test_what_always_runs_on_both_is_not_listed() -> None:
    assert not [name for name in one_engine.listed() if asked.on_both(name)]


def test_what_a_test_uses_in_its_file_counts_with_it(tmp_path: Path) -> None:
    file = tmp_path / "test_a.py"
    file.write_text(FILE)
    apart = {name: asked.tells_apart(file, name) for name in ("test_one", "test_two", "TestThree")}
    assert apart == {"test_one": True, "test_two": False, "TestThree": True}
    file.write_text(f"pytestmark = pytest.mark.skipif(connection.vendor == 'sqlite')\n{FILE}")
    assert asked.tells_apart(file, "test_two")


def test_whoever_has_a_file_of_their_own_says_so_and_asks_nothing_else() -> None:
    """Neither a fixture with the run's database nor a query in this process."""
    for name in sorted(one_engine.OWN_FILE):
        file, _, function = name.partition("::")
        tree = ast.parse((CHECKOUT / file).read_text())
        (found,) = (
            one
            for one in ast.walk(tree)
            if isinstance(one, ast.FunctionDef) and one.name == function
        )
        assert [given.arg for given in found.args.args] == ["tmp_path"], name
        called = {ast.unparse(one.func) for one in ast.walk(found) if isinstance(one, ast.Call)}
        assert "migrated" in called, f"{name}: has no file of its own"
        assert not {one for one in called if ".objects" in one}, name


def test_whoever_is_left_out_asks_nothing_of_their_own() -> None:
    """Every query of all that were measured is asked by one that is kept."""
    queries: dict[str, tuple[float, set[tuple[str, ...]]]] = {
        "tests/ui/test_a.py::test_cheap": (0.1, {("x.py:1", "aa"), ("x.py:2", "bb")}),
        "tests/ui/test_a.py::test_dear": (9.0, {("x.py:1", "aa"), ("x.py:2", "bb")}),
        "tests/ui/test_a.py::test_alone": (9.0, {("x.py:1", "aa"), ("x.py:2", "cc")}),
        "tests/attacks/tamper/test_b.py::test_always": (1.0, set()),
    }
    kept = asked.chosen(queries)
    assert kept == queries.keys() - {"tests/ui/test_a.py::test_dear"}
