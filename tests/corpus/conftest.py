"""Each file of tests gets a copy of the older installation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.corpus.installation import Installation, installed


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("corpus")) as found:
        yield found
