"""`make structure` finds what exceeds each of its measures, on a small tree made for it."""

from __future__ import annotations

from pathlib import Path

from scripts import structure


def _tree(root: Path, *paths: str, lines: int = 1) -> list[Path]:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x = 1\n" * lines)
    return structure.product_files(root)


def test_a_level_of_sixteen_modules_is_found_and_fifteen_are_not(tmp_path: Path) -> None:
    files = _tree(tmp_path, *(f"audit/m{n}.py" for n in range(15)), "audit/__init__.py")
    assert not list(structure.level_problems(files))
    files = _tree(tmp_path, "audit/m15.py")
    assert list(structure.level_problems(files)) == ["audit/: 16 modules, at most 15"]


def test_a_level_too_deep_and_a_package_of_one_module_are_found(tmp_path: Path) -> None:
    files = _tree(tmp_path, "audit/a/b/c/d/one.py", "audit/a/b/c/d/two.py", "ata/a/one.py")
    assert {p.split(":")[1] for p in structure.level_problems(files)} == {
        " 4 levels below its app, at most 3", " a package of one module",
    }  # fmt: skip


def test_a_long_module_is_found_but_not_a_migration(tmp_path: Path) -> None:
    files = _tree(tmp_path, "audit/long.py", "audit/migrations/0001_initial.py", lines=401)
    assert list(structure.length_problems(files, tmp_path)) == [
        "audit/long.py: 401 lines, at most 400"
    ]


def test_a_name_of_four_modules_is_found_unless_it_is_conventional(tmp_path: Path) -> None:
    files = _tree(tmp_path, *(f"audit/{p}/{m}.py" for p in "abcd" for m in ("reading", "forms")))
    assert list(structure.name_problems(files)) == ["reading.py: 4 modules of this name, at most 3"]


def test_modules_that_import_each_other_are_found_once() -> None:
    edges = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": set[str]()}
    assert structure.components(edges) == [["a", "b", "c"]]


def test_the_tier_of_a_module_is_the_first_package_of_its_app() -> None:
    modules = "audit.models.tree_and_checkpoints", "audit.ledger.note", "ata.cli"
    assert [structure.tier_of(m) for m in modules] == [
        "audit models", "audit ledger", "ata domain",
    ]  # fmt: skip
