"""`ata outpost` between the portal's own views and a stand-in gateway: from a decision to its entry
at the gateway, to the report, to the step."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.conf import LazySettings
from django.test import Client

from approvals import clock
from approvals.models import Effect
from approvals.pipeline.service import perform
from ata.outpost import enrolment, report_sender
from ata.outpost.commands import fetch_and_execute_loop
from ata.outpost.report_loop import Outpost
from audit.keys import keyring, outpost_command_key
from audit.ledger.format.canonical import canonical
from audit.models import Checkpoint, EventRow
from audit.recording.actors import Actor
from audit.recording.stored_event_loader import load
from audit.sequencing import sequencer, signed_state
from enforcement.outposts import trust_pinned_at_enrolment
from tests.ata.outpost.commanded import Commanded
from tests.ata.outpost.report_receiver import Receiver
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Town, known
from tests.enforcement.outpost_device import code_of
from tests.enforcement.test_an_outpost_gets_signed_commands import EDGE, SERVER, SKILL
from tests.enforcement.test_an_outpost_relaxes_for_proof_alone import (
    ask,
    confirmed_passkey,
    signs,
    step,
)
from tests.support.authenticator import Authenticator

pytestmark = pytest.mark.django_db
type Work = Callable[[], None]


@pytest.fixture
def oonas_key(olu: Actor) -> Authenticator:
    return confirmed_passkey()


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> str:
    """The views of the portal at its own address, without a socket in between."""

    def answer(request: httpx.Request) -> httpx.Response:
        headers: Any = {"DPoP": request.headers["DPoP"]}
        address = urlsplit(str(request.url))
        if request.method == "GET":
            got = Client().get(f"{address.path}?{address.query}", headers=headers)
        else:
            got = Client().post(
                address.path,
                request.content,
                content_type=request.headers["Content-Type"],
                headers=headers,
            )
        return httpx.Response(got.status_code, content=got.content, headers=dict(got.items()))

    def opened(url: str) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(answer))

    for module in (enrolment, report_sender, fetch_and_execute_loop):
        monkeypatch.setattr(module, "open_client", opened)
    return str(settings.ENV.portal_url)


@pytest.fixture
def host(
    tmp_path: Path,
    town: Town,
    oonas_key: Authenticator,
    portal: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Commanded]:
    """The host of edge-1: a gateway with its command line, and an enrolled outpost."""
    known("admin2", "admin", name="Anna Admin")
    amir = known("admin", "admin", name="Amir Admin").as_actor(via="web")
    edge = Commanded(tmp_path / "host", "head", ("--agent=claudecode=action",), Receiver())
    edge.start()
    monkeypatch.setenv("PATH", f"{edge.home / 'bin'}:/usr/bin:/bin")
    data = edge.home / ".defenseclaw"
    found = enrolment.enrol(edge.folder, code_of(amir, EDGE), portal, EDGE, data)
    assert found.pins_digest == trust_pinned_at_enrolment.digest(
        trust_pinned_at_enrolment.current()
    )
    edge.put("skill", "claudecode", "pdf-exfil")
    yield edge
    edge.stop()


def carried_out(host: Commanded, do_due: Work) -> None:
    """Send what is due, have the outpost carry it out and report, and settle the steps."""
    sequencer.run_once()
    do_due()
    with closing(Outpost(host.folder)) as outpost:
        outpost.run_once()
    do_due()


def settled(kind: str) -> tuple[str, str]:
    found = step(kind)
    return found.state, found.detail


def test_a_hold_and_its_approved_release_reach_the_gateway(
    host: Commanded, oonas_key: Authenticator, olu: Actor, do_due: Work
) -> None:
    perform(olu, "skill.hold", SKILL)
    carried_out(host, do_due)
    assert settled("gateway.hold")[0] == "done", settled("gateway.hold")
    [row] = host.entries("skill", "pdf-exfil")
    assert row["actions"] == {"runtime": "disable"} and "[ATA " in row["reason"]
    signs(oonas_key, ask(olu, "skill.release"), "approve")
    carried_out(host, do_due)
    assert settled("gateway.release")[0] == "done", settled("gateway.release")
    assert host.entries("skill", "pdf-exfil") == []


def test_a_denial_signed_with_a_passkey_ends_the_hold_of_its_request(
    host: Commanded, oonas_key: Authenticator, olu: Actor, do_due: Work
) -> None:
    asked = ask(olu, "skill.block", SKILL)
    carried_out(host, do_due)
    assert [row["actions"] for row in host.entries("skill", "pdf-exfil")] == [
        {"runtime": "disable"}
    ]
    signs(oonas_key, asked, "deny")
    carried_out(host, do_due)
    assert settled("gateway.release")[0] == "done", settled("gateway.release")
    assert host.entries("skill", "pdf-exfil") == []


def test_a_block_its_unblock_and_an_allow_reach_the_gateway(
    host: Commanded, oonas_key: Authenticator, olu: Actor, do_due: Work
) -> None:
    for verb, target, kept in (
        ("skill.block", SKILL, {"install": "block", "runtime": "disable"}),
        ("skill.unblock", SKILL, {}),
        ("mcp.allow", SERVER, {"install": "allow"}),
    ):
        signs(oonas_key, ask(olu, verb, target), "approve")
        carried_out(host, do_due)
        kind = f"gateway.{verb.partition('.')[2]}"
        assert settled(kind)[0] == "done", settled(kind)
        found = host.entries(target.kind, target.name)
        assert {k: v for row in found for k, v in row["actions"].items()} == kept


def test_a_portal_that_was_taken_over_relaxes_nothing(
    host: Commanded, oonas_key: Authenticator, olu: Actor, do_due: Work
) -> None:
    """It has the key of commands, and evidence of another decision."""
    perform(olu, "skill.hold", SKILL)
    carried_out(host, do_due)
    signs(oonas_key, ask(olu, "mcp.allow", SERVER), "approve")
    sequencer.run_once()
    do_due()
    step_of_server = step("gateway.allow")
    assert Effect.objects.filter(pk=step_of_server.pk, state="pending").exists()
    with closing(Outpost(host.folder)) as outpost:
        commands = outpost._commands
        assert commands is not None
        [genuine] = commands._fetch(0)
        forged = {**genuine["command"], "act": "release", "kind": "skill", "name": SKILL.name}
        forged |= {"strength": "disable", "n": genuine["command"]["n"] + 1}
        forged["id"] = forged["id"][:-1] + ("0" if forged["id"][-1] != "0" else "1")
        signature = outpost_command_key.sign(b"ata.outpost.command.v1\n" + canonical(forged))
        envelope = {**genuine, "command": forged, "signature": signature}
        commands._intake.take([envelope])
        [refused] = [one for one in commands.outcomes() if one["id"] == forged["id"]]
    assert (refused["state"], refused["code"]) == ("refused", "intent_refused")
    assert [row["actions"] for row in host.entries("skill", "pdf-exfil")] == [
        {"runtime": "disable"}
    ]


def signed_over_another_history() -> None:
    """Whoever holds the log's key signs a checkpoint of entries that this log never had."""
    newest = signed_state.newest_checkpoint()
    assert newest is not None
    size, root, now = newest.size, hashlib.sha256(b"another history").digest(), clock.now()
    note = keyring.sign(keyring.signers(), size, root, now)
    Checkpoint.objects.create(size=size, root=root, note=note, created=now)


