"""A ledger of its own for every test: empty database, empty VAR_DIR."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as configured

from audit.evidence import storage
from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import StandIn
from tests.packs.act import Act, signed_act
from tests.packs.renamed import gone_on


@pytest.fixture(scope="session", autouse=True)
def _collected() -> None:
    """Static files are served from a folder that `collectstatic` makes; here it is empty."""
    Path(configured.STATIC_ROOT).mkdir(exist_ok=True)


@pytest.fixture(autouse=True)
def var_dir(tmp_path: Path, settings: object) -> Iterator[Path]:
    """Everything the room writes beside the database goes to a temporary folder."""
    settings.VAR_DIR = tmp_path  # type: ignore[attr-defined]
    settings.EVIDENCE_KEY = bytes(range(32))  # type: ignore[attr-defined]
    settings.LEDGER_ORIGIN = "ledger.example/test"  # type: ignore[attr-defined]
    settings.LEDGER_KEY_FILE = None  # type: ignore[attr-defined]
    storage.forget_read()
    yield tmp_path


@pytest.fixture
def act(db: None) -> Act:
    """One act that a second person approved with the issuer's token and a passkey."""
    return signed_act()


@pytest.fixture
def old_key(act: Act, settings: object) -> str:
    """The log's key before three entries were lost and it went on under another name."""
    return gone_on(settings)


@pytest.fixture
def ata(tmp_path: Path) -> Ata:
    """The real command line; nobody answers it."""
    home = tmp_path / "home"
    home.mkdir()
    return Ata(home, StandIn())
