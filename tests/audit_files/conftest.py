"""The log, folders and command line of evidence packs, and a log to audit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.audit_files.audit_world import World, audited
from tests.packs.conftest import _collected, ata, var_dir

__all__ = ["_collected", "ata", "var_dir", "world"]


@pytest.fixture
def world(db: None, tmp_path: Path) -> World:
    """A log with decisions in and around a period, and the keys of a verifier."""
    return audited(tmp_path)
