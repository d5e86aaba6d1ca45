"""schemathesis against the running portal: no 5xx, and nothing the OpenAPI document does not say.

A short seeded run; `make contract` runs every identity at length.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.running import Portal, beside, examine


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
