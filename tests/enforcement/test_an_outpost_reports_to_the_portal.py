"""`ata outpost` against the portal's own views: enrolled, it reports, and entries arrive once."""

from __future__ import annotations

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
from enforcement.models import Outpost as Enrolled
from enforcement.models import OutpostState
from enforcement.outposts import trust_pinned_at_enrolment
from tests.ata.outpost.gateway_rows import PROMPT, Rows
from tests.enforcement.answering import approve
from tests.enforcement.gateways import known
from tests.enforcement.outpost_device import INSTANCE, code_of

pytestmark = pytest.mark.django_db
OUTPOST = Target("outpost", INSTANCE)


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
