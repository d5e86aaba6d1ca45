"""A separate database and folder, and the test's verbs about lamps, for what is measured."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def ground(**env: str) -> Iterator[Path]:
    """A fresh folder whose settings are in force; Django is set up and migrated in it.

    Only once a process: Django reads its settings once.
    """
    folder = Path(tempfile.mkdtemp(prefix="ata-deciding-"))
    for name in [n for n in os.environ if n.startswith(("AUTH0_", "PORTAL_", "TENANT_"))]:
        del os.environ[name]
    os.environ.update(
        {
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "VAR_DIR": str(folder),
            "DATABASE_URL": f"sqlite:///{folder / 'portal.sqlite3'}",
            **env,
        }
    )
    (folder / "secrets").mkdir(mode=0o700)
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def furnished() -> object:
    """The verbs about lamps, registered for the rest of the process."""
    import pytest

    from tests.approvals.lamps import furnish

    return furnish(pytest.MonkeyPatch())