def test_two_histories_of_the_log_relax_nothing_and_are_an_alarm(
    host: Commanded, oonas_key: Authenticator, olu: Actor, do_due: Work
) -> None:
    perform(olu, "skill.hold", SKILL)
    carried_out(host, do_due)
    signs(oonas_key, ask(olu, "mcp.allow", SERVER), "approve")
    carried_out(host, do_due)
    assert settled("gateway.allow")[0] == "done", settled("gateway.allow")
    signs(oonas_key, ask(olu, "skill.release"), "approve")
    sequencer.run_once()
    do_due()
    signed_over_another_history()
    for _ in range(2):
        with closing(Outpost(host.folder)) as outpost:
            outpost.run_once()
    do_due()
    state, detail = settled("gateway.release")
    assert state == "failed" and "only grew since" in detail, detail
    assert host.entries("skill", "pdf-exfil")
    assert not EventRow.objects.filter(action="ledger.alarm").exists(), "hashes are not signed"
    with closing(Outpost(host.folder)) as outpost:
        assert outpost._commands is not None
        # As after another root of the size that it accepted (tests/ata/outpost).
        outpost._commands._journal.write("log_forked", checkpoint="a note")
        outpost._health_at = None
        outpost.run_once()
    [event] = EventRow.objects.filter(action="ledger.alarm")
    said = load(event.event)
    assert (said["severity"], said["data"]["code"]) == ("CRITICAL", "log_forked")
    assert said["data"]["outpost"] == enrolment.enrolled(host.folder).outpost
    page = browser("admin", "admin").get("/enforcement/fleet/").content.decode()
    assert "showed this outpost two histories" in page
    perform(olu, "mcp.hold", SERVER)
    do_due()
    with closing(Outpost(host.folder)) as outpost:
        outpost.run_once()
    assert [row["actions"] for row in host.entries("mcp", "github")] == [{"install": "block"}]
