"""A webhook under every fault: told at last, under one id, and the ask never waits for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from approvals import clock
from approvals.due_work import LETTERS
from approvals.models import Notice, NoticeState, NoticeWay
from tests.approvals.asking import ask, fresh
from tests.approvals.lamps import furnish
from tests.approvals.people_of import acting
from tests.faults.fast import quick
from tests.faults.proxy import Fault, wire_to
from tests.support.receiver import Receiver
from tests.support.sweeping import sweep

#: Any 2xx is a receipt; nobody reads the body (Standard Webhooks 1.0). One that drips in may be
#: whole before the patience ends.
RECEIPTS = {
    Fault.HTML, Fault.NOT_JSON, Fault.EMPTY, Fault.TWICE, Fault.HUGE, Fault.TRUNCATED, Fault.DRIP,
}  # fmt: skip


def deliver() -> Notice:
    """Try what waits, due or not."""
    Notice.objects.filter(due__isnull=False).update(due=clock.now(), lease=None)
    sweep(LETTERS)
    return Notice.objects.get(way=NoticeWay.WEBHOOK)


@pytest.mark.parametrize("fault", quick(Fault))
def test_a_webhook_is_told_once_its_receiver_is_back(
    house: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    furnish(monkeypatch)
    receiver = Receiver().start()
    with wire_to(int(receiver.url.rpartition(":")[2])) as line:
        settings.ENV = settings.ENV.model_copy(
            update={
                "APPROVAL_WEBHOOK_URL": f"{line.url}/team",
                "APPROVAL_WEBHOOK_SECRET": "between us",
            }
        )
        acting("operator2", "operator")
        approval = ask(acting("operator", "operator"))
        line.breaks(fault)
        tried = deliver()
        if tried.state == NoticeState.SENT:
            assert fault in RECEIPTS
        else:
            assert tried.state == NoticeState.PENDING and tried.attempts == 1
            assert tried.detail and tried.due is not None
        assert fresh(approval).status == "pending"
        line.mend()
        assert deliver().state == NoticeState.SENT
    receiver.stop()
    ids = {got.headers["webhook-id"] for got in list(receiver.received.queue)}
    assert ids <= {str(tried.id)}
