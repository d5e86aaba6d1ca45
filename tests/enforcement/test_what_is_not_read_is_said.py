"""Whatever keeps the portal from reading a gateway is on the fleet page and in /readyz."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client

from approvals import clock
from enforcement.audit_database.scan_rows import SourceUnreadable, opened
from enforcement.models import Scan, Watch
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Edge, Town

Look = Callable[[], int]

pytestmark = pytest.mark.django_db


@contextmanager
def closed_to_us(folder: Path) -> Iterator[None]:
    """A folder of another user, as DefenseClaw makes its own; root reads everything, so we are
    nobody for the length of the block."""
    folder.chmod(0o700)
    root = os.geteuid() == 0
    if root:
        os.chown(folder, 65533, 65533)
        os.seteuid(65534)
    else:
        folder.chmod(0)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o700)


@pytest.fixture
def page(db: None) -> Callable[[], str]:
    """The fleet page, as an operator reads it now."""
    operator = browser("operator", "operator")
    return lambda: operator.get("/enforcement/fleet/").content.decode()


@pytest.fixture
def own_page(db: None) -> Callable[[], str]:
    """The page of edge-1, as an operator reads it now."""
    operator = browser("operator2", "operator")
    return lambda: operator.get("/enforcement/fleet/edge-1/settings/").content.decode()


def warnings() -> dict[str, str]:
    answer = Client().get("/readyz")
    found: dict[str, str] = answer.json()["warnings"]
    return found


def test_a_folder_we_may_not_enter_is_a_reason_in_words(tmp_path: Path) -> None:
    folder = Path(f"/tmp/ata-closed-{os.getpid()}")  # pytest's own folders are closed to others
    folder.mkdir()
    try:
        sqlite3.connect(folder / "audit.db").close()
        with (
            closed_to_us(folder),
            pytest.raises(SourceUnreadable) as said,
            opened(folder / "audit.db"),
        ):
            pass
        assert "may not open its audit database" in str(said.value)
        assert str(folder) not in str(said.value)
    finally:
        (folder / "audit.db").unlink()
        folder.rmdir()


def test_a_gateway_that_can_no_longer_be_read_says_so_and_since_when(
    town: Town, edge: Edge, look: Look, page: Callable[[], str], own_page: Callable[[], str]
) -> None:
    look()
    assert "Set to be read every 2 s." in own_page()
    assert "gateway edge-1" not in warnings()
    text = (town.folder / "instances.toml").read_text()
    long = edge.database.with_name("x" * 300)  # ENAMETOOLONG: an OSError that root meets, too
    (town.folder / "instances.toml").write_text(text.replace(str(edge.database), str(long)))
    look()
    why = "its audit database cannot be opened (File name too long)."
    assert f"Its audit database is not read: {why}" in page()
    assert f"Not read: {why}" in own_page() and "Last recorded read" in own_page()
    assert "cannot be opened (File name too long)" in warnings()["gateway edge-1"]
    town.write()
    look()
    assert "is not read" not in page() and "Not read" not in own_page()
    assert "gateway edge-1" not in warnings()


def test_a_row_with_an_impossible_count_stops_no_reading(
    town: Town, edge: Edge, look: Look, own_page: Callable[[], str]
) -> None:
    connection = sqlite3.connect(edge.database)
    with connection:
        connection.execute(
            "INSERT INTO scan_results (id, scanner, target, timestamp, finding_count) "
            "VALUES ('odd', 'skill-scanner', 'x', '2026-11-28T10:00:00Z', 'many')"
        )
    connection.close()
    edge.scan("pdf-exfil")
    look()
    assert "Set to be read every 2 s." in own_page()
    assert set(Scan.objects.values_list("name", flat=True)) == {"x", "pdf-exfil"}


def test_a_worker_that_reads_no_more_is_not_called_reading(
    town: Town, look: Look, page: Callable[[], str]
) -> None:
    look()
    Watch.objects.filter(name="edge-1").update(read_at=clock.now() - timedelta(minutes=5))
    assert "Its audit database is not read: no worker reads it now." in page()
    assert warnings()["gateway edge-1"] == "not read: no worker reads it now"


def test_a_gateway_that_does_not_answer_is_listed_and_the_portal_stays_ready(
    town: Town, edge: Edge, look: Look
) -> None:
    edge.stop()
    look()
    assert "edge-1 does not answer." in warnings()["gateway edge-1"]
    assert Scan.objects.count() == 0
    assert "gateway" not in str(Client().get("/readyz").json()["checks"])
