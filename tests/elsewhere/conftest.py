"""One house at another provider for the folder; each fault that a test plans has to happen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.elsewhere.whole_house import WholeHouse, whole_house


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeHouse]:
    """A portal, its worker and another provider, as processes."""
    with whole_house(tmp_path_factory.mktemp("whole-house")) as started:
        yield started


@pytest.fixture(autouse=True)
def _every_fault_happened(place: WholeHouse) -> Iterator[None]:
    yield
    left = place.vault.tell()["breaks"]
    place.vault.tell(mend=True)
    assert left == []
