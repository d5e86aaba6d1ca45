"""What the approver reads on the phone: everything they decide on, whole, as Auth0 carries it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from approvals.models import Approval, Ask
from approvals.step_up import authorization_details
from audit.recording.actors import Actor
from tests.approvals.asking import ask
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import Phones

type Work = Callable[..., None]


def ask_of(approval: Approval) -> Ask:
    current = approval.current
    assert current is not None
    return current


def rows(found: list[authorization_details.Detail]) -> list[tuple[str, str]]:
    """Label and value of what is displayed, in display order."""
    shown = [one for one in found[0]["properties"].values() if one["display"]]
    return [(one["name"], one["value"]) for one in sorted(shown, key=lambda o: o["display_order"])]


def test_risk_reason_requester_and_which_of_how_many_stand_in_order(
    lamps: Lamps, olu: Actor, oona: Actor
) -> None:
    approval = ask(olu, reason="reads the clipboard")
    shown = rows(authorization_details.for_ask(ask_of(approval)))
    assert [label for label, _ in shown][:3] == ["Risk", "Reason", "Requested by"]
    assert shown[-1][0] == "Request" and shown[-1][1].endswith("1 of 1")
    assert dict(shown)["Risk"] == "Critical"
    assert dict(shown)["Reason"] == "reads the clipboard"
    assert dict(shown)["Requested by"] == "Olu Operator"
    hidden = authorization_details.for_ask(ask_of(approval))[0]["properties"]["intent_hash"]
    assert hidden["value"] == approval.intent_hash and hidden["display"] is False


@pytest.mark.parametrize("length", [255, 256, 400, 500])
def test_no_sentence_is_cut(lamps: Lamps, olu: Actor, oona: Actor, length: int) -> None:
    approval = ask(olu)
    words = ("https://www.googleapis.com/auth/drive.readonly " * 20)[: length - 1] + "."
    Approval.objects.filter(pk=approval.pk).update(sentence=words)
    found = authorization_details.for_ask(ask_of(Approval.objects.get(pk=approval.pk)))
    rest = dict(rows(found)).get("(continued)", "")
    assert f"{found[0]['instruction']} {rest}".split() == words.split() or (
        found[0]["instruction"] + rest == words
    )


def test_it_keeps_to_what_auth0_carries(lamps: Lamps, olu: Actor, oona: Actor) -> None:
    approval = ask(olu, reason="é" * 2000)
    Approval.objects.filter(pk=approval.pk).update(sentence="x" * 500)
    found = authorization_details.for_ask(ask_of(Approval.objects.get(pk=approval.pk)))
    properties = found[0]["properties"]
    assert len(properties) <= 10
    assert all(len(one["value"]) <= 255 for one in properties.values())
    assert len(json.dumps(found, ensure_ascii=False).encode()) <= 5 * 1024
    assert dict(rows(found))["Reason"].endswith("(the whole text is in the portal)")


def test_the_phone_shows_them(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    ask(olu, reason="reads the clipboard")
    work()
    page = phones.page("operator2")
    assert re.search(r"<dt>Risk</dt>\s*<dd>Critical</dd>", page)
    assert "reads the clipboard" in page and "Olu Operator" in page and "1 of 1" in page
