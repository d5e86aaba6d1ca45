"""A ledger of its own for every test: empty database, empty VAR_DIR."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as configured

from audit.evidence import storage
from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import StandIn
from tests.audit_files.audit_world import World, audited


@pytest.fixture(scope="session", autouse=True)
def _collected() -> None:
    """Static files are served from a folder that `collectstatic` makes; here it is empty."""
    Path(configured.STATIC_ROOT).mkdir(exist_ok=True)


@pytest.fixture(autouse=True)
def var_dir(tmp_path: Path, settings: object) -> Iterator[Path]:
    """Everything that is written next to the database goes to a temporary folder."""
    settings.VAR_DIR = tmp_path  # type: ignore[attr-defined]
    settings.EVIDENCE_KEY = bytes(range(32))  # type: ignore[attr-defined]
    settings.LEDGER_ORIGIN = "ledger.example/test"  # type: ignore[attr-defined]
    settings.LEDGER_KEY_FILE = None  # type: ignore[attr-defined]
    storage.forget_read()
    yield tmp_path


@pytest.fixture
def ata(tmp_path: Path) -> Ata:
    """The real command line; nobody answers it."""
    home = tmp_path / "home"
    home.mkdir()
    return Ata(home, StandIn())


@pytest.fixture
def world(db: None, tmp_path: Path) -> World:
    """A log with decisions in and around a period, and the keys of a verifier."""
    return audited(tmp_path)
