"""The ledger is usable, and every module of it importable, on a machine without Django."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

SCRIPT = """
import importlib, pkgutil, sys
for name in ("django", "pydantic", "httpx", "celery", "structlog"):
    sys.modules[name] = None
import audit.ledger
names = [m.name for m in pkgutil.walk_packages(audit.ledger.__path__, "audit.ledger.")]
assert len(names) > 15, names
for name in names:
    importlib.import_module(name)
ours = {name.split(".")[0] for name in sys.modules if sys.modules[name] is not None}
rooms = {
    *("accounts", "api", "approvals", "connections", "enforcement", "http_client", "portal"),
    *("local", "ui"),
}
assert not ours & rooms, ours
assert not [n for n in sys.modules if n.startswith("audit.") and not n.startswith("audit.ledger")]
"""


def test_every_module_imports_without_django_and_without_other_rooms() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
