"""schemathesis against the running portal: no 5xx, and nothing the OpenAPI document does not say.

A short seeded run; `make contract` runs every identity at length.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.running import Portal, beside, examine
from tests.support.migrated import FOLDER, migrated


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    running = beside(tmp_path_factory.mktemp("contract"))
    yield running
    running.stop()
    running.tenant.stop()


@pytest.mark.parametrize("who", ["operator", "auditor", "member1", "nobody"])
def test_every_answer_is_one_that_the_document_promises(portal: Portal, who: str) -> None:
    verdict = examine(portal, who, "--phases", "examples,fuzzing", "-n", "3")
    assert verdict.passed, verdict.words[-6000:]
    assert verdict.cases > 60


def test_the_long_run_needs_nothing_that_tests_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make contract` is no test: nobody gave it a folder, and it makes its database itself."""
    migrated(tmp_path / "migrated.sqlite3")
    monkeypatch.delenv("VAR_DIR")
    monkeypatch.delenv(FOLDER, raising=False)
    migrated(tmp_path / "portal.sqlite3")
    assert (tmp_path / "portal.sqlite3").read_bytes().startswith(b"SQLite format 3")
