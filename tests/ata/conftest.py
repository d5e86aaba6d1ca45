from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import StandIn, start


@pytest.fixture
def portal() -> Iterator[StandIn]:
    stand_in = StandIn()
    server = start(stand_in)
    stand_in.serve_issuer()
    yield stand_in
    server.shutdown()
    server.server_close()


@pytest.fixture
def ata(tmp_path: Path, portal: StandIn) -> Ata:
    return Ata(tmp_path, portal)


@pytest.fixture
def signed_in(ata: Ata) -> Ata:
    ata.sign_in()
    return ata
