"""A full disk, a read-only one, a database that takes no writes: acts refuse, reading goes on."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.db.utils import OperationalError
from django.test import Client, RequestFactory

from audit.db.storage_error_kinds import is_failure
from audit.models import Event
from enforcement.models import Asset
from portal.ops import storage_unavailable
from portal.pages.errors import server_error
from tests.support.migrated import migrated
from tests.support.pages import signed_in
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
# Modes bind everybody but root: as root, without the right to pass over them.
_DROP = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
_HELD_TO_MODES = _DROP if os.geteuid() == 0 else []


def visited(how: str, folder: Path) -> dict[str, Any]:
    """What a portal in a process of its own answered."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AUTH0_", "PORTAL_"))}
    (folder / "var").mkdir()
    migrated(folder / "var" / "portal.sqlite3")
    done = subprocess.run(
        [*_HELD_TO_MODES, sys.executable, "-m", "tests.faults.full_disk", how],
        cwd=ROOT,
        env=environment
        | {
            "VAR_DIR": str(folder / "var"),
            "DATABASE_URL": "",
            "PORTAL_PORT": str(free_port()),
            "TENANT_PORT": str(free_port()),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


@pytest.fixture(params=["full", "readonly"])
def said(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """One visit to a portal that can store nothing, in a folder that anybody may enter."""
    if connection.vendor != "sqlite":
        pytest.skip("these portals have an SQLite file of their own; once is enough")
    with tempfile.TemporaryDirectory(prefix="ata-storage-") as folder:
        Path(folder).chmod(0o755)
        yield visited(request.param, Path(folder))


def test_acts_refuse_reads_go_on_and_nothing_is_half_done(said: dict[str, Any]) -> None:
    assert said["pages"] == dict.fromkeys(said["pages"], 200)
    assert (said["stranger"], said["healthz"]) == (200, 200)
    status, page = said["act"]
    assert status == 503 and "Nothing can be saved right now" in page and "/readyz" in page
    assert said["session_act"] == 503
    assert (said["grew"], said["decided"]) == (0, 0), "no event, no decision, no request"
    status, reason = said["ready"]
    assert status == 503 and "writes" in reason
    assert said["afterwards"] == 302 and said["decided_afterwards"] == 1, "and then it works again"


def test_the_api_says_it_with_a_code(rf: RequestFactory) -> None:
    try:
        raise OSError(errno.ENOSPC, "No space left on device")
    except OSError:
        answer = server_error(rf.post("/v1/decisions"))
    body = json.loads(answer.content)
    assert (answer.status_code, body["code"]) == (503, "storage_unavailable")
    assert answer["Content-Type"] == "application/problem+json" and answer["Retry-After"] == "30"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EROFS, "Read-only file system"), True),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), False),
        (OperationalError("database is locked"), False),
        (ValueError("anything"), False),
        (None, False),
    ],
)
def test_only_storage_is_taken_for_storage(error: BaseException | None, told: bool) -> None:
    assert is_failure(error) is told
    wrapped = RuntimeError("on top")
    wrapped.__cause__ = error
    assert is_failure(wrapped) is told


def test_a_read_only_sqlite_file_is_told_from_a_busy_one(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite3"
    sqlite3.connect(path).execute("CREATE TABLE t (a)").connection.close()
    for uri, told in ((f"file:{path}?mode=ro", True), (f"file:{path}", False)):
        there = sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE" if not told else "SELECT 1")
        with pytest.raises(sqlite3.OperationalError) as caught:
            there.execute("INSERT INTO t VALUES (1)")
        assert is_failure(caught.value) is told
        other.close()
        there.close()


@pytest.fixture
def read_only(db: None, settings: Any, tmp_path: Path) -> Client:
    """PostgreSQL that has become read-only under a signed-in operator."""
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL: python -m scripts.on_postgres pytest tests/faults")
    settings.VAR_DIR = tmp_path
    cache.clear()
    client = signed_in("operator", "operator", "auditor", "admin")
    client.raise_request_exception = False
    with connection.cursor() as cursor:  # until the transaction of this test is rolled back
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL transaction_read_only = on")
    return client


def test_a_read_only_postgresql_is_read_and_refuses_acts(read_only: Client) -> None:
    before = Event.objects.count()
    for path in ("/", "/audit/", "/enforcement/", "/connections/inventory/", "/approvals/"):
        assert read_only.get(path).status_code == 200, path
    given = {"act": "hold", "reason": "why", "instance": "", "severity": "", "new": "on"}
    answer = read_only.post("/enforcement/skill/pdf-exfil/", given)
    assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    assert (Event.objects.count(), Asset.objects.count()) == (before, 0)
    assert storage_unavailable.trouble() == "the database is read-only"
