"""One prepared ledger for all attacks; each attack happens in a savepoint that is rolled back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import transaction
from django.test import TestCase

from audit.evidence import storage
from tests.attacks.tamper import town
from tests.attacks.tamper.verifying import verified


@pytest.fixture(scope="module")
def prepared(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The folder of the prepared ledger; its database is a transaction that never ends well."""
    folder = tmp_path_factory.mktemp("ledger")
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        patch.setattr(django_settings, "VAR_DIR", folder)
        patch.setattr(django_settings, "EVIDENCE_KEY", bytes(range(32)))
        patch.setattr(django_settings, "LEDGER_ORIGIN", "")
        patch.setattr(django_settings, "LEDGER_KEY_FILE", None)
        patch.setattr(django_settings, "TSA_CA_FILE", town.authority_of(folder))
        storage.forget_read()
        whole = transaction.atomic()
        whole._from_testcase = True  # type: ignore[attr-defined]  # what Django's TestCase does
        with whole:
            with TestCase.captureOnCommitCallbacks(execute=True):
                town.build(folder)
            assert verified() == {}, "the prepared ledger must hold before anybody touches it"
            yield folder
            transaction.set_rollback(True)


@pytest.fixture
def ledger(prepared: Path) -> Iterator[Path]:
    """The prepared ledger for one attack on its database."""
    with transaction.atomic():
        yield prepared
        transaction.set_rollback(True)


@pytest.fixture
def files(ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of its folder, for an attack on files too."""
    copy = tmp_path / "var"
    shutil.copytree(ledger, copy)
    monkeypatch.setattr(django_settings, "VAR_DIR", copy)
    return copy
