"""Approved on the phone: the very intent commits, with evidence, or it fails and says why."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
from django.db import OperationalError

from approvals import auth0_clients, people_and_roles
from approvals.errors import Refused
from approvals.models import Approval, ShortLivedSecret
from approvals.pipeline import deny_expire_cancel
from approvals.step_up import authorization_details, sealed_secrets
from approvals.step_up.binding_codes import new_code
from approvals.step_up.ciba import SECRET
from audit.evidence import human_levels
from audit.recording.actors import SYSTEM, Actor
from tests.accounts.trail import events
from tests.approvals.asking import ask, assert_failed, code_of, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import Phones
from tests.approvals.policies import in_force, rule
from tests.support.sign_in import SUBS

type Work = Callable[..., None]


def test_an_approval_commits_the_very_intent_with_evidence_of_both(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu, reason="burns")
    work()
    assert code_of(approval) in phones.waiting("operator2")
    assert lamps.lit == {}
    phones.answer("operator2", code_of(approval), "approve")
    work()
    done = fresh(approval)
    assert (done.status, done.answer, done.outcome) == ("closed", "approved", "approved")
    assert (done.held, done.inferred) == (False, False)
    assert lamps.lit == {"hall": False}
    [committed] = events("lamp.blocked")
    assert committed["id"] == str(done.event_id)
    assert committed["actor"]["sub"] == olu.sub
    assert committed["data"]["approver"]["sub"] == oona.sub
    assert committed["intent_hash"] == approval.intent_hash
    level = human_levels.explain(committed)
    assert level.code == "H2", level.reasons
    [said] = events("approval.approved")
    assert (said["actor"]["sub"], said["data"]["details_signed"]) == (oona.sub, True)
    assert human_levels.explain(said).code == "H2"


def test_the_phone_shows_what_the_page_shows(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    page = httpx.get(
        f"{phones.tenant.url}/phone/{SUBS['operator2']}/", headers=phones._headers()
    ).text
    for shown in (
        code_of(approval),
        "Block lamp hall everywhere",
        "Olu Operator",
        f"{approval.intent_hash[:8]}…{approval.intent_hash[-8:]}",
    ):
        assert shown in page


def test_a_finding_that_asked_by_itself_commits_in_the_approvers_name(
    lamps: Lamps, phones: Phones, oona: Actor, work: Work
) -> None:
    approval = ask(SYSTEM, folded="lamp:hall:1")
    work()
    phones.answer("operator2", code_of(approval), "approve")
    work()
    [committed] = events("lamp.blocked")
    assert committed["actor"]["sub"] == oona.sub
    assert human_levels.explain(committed).code == "H2"


def test_no_secret_outlives_its_answer(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    kept = ShortLivedSecret.objects.get()
    plain = sealed_secrets.read(SECRET, kept.ref)
    assert plain.encode() not in bytes(kept.ciphertext)
    phones.answer("operator2", code_of(approval), "approve")
    work()
    assert not ShortLivedSecret.objects.exists()
    assert plain not in str(events())


def test_what_changed_meanwhile_is_not_committed(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    lamps.lit["hall"] = False
    phones.answer("operator2", code_of(approval), "approve")
    work()
    assert_failed(approval, "state_changed")
    assert lamps.held == ["hall"], "the hold stays until somebody decides"


def test_a_requester_who_lost_the_role_commits_nothing(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    people_and_roles.note_person(iss=olu.iss, sub=olu.sub, roles=[])
    phones.answer("operator2", code_of(approval), "approve")
    work()
    assert_failed(approval, "requester_lost_role")


def test_an_approver_who_lost_the_role_commits_nothing(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    people_and_roles.note_person(iss=oona.iss, sub=oona.sub, roles=["auditor"])
    phones.answer("operator2", code_of(approval), "approve")
    work()
    assert_failed(approval, "approver_lost_role")


def test_a_changed_policy_commits_nothing(
    lamps: Lamps,
    phones: Phones,
    olu: Actor,
    oona: Actor,
    work: Work,
) -> None:
    approval = ask(olu)
    work()
    in_force(rule("weaker", approver="self"))
    phones.answer("operator2", code_of(approval), "approve")
    work()
    assert_failed(approval, "policy_changed")


def test_a_verb_that_refuses_at_the_last_moment_fails_with_its_own_reason(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    lamps.refuse = Refused("no_socket", "There is no socket left.")
    phones.answer("operator2", code_of(approval), "approve")
    work()
    assert_failed(approval, "no_socket")
    assert fresh(approval).held
    assert "no socket" in fresh(approval).outcome_detail


@pytest.mark.parametrize("died", [RuntimeError("disk full"), SystemExit("killed")], ids=repr)
def test_an_answer_whose_commit_failed_is_committed_at_the_next_try(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work, died: BaseException
) -> None:
    approval = ask(olu)
    work()
    lamps.refuse = died
    phones.answer("operator2", code_of(approval), "approve")
    with suppress(SystemExit):
        work(1)
    assert fresh(approval).status == "pending", "the whole answer was rolled back"
    lamps.refuse = None
    sealed = ShortLivedSecret.objects.get(kind="ciba_answer")
    assert b"approved" not in bytes(sealed.ciphertext)
    work()
    assert fresh(approval).outcome == "approved", fresh(approval).outcome_detail
    assert lamps.lit == {"hall": False} and len(events("approval.approved")) == 1
    assert not ShortLivedSecret.objects.exists()


def test_a_deadlock_at_the_commit_costs_no_answer(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    lamps.refuse = OperationalError("deadlock detected")
    phones.answer("operator2", code_of(approval), "approve")
    work(1)
    [asked] = approval.asks.all()
    assert asked.lease is None and asked.due is not None, "it is tried again in seconds"
    lamps.refuse = None
    work()
    assert fresh(approval).outcome == "approved"


def test_a_denial_whose_commit_failed_is_the_denial_of_when_it_was_read(
    lamps: Lamps,
    phones: Phones,
    olu: Actor,
    oona: Actor,
    work: Work,
    monkeypatch: pytest.MonkeyPatch,
    travel: Callable[[], None],
) -> None:
    approval = ask(olu)
    work()
    phones.answer("operator2", code_of(approval), "deny")

    def fails(*_: Any, **__: Any) -> None:
        raise OperationalError("deadlock detected")

    with monkeypatch.context() as broken:
        broken.setattr(deny_expire_cancel, "deny", fails)
        work(1)
    assert fresh(approval).status == "pending"
    travel()  # by an hour: read now, it would be an expiry
    work()
    assert fresh(approval).outcome == "denied"


def swap(approval: Approval, who: str, words: list[dict[str, Any]] | None) -> str:
    """Let our ask wait for another request of ours at the tenant; returns its code."""
    code = new_code()
    ask_ = approval.current
    assert ask_ is not None
    started = auth0_clients.auth0().ciba.start(
        SUBS[who],
        code,
        audience="https://ata.local/approvals" if words is not None else None,
        requested_expiry=60,
        authorization_details=words or (),
    )
    sealed_secrets.keep(SECRET, str(ask_.pk), started.auth_req_id, expires=ask_.expires_at)
    return code


def test_an_approval_of_something_else_is_not_ours(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    assert approval.current is not None
    other = authorization_details.for_ask(approval.current)
    other[0]["properties"]["intent_hash"]["value"] = "0" * 64
    phones.answer("operator2", swap(approval, "operator2", other), "approve")
    work()
    assert_failed(approval, "details_differ")


def test_an_approval_by_somebody_else_is_not_ours(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    assert approval.current is not None
    code = swap(approval, "admin", authorization_details.for_ask(approval.current))
    phones.answer("admin", code, "approve")
    work()
    assert_failed(approval, "wrong_subject")
