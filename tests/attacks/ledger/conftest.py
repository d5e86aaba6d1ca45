"""One prepared log for all attacks; each gets it whole, with copies of its files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import TestCase

from ata.log.cosigning_server import Witness
from audit.evidence import storage
from audit.ledger import note
from audit.proofs import proofs_and_tiles
from tests.attacks.ledger.world import ORIGIN, World, build, undone
from tests.attacks.tamper import town


@pytest.fixture(scope="module")
def prepared(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """The log before anybody touches it; its database is a transaction that never ends well."""
    folder = tmp_path_factory.mktemp("ledger")
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        patch.setattr(django_settings, "VAR_DIR", folder / "var")
        patch.setattr(django_settings, "EVIDENCE_KEY", bytes(range(32)))
        patch.setattr(django_settings, "LEDGER_ORIGIN", ORIGIN)
        patch.setattr(django_settings, "LEDGER_KEY_FILE", None)
        patch.setattr(django_settings, "TSA_CA_FILE", town.authority_of(folder / "var"))
        storage.forget_read()
        with undone():
            with TestCase.captureOnCommitCallbacks(execute=True):
                world = build(folder / "var", folder / "desk")
            world.witness.close()
            yield world


@pytest.fixture
def world(prepared: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The log for one attack."""
    var, desk = tmp_path / "var", tmp_path / "desk"
    shutil.copytree(prepared.var, var)
    shutil.copytree(prepared.desk, desk)
    monkeypatch.setattr(django_settings, "VAR_DIR", var)
    monkeypatch.setattr(django_settings, "LEDGER_POLICY_FILE", var / "policy")
    monkeypatch.setattr(django_settings, "LEDGER_ORIGIN", ORIGIN)
    storage.forget_read()
    witness = Witness(
        desk / "witness", "witness.example", [note.parse_vkey(proofs_and_tiles.vkey())]
    )
    with undone():
        yield World(var, desk, witness)
    witness.close()
