"""Pages say that a person approved only where what that person signed verifies."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from approvals import proven_approvals
from approvals.models import Answer, Approval, Ask, AskState, Effect, Outcome, Status
from approvals.serializers import as_json
from approvals.views import request_labels
from approvals.views.reason_and_finding_shown import because
from audit.evidence import storage
from audit.recording.actors import Actor
from enforcement.models import Asset
from tests.approvals.asking import ask, code_of, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import Phones, known
from tests.approvals.test_all_who_approved_are_named import PAIR, answered, text
from tests.approvals.working import Work
from tests.support.pages import signed_in
from tests.support.sign_in import SUBS

NO_PROOF = "no proof found"


def reader() -> Client:
    return signed_in("auditor", "auditor")


def closed_row(client: Client) -> str:
    return text(client, "/approvals/").split("Completed approval requests")[1]


def test_an_approval_that_was_signed_is_said(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    assert as_json(fresh(approval))["proven"] is None
    phones.answer("operator2", code_of(fresh(approval)), "approve")
    work()
    page = text(reader(), f"/approvals/{approval.pk}/")
    assert "Oona Operator approved exactly this request" in page
    assert "signature checked" in page and NO_PROOF not in page
    assert "As requested The lamp stays dark." in page
    assert "If approved" not in page and "If denied" not in page
    assert NO_PROOF not in closed_row(reader())
    assert as_json(fresh(approval))["proven"] is True


@pytest.mark.parametrize(
    ("effects", "said"),
    [
        ([], "It was applied in this portal."),
        ([Effect(state="unknown")], "in this portal; the steps say what came of it elsewhere."),
    ],
)
def test_what_gateways_did_is_said_by_the_steps_alone(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work,
    effects: list[Effect], said: str,
) -> None:  # fmt: skip
    approval = ask(olu)
    work()
    phones.answer("operator2", code_of(fresh(approval)), "approve")
    work()
    done = fresh(approval)
    signed = proven_approvals.signatures([done])[done.pk]
    assert request_labels.outcome_words(done, None, signed, effects).endswith(said)


@pytest.mark.parametrize(
    ("verb", "outcome", "shown"),
    [
        ("skill.block", "approved", True),
        ("skill.block", "denied", False),
        ("skill.block", "failed", False),
        ("skill.allow", "approved", False),
        ("skill.release", "approved", False),
    ],
)
def test_a_request_says_what_its_block_comes_to_now_and_no_other(
    lamps: Lamps, olu: Actor, verb: str, outcome: str, shown: bool
) -> None:
    approval = ask(olu)
    Asset.objects.create(kind="skill", name="pdf", decision="block")
    about = {"target_kind": "skill", "target_name": "pdf", "target_instance": "", "verb": verb}
    asked = Approval.objects.filter(pk=approval.pk)
    asked.update(**about)
    assert not because(fresh(approval), olu).effect, "still open"
    asked.update(status=Status.CLOSED, outcome=outcome)
    assert because(fresh(approval), olu).effect == ("effect_not_known" if shown else "")


def test_a_request_that_is_over_says_what_its_hold_comes_to_now(lamps: Lamps, olu: Actor) -> None:
    approval = ask(olu)
    held = Asset.objects.create(
        kind="skill", name="pdf", holder="x", hold_approval=str(approval.pk)
    )
    about = {"target_kind": "skill", "target_name": "pdf", "target_instance": ""}
    over = {"status": Status.CLOSED, "outcome": Outcome.EXPIRED}
    Approval.objects.filter(pk=approval.pk).update(**about, **over)
    where = f"/approvals/{approval.pk}/"
    assert "Effect now effect not known View pdf" in text(reader(), where)
    Asset.objects.filter(pk=held.pk).update(hold_approval="another")
    assert "Effect now" not in text(reader(), where)


def test_an_approval_that_someone_wrote_into_the_database_is_not_said(
    lamps: Lamps, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    by = {"iss": oona.iss, "sub": oona.sub, "name": "Oona Operator"}
    Ask.objects.filter(approval=approval).update(state=AskState.APPROVED)
    Approval.objects.filter(pk=approval.pk).update(
        status=Status.CLOSED, answer=Answer.APPROVED, outcome=Outcome.APPROVED, answered_by=by
    )
    page = text(reader(), f"/approvals/{approval.pk}/")
    assert "Oona Operator approved" not in page and "approved exactly" not in page, page
    assert "Recorded as approved by Oona Operator; no proof found" in page
    assert "recorded as approved; no proof found" in page, "who was asked"
    assert "signature checked" not in page
    assert "recorded as approved; no proof found" in closed_row(reader())
    assert as_json(fresh(approval))["proven"] is False


def test_one_voice_of_two_that_someone_wrote_into_the_database_does_not_count(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = answered(2, PAIR, olu, phones, work)
    anna = known("admin", "operator")
    another = approval.asks.exclude(person=anna).get()
    Ask.objects.filter(pk=another.pk).update(person=known("member1", "operator"))
    page = text(reader(), f"/approvals/{approval.pk}/")
    assert "It is recorded as applied." in page and "approved exactly" not in page, page
    assert "no proof found that " in page
    assert "no proof found" in page.split("Progress")[1].split("Policy")[0]
    assert as_json(fresh(approval))["proven"] is False


def test_what_can_no_longer_be_read_proves_nothing(
    lamps: Lamps,
    phones: Phones,
    olu: Actor,
    oona: Actor,
    work: Work,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    approval = answered(1, ("operator2",), olu, phones, work)
    monkeypatch.setattr(storage, "bodies", lambda digests: {})
    page = text(reader(), f"/approvals/{approval.pk}/")
    assert "Recorded as approved by Oona Operator; no proof found" in page
    assert SUBS["operator2"] not in page


def test_a_list_asks_once_for_the_proofs_of_all_its_requests(
    lamps: Lamps,
    phones: Phones,
    olu: Actor,
    oona: Actor,
    work: Work,
) -> None:
    client = reader()

    def asked() -> int:
        with CaptureQueriesContext(connection) as found:
            text(client, "/approvals/")
        return sum("audit_evidenceitem" in one["sql"] for one in found)

    counts = []
    for _ in range(3):
        answered(1, ("operator2",), olu, phones, work)
        lamps.lit.clear()
        counts.append(asked())
    assert counts[0] == counts[1] == counts[2] > 0
