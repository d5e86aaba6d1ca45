"""A pytest plugin that gives each worker its own VAR_DIR and ports before settings are read."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
from pathlib import Path

import pytest

from tests.support.ports import free_port

_OURS = ("AUTH0_", "PORTAL_", "TENANT_", "LEDGER_", "DEFENSECLAW_", "STEP_UP_")


def _prepare() -> None:
    for name in list(os.environ):
        if name.startswith(_OURS) or name in {"SECRET_KEY", "EVIDENCE_KEY", "CELERY_BROKER_URL"}:
            del os.environ[name]
    # pytest-xdist workers are fresh processes: each makes its own folder and ports here.
    os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="ata-tests-")
    os.environ["PORTAL_PORT"] = str(free_port())
    os.environ["TENANT_PORT"] = str(free_port())
    os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL", "")
    (Path(os.environ["VAR_DIR"]) / "secrets").mkdir(mode=0o700)
    # No test speaks to the world: an httpx client made here need not read all its authorities,
    # which takes longer than a call of the local tenant. A file that is named goes before a folder.
    os.environ["SSL_CERT_DIR"] = os.environ["VAR_DIR"]
    os.environ.pop("SSL_CERT_FILE", None)
    # A run in the background of a script starts deaf to Ctrl-C, and so would all it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)


gc.disable()
_prepare()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Nothing that collecting left is ever garbage: let no round of the collector walk it.

    Later rounds are few: what tests leave in cycles is little, and most of what they walk stays.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    gc.enable()


def pytest_unconfigure() -> None:
    """Leave nothing behind."""
    import shutil

    shutil.rmtree(os.environ["VAR_DIR"], ignore_errors=True)
