"""`ata outpost` against the portal's own views: enrolled, it reports, and entries arrive once."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.conf import LazySettings
from django.test import Client

from approvals.pipeline.service import perform
from ata.errors import AtaError, ExitCode
from ata.outpost import enrolment, report_sender
from ata.outpost.report_loop import Outpost
from ata.outpost.report_sender import Kind
from ata.outpost.state_folder import StateFolder
from audit.models import EventRow
from audit.recording.actors import Actor, Target
from enforcement.gateways import effects_at_gateways, unmonitored_gateways
from enforcement.models import Outpost as Enrolled
from enforcement.models import OutpostState
from enforcement.outposts import trust_pinned_at_enrolment
from tests.ata.outpost.gateway_rows import PROMPT, Rows
from tests.enforcement.answering import approve
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import known
from tests.enforcement.outpost_device import INSTANCE, code_of

pytestmark = pytest.mark.django_db
OUTPOST = Target("outpost", INSTANCE)
DISABLED = '{"runtime":"disable","install":"block"}'


@pytest.fixture
def amir(db: None, tmp_path: Path, settings: LazySettings) -> Actor:
    settings.VAR_DIR = tmp_path
    known("admin2", "admin", name="Anna Admin")
    return known("admin", "admin", name="Amir Admin").as_actor(via="web")


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> str:
    """The views of the portal at its own address, without a socket in between."""

    def answer(request: httpx.Request) -> httpx.Response:
        headers: Any = {"DPoP": request.headers["DPoP"]}
        got = Client().post(
            urlsplit(str(request.url)).path,
            request.content,
            content_type=request.headers["Content-Type"],
            headers=headers,
        )
        return httpx.Response(got.status_code, content=got.content, headers=dict(got.items()))

    def opened(url: str) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(answer))

    monkeypatch.setattr(enrolment, "open_client", opened)
    monkeypatch.setattr(report_sender, "open_client", opened)
    return str(settings.ENV.portal_url)


@pytest.mark.parametrize("generation", ["0.2.0", "0.8.4", "head"])
def test_enrolled_it_reports_what_becomes_entries_until_it_is_revoked(
    tmp_path: Path, amir: Actor, portal: str, generation: str
) -> None:
    data, folder = tmp_path / "data", StateFolder(tmp_path / "outpost")
    rows = Rows(data, generation)
    (data / "config.yaml").write_text("gateway: {api_port: 9}\n")
    rows.day()
    rows.prompt(details="\0", target="\udc00".encode("utf-8", "surrogatepass"))
    found = enrolment.enrol(folder, code_of(amir), portal, INSTANCE, data)
    assert found.pins_digest == trust_pinned_at_enrolment.digest(
        trust_pinned_at_enrolment.current()
    )
    outpost = Outpost(folder)
    assert outpost.run_once().kind is Kind.SENT
    known_outpost = Enrolled.objects.get()
    assert (known_outpost.id, known_outpost.generation) == (found.outpost, generation)
    assert known_outpost.next_n > 0 and known_outpost.contested_at is None
    blocks = EventRow.objects.filter(action="defenseclaw.api-enforce-block")
    ranges = EventRow.objects.filter(action="defenseclaw.rows")
    assert blocks.count() == 2 and ranges.exists()
    health = OutpostState.objects.get().health
    assert health is not None and health["up"] is False and health["since"]
    assert PROMPT not in str(list(EventRow.objects.values()))
    rows.act("third")
    outpost.run_once()
    assert blocks.count() == 3
    perform(amir, "outpost.suspend", OUTPOST, reason="lost")
    rows.act("fourth")
    assert outpost.run_once().kind is Kind.SUSPENDED
    assert blocks.count() == 3
    asked = perform(amir, "outpost.revoke", OUTPOST, reason="lost").approval
    assert asked is not None
    approve(asked)
    outpost.close()
    with pytest.raises(AtaError) as ended:
        Outpost(folder).run_once()
    assert (ended.value.code, ended.value.exit_code) == ("outpost_revoked", ExitCode.DENIED)


def test_a_code_that_does_not_count_leaves_the_device_free_to_try_again(
    tmp_path: Path, amir: Actor, portal: str
) -> None:
    data, folder = tmp_path / "data", StateFolder(tmp_path / "outpost")
    Rows(data)
    with pytest.raises(AtaError) as refused:
        enrolment.enrol(folder, "AAAA-BBBB", portal, INSTANCE, data)
    assert refused.value.code == "enrolment_refused" and "new code" in refused.value.fix
    enrolment.enrol(folder, code_of(amir).lower().replace("-", " "), portal, INSTANCE, data)
    assert Enrolled.objects.count() == 1


@contextmanager
def absent(database: Path) -> Iterator[None]:
    """While it was moved away."""
    files = list(database.parent.glob("audit.db*"))
    for path in files:
        path.rename(path.with_name(f"moved-{path.name}"))
    yield
    for path in files:
        path.with_name(f"moved-{path.name}").rename(path)


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """While another program has it to itself."""
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        yield


@pytest.mark.parametrize("unreadable", [absent, locked])
def test_entries_that_an_outpost_cannot_read_are_not_taken_to_be_so_now(
    tmp_path: Path,
    amir: Actor,
    portal: str,
    unreadable: Callable[[Path], AbstractContextManager[None]],
) -> None:
    data, folder = tmp_path / "data", StateFolder(tmp_path / "outpost")
    rows = Rows(data)
    (data / "config.yaml").write_text(
        "gateway: {api_port: 9}\nguardrail: {mode: action, connector: claudecode}\n"
    )
    disabled = {"target_type": "skill", "target_name": "pdf", "actions_json": DISABLED}
    rows.add("actions", **disabled, updated_at="2026-11-30T09:00:00Z")
    enrolment.enrol(folder, code_of(amir), portal, INSTANCE, data)
    with closing(Outpost(folder)) as outpost:
        outpost.run_once()
        assert effect().startswith("Stopped for Claude Code") and red() == []
        with unreadable(data / "audit.db"):
            outpost.run_once()
            since = no_entries_since()
            at = datetime.fromisoformat(since).strftime("%-d %b %Y %H:%M UTC")
            why = f"its outpost has not been able to report the gateway's entries since {at}"
            assert effect() == f"Not known for Claude Code: {why}."
            [why] = red()
            assert why.startswith(f"The outpost of {INSTANCE} cannot report its entries")
            assert "Its lists not known now" in page(f"/enforcement/fleet/{INSTANCE}/settings/")
            outpost.run_once()
            assert no_entries_since() == since
        outpost.run_once()
        assert effect().startswith("Stopped for Claude Code") and red() == []


def no_entries_since() -> str:
    health = OutpostState.objects.get().health
    assert health is not None
    return str(health["no_entries_since"])


def effect() -> str:
    """What the entries of the skill come to at the gateway."""
    [found] = effects_at_gateways.everywhere("skill", "pdf", "", INSTANCE)
    return " ".join(found.sentences)


def page(path: str) -> str:
    """A page as people read it."""
    shown = browser("operator", "operator").get(path).content.decode()
    return " ".join(re.sub(r"<[^>]+>", " ", shown).split())


def red() -> list[str]:
    """Why the gateway is shown in red, but for that it does not run in these tests."""
    found = [one.why for one in unmonitored_gateways.everywhere() if one.instance == INSTANCE]
    return [why for why in found if why != f"{INSTANCE} does not answer its outpost."]
