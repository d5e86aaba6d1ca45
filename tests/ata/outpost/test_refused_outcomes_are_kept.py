"""What became of a command is reported in short where the portal refuses it, and is kept here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from ata.outpost import device_key
from ata.outpost.journal import REFUSED_OUTCOMES, Journal
from ata.outpost.report_sender import Kind, Outcome, Sender
from ata.outpost.state_folder import StateFolder
from tests.ata.outpost.report_receiver import Receiver

IDS = [f"0190b5f2-0000-7000-8000-{number:012}" for number in range(4)]
SPAN = {"audit_events": [1, 1]}


def outcome(number: int, **more: Any) -> dict[str, Any]:
    plain = {"id": IDS[number], "n": number + 1, "state": "done", "code": "", "detail": ""}
    return plain | {"exit": 0, "seconds": 0.5, "entries": [], "left": []} | more


@pytest.fixture
def journal(folder: StateFolder) -> Journal:
    return Journal(folder)


@pytest.fixture
def sender(folder: StateFolder, journal: Journal, receiver: Receiver) -> Iterator[Sender]:
    key = device_key.load(folder.key)
    assert key is not None
    with closing(Sender(key, journal, receiver.url, "edge-9")) as found:
        yield found


def send_all(sender: Sender) -> list[Outcome]:
    """Send until nothing waits; every try that a refused report takes is in it."""
    tries = [sender.send()]
    while tries[-1].kind in {Kind.SENT, Kind.LATER}:
        assert len(tries) < 40, "it is sent again and again"
        tries.append(sender.send())
    return tries


def append(journal: Journal, *outcomes: dict[str, Any], **more: Any) -> None:
    content = {"created": "2026-11-30T10:00:00Z", "rows": [], "ranges": [], **more}
    journal.append(content | ({"commands": list(outcomes)} if outcomes else {}), {})


def test_an_outcome_that_the_portal_refuses_is_sent_in_short_and_kept(
    journal: Journal, sender: Sender, receiver: Receiver, folder: StateFolder
) -> None:
    receiver.refuses_outcomes = {IDS[1]}
    row = {"table": "audit_events", "rowid": 1, "row": {"id": "x"}}
    append(journal, *(outcome(n) for n in range(3)), rows=[row], spans=SPAN, config={"mode": "x"})
    assert send_all(sender)[-1].kind is Kind.NOTHING
    arrived = {one["id"]: (one["state"], one["code"]) for one in receiver.outcomes}
    lost = ("unproven", "outcome_refused")
    assert arrived == {IDS[0]: ("done", ""), IDS[1]: lost, IDS[2]: ("done", "")}
    assert receiver.rows == [row]
    assert not any(report.get("dropped") for report in receiver.reports)
    [kept] = folder.read(REFUSED_OUTCOMES)["outcomes"]
    assert (kept["id"], kept["state"], kept["portal"]) == (IDS[1], "done", "invalid_request")


def test_a_portal_that_takes_no_outcome_at_all_still_gets_reports(
    journal: Journal, sender: Sender, receiver: Receiver, folder: StateFolder
) -> None:
    receiver.refuses = {"commands"}
    append(journal, outcome(0))
    append(journal, config={"mode": "x"})
    assert send_all(sender)[-1].kind is Kind.NOTHING
    assert len(Journal(folder)) == 0
    assert [one.get("config") for one in receiver.reports][-1] == {"mode": "x"}
    assert [one["id"] for one in folder.read(REFUSED_OUTCOMES)["outcomes"]] == [IDS[0]]


def test_rows_that_are_refused_take_no_outcome_with_them(
    journal: Journal, sender: Sender, receiver: Receiver
) -> None:
    receiver.refuses = {"rows"}
    row = {"table": "audit_events", "rowid": 1, "row": {"id": "x"}}
    append(journal, outcome(0), rows=[row], spans=SPAN)
    assert send_all(sender)[-1].kind is Kind.NOTHING
    assert [one["id"] for one in receiver.outcomes] == [IDS[0]]
    assert [one["state"] for one in receiver.outcomes] == ["done"]
    [lost] = [report["dropped"] for report in receiver.reports if report.get("dropped")]
    assert lost == [{"table": "audit_events", "first": 1, "last": 1}]


def test_a_kill_while_a_refusal_is_taken_in_loses_no_outcome(
    journal: Journal, sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.refuses_outcomes = {IDS[1]}
    append(journal, *(outcome(n) for n in range(3)))
    appended = journal.append

    def killed(*given: Any) -> None:
        appended(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(journal, "append", killed)
    with pytest.raises(KeyboardInterrupt):
        sender.send()
    monkeypatch.undo()
    assert send_all(sender)[-1].kind is Kind.NOTHING
    assert {one["id"] for one in receiver.outcomes} == set(IDS[:3])


def test_the_number_of_kept_outcomes_is_bounded(
    journal: Journal, sender: Sender, receiver: Receiver, folder: StateFolder
) -> None:
    known = [{"id": f"{number}"} for number in range(100)]
    folder.write(REFUSED_OUTCOMES, {"outcomes": known})
    receiver.refuses_outcomes = {IDS[0]}
    append(journal, outcome(0))
    send_all(sender)
    kept = folder.read(REFUSED_OUTCOMES)["outcomes"]
    assert len(kept) == 100 and kept[-1]["id"] == IDS[0] and "0" not in {x["id"] for x in kept}
    assert len(json.dumps(kept[-1])) < 400
