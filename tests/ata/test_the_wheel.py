"""The wheel of `ata`: what it holds is enough, and no Django is in it."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("ata", "audit/ledger")
WITHOUT_PORTAL = """
import sys
class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"django", "celery", "ninja", "portal", "approvals"}:
            raise ImportError(f"{name} is not in the wheel")
sys.meta_path.insert(0, Refused())
from ata.cli import COMMANDS, load
for name in COMMANDS:
    load(name)
from ata.__main__ import main
main()
"""


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package)
    return tmp_path


def test_the_command_line_runs_from_the_packages_of_its_wheel_alone(unpacked: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PORTAL, "--version"],
        cwd=unpacked,
        env={"PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert re.fullmatch(r"ata \d+\.\d+\.\d+\n", done.stdout)


def test_the_wheel_names_those_packages() -> None:
    found = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    assert [name.rstrip("*").replace(".", "/") for name in found] == list(PACKAGES)


def test_the_wheel_asks_for_what_it_imports_as_pinned_for_the_portal() -> None:
    imported = {
        name.split(".")[0]
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _names(node)
    }
    foreign = imported - sys.stdlib_module_names - {"ata", "audit"}
    of = packages_distributions()
    asked = dict(one.split("==") for one in PROJECT["project"]["dependencies"])
    assert set(asked) == {of[name][0].lower().replace("_", "-") for name in foreign}
    pinned = re.findall(
        r"^([a-z0-9-]+)(?:\[.*\])?==(\S+)", (ROOT / "requirements.in").read_text(), re.M
    )
    assert asked.items() <= set(pinned)


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [one.name for one in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module]
    return []
