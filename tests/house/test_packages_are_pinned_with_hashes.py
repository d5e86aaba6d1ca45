"""What is installed is what the lock files name, byte for byte."""

from __future__ import annotations

import re

import pytest

from tests.support.tenant import CHECKOUT

NAMES = ("requirements", "requirements-dev", "requirements-bench")
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\#]+)", re.MULTILINE)


def _pins(text: str) -> dict[str, str]:
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in _PIN.findall(text)}


def _locked(name: str) -> dict[str, str]:
    """The pins of a lock file and of those that it includes."""
    text = (CHECKOUT / f"{name}.txt").read_text()
    found = _pins(text)
    for included in re.findall(r"^-r (\S+)\.txt$", text, re.MULTILINE):
        found |= _locked(included)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_each_package_of_a_lock_file_has_hashes(name: str) -> None:
    text = (CHECKOUT / f"{name}.txt").read_text()
    blocks = re.split(r"\n(?=\S)", text.strip())
    packages = [block for block in blocks if not block.startswith(("#", "-r "))]
    assert packages
    assert [block.splitlines()[0] for block in packages if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("name", NAMES)
def test_each_package_that_we_name_is_locked_in_that_version(name: str) -> None:
    wanted = _pins((CHECKOUT / f"{name}.in").read_text())
    assert wanted
    assert wanted.items() <= _locked(name).items()
