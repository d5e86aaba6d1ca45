"""The log as a file, from the ledger's page and an export's; the commands there, as written."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from typer.testing import CliRunner

from ata.cli import app
from audit import exports
from audit.ledger.query import EventQuery
from audit.models import EventRow
from audit.sequencing import sequencer
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA, MIA, DraftFactory
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> Client:
    return browser_of(ADA)


def happens(count: int = 5) -> None:
    list(record_many(DraftFactory.build() for _ in range(count)))
    sequencer.run_once()


def run(line: str, client: Client, folder: Path) -> int:
    """A command of the page: curl through the test's client, ata as it is."""
    if fetched := re.fullmatch(r"curl -s (\S+) > (\S+)", line):
        url, name = fetched.groups()
        assert url.startswith(settings.PORTAL_URL)
        answer = client.get(url.removeprefix(settings.PORTAL_URL))
        (folder / name).write_bytes(answer.content)
        return 0 if answer.status_code == 200 else 1
    program, *arguments = line.split()
    assert program == "ata"
    return CliRunner().invoke(app, arguments).exit_code


def code_of(page: str, label: str) -> str:
    found = re.findall(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)
    (text,) = (one for one in found if label in one)
    return unescape(re.sub(r"<[^>]+>", "", text))


def test_the_three_commands_of_the_ledger_page_work_as_they_are_written(
    ada: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    happens()
    page = text_of(ada.get("/audit/ledger/"))
    lines = [one for one in code_of(page, "log.key").splitlines() if not one.startswith("#")]
    assert len(lines) == 3
    stranger = Client()
    assert [run(line, stranger, tmp_path) for line in lines[:2]] == [0, 0]
    happens(3)
    page = text_of(ada.get("/audit/ledger/"))
    assert re.search(r"log\.ndjson: 8 entries, about [1-9][\d.]*\s(?:KB|bytes)", page), page
    (address,) = re.findall(r'href="(/audit/ledger/entries\?size=8)"', page)
    answer = ada.get(address)
    assert answer["Content-Disposition"] == 'attachment; filename="log.ndjson"'
    whole = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    (tmp_path / "log.ndjson").write_bytes(whole)
    assert run(lines[2], stranger, tmp_path) == 0
    (tmp_path / "log.ndjson").write_bytes(whole.replace(b"skill.blocked", b"skill.allowed", 1))
    assert run(lines[2], stranger, tmp_path) == 1
    assert EventRow.objects.filter(action="audit.exported", actor_sub=ADA.sub).count() == 1


def test_the_page_of_an_export_gives_the_log_of_its_tree(
    ada: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    happens()
    job = exports.request(ADA, EventQuery.from_bar("action:skill.*"), "ndjson")
    exports.run(job.id)
    happens()  # the log has grown since
    page = text_of(ada.get(f"/audit/exports/{job.id}/"))
    (address,) = re.findall(r'href="(/audit/ledger/entries[^"]*)"', page)
    answer = ada.get(address)
    (tmp_path / "log.ndjson").write_bytes(b"".join(answer.streaming_content))  # type: ignore[attr-defined]
    for part in ("download", "manifest"):
        answer = ada.get(f"/audit/exports/{job.id}/{part}")
        body = b"".join(answer) if answer.streaming else answer.content
        name = re.search(r'filename="([^"]+)"', answer["Content-Disposition"])
        assert name
        (tmp_path / name.group(1)).write_bytes(body)
    for line in code_of(page, "--entries").strip().splitlines():
        assert run(line, Client(), tmp_path) == 0, line
    assert "entries?size" not in text_of(ada.get(f"/audit/exports/{_xlsx()}/"))


def _xlsx() -> object:
    job = exports.request(ADA, EventQuery.from_bar(""), "xlsx")
    exports.run(job.id)
    return job.id


def test_the_log_is_for_those_who_read_everything(ada: Client) -> None:
    address = "/audit/ledger/entries"
    assert ada.get(address).status_code == 404  # nothing is signed
    happens()
    assert browser_of(MIA).get(address).status_code == 403
    assert Client().get(address).status_code == 302
    assert ada.post(address).status_code == 405
    for wrong in ("99", "x", "05", "-1", "9" * 30):
        assert ada.get(address, {"size": wrong}).status_code == 404
    assert ada.head(address).status_code == 200
    assert not EventRow.objects.filter(action="audit.exported").exists()
