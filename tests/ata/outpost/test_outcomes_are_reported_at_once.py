"""What came of a command is reported at once: no interval, reading or backlog delays it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ata.outpost import report_loop
from ata.outpost.report_loop import Outpost
from ata.outpost.report_sender import Kind
from tests.ata.outpost.commanded import Commanded
from tests.ata.outpost.conftest import Begin, Seconds
from tests.ata.outpost.gateway_rows import Rows
from tests.ata.outpost.report_receiver import Receiver
from tests.support.stack import eventually

type Enrol = Callable[..., Commanded]


@contextmanager
def running(outpost: Outpost) -> Iterator[None]:
    runner = threading.Thread(target=outpost.run, args=(lambda _: None,))
    runner.start()
    try:
        yield
    finally:
        outpost.stop()
        runner.join(30)
    assert not runner.is_alive()


def test_an_outcome_waits_for_no_interval(
    commanded: Enrol, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_loop, "EVERY_S", 3600.0)
    edge = commanded("head")
    with edge.outpost() as outpost, running(outpost):
        eventually(lambda: edge.receiver.reports, "the first report")
        command = edge.send(edge.portal.restrict("hold", "tool", "Bash"))
        [outcome] = eventually(lambda: edge.receiver.outcomes, "its outcome")
        assert outcome["id"] == command["id"]


def test_an_outcome_is_sent_before_anything_is_read(commanded: Enrol) -> None:
    edge = commanded("head")
    edge.put("skill", "claudecode", "pdf")
    edge.send(edge.portal.restrict("hold", "skill", "pdf"))
    [done] = edge.report()
    assert done["state"] == "done"
    [first] = [one for one in edge.receiver.reports if one.get("commands")]
    assert first["rows"] == [] and edge.receiver.rows, "the rows of the call come in another one"


def test_a_backlog_is_sent_in_one_step(
    begin: Begin, rows: Rows, receiver: Receiver, seconds: Seconds
) -> None:
    receiver.answers.append((503, {"code": "busy"}))
    outpost = begin()
    for _ in range(3):
        rows.act()
        outpost.step()
    assert receiver.reports == []
    seconds.now += 60
    sent = outpost.step()
    assert sent is not None and sent.kind is Kind.SENT
    assert len(receiver.rows) == 3 and len(receiver.reports) == 3
