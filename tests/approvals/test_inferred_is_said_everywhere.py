"""A denial that only our clock tells from an expiry says so wherever an outcome is shown."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from approvals import cancel_resend_confirm_denial
from approvals.models import Approval
from approvals.serializers import as_json
from audit.exports.formats import COLUMNS, FORMATS
from audit.recording.actors import Actor
from tests.accounts.trail import events
from tests.approvals.asking import ask, code_of, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import Phones
from tests.support.pages import signed_in

type Work = Callable[..., None]


@pytest.fixture
def inferred(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, settings: Any, work: Work
) -> Approval:
    """Denied on the phone while nobody can read the tenant's log."""
    settings.ENV = settings.ENV.model_copy(update={"AUTH0_MGMT_CLIENT_SECRET": ""})
    approval = ask(olu)
    work()
    phones.answer("operator2", code_of(approval), "deny")
    work()
    done = fresh(approval)
    assert (done.outcome, done.inferred) == ("denied", True)
    return done


def shown(path: str) -> str:
    """The words of a page, as an auditor sees it."""
    page = signed_in("auditor", "auditor").get(path)
    assert page.status_code == 200
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page.content.decode())))


def test_pages_label_it_until_it_is_confirmed(inferred: Approval, oona: Actor) -> None:
    [event] = events("approval.denied")
    trail = "/audit/"
    for path in (trail, f"{trail}?e={event['id']}", f"/audit/events/{event['id']}/"):
        assert "denied, inferred" in shown(path), path
    assert "denied, awaiting confirmation" in shown("/approvals/")
    one = shown(f"/approvals/{inferred.pk}/")
    assert "denied, inferred" in one and "Auth0 answers a denial and an expiry alike" in one
    cancel_resend_confirm_denial.confirm_denial(oona, str(inferred.pk))
    first, second = events("approval.denied")
    assert first["id"] == event["id"], "what was recorded stays; the correction is a further event"
    assert "denied, inferred" not in shown(f"/audit/events/{second['id']}/")
    assert "denied, inferred" in shown(f"/audit/events/{first['id']}/")
    assert "denied, inferred" not in shown(f"/approvals/{inferred.pk}/")


def test_the_api_and_every_export_carry_it(inferred: Approval) -> None:
    assert (as_json(inferred)["outcome"], as_json(inferred)["inferred"]) == ("denied", True)
    [event] = events("approval.denied")
    assert event["data"]["inferred"] is True
    assert "appears to have denied (unconfirmed)" in COLUMNS["sentence"](event)  # type: ignore[operator]
    assert json.loads(str(COLUMNS["data"](event)))["inferred"] is True
    for name in FORMATS:
        line = FORMATS[name].row(event)
        assert b"inferred" in line, name
