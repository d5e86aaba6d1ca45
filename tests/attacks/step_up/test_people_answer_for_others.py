"""Who may say yes: the asked person, by this identity, with the role that they still have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.db import transaction

from approvals import cancel_resend_confirm_denial, people_and_roles
from approvals.errors import Refused
from approvals.models import Approval, Ask, Channel, Person
from approvals.pipeline.service import perform
from approvals.step_up import take_ciba_or_passkey_answer
from audit.evidence import human_levels
from audit.recording.actors import SYSTEM, Actor
from tests.accounts.trail import events
from tests.approvals.asking import HALL, ask, assert_failed, code_of, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import acting, known
from tests.attacks.step_up import trail
from tests.attacks.step_up.attempts import bearer, call
from tests.attacks.step_up.conftest import Work
from tests.attacks.step_up.provider import PhoneProvider
from tests.attacks.step_up.trail import approve, assert_nothing_committed
from tests.audit.browsing import browser_of


@pytest.mark.parametrize("via", ["web", "cli", "api"])
def test_who_asked_for_a_critical_act_is_never_the_one_asked(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work, via: str
) -> None:
    """Self-approval through a second channel: the subject counts, not the door or the session."""
    approval = ask(replace(olu, via=via, session="another-session"))
    work()
    assert [push.sub for push in provider.pushes.values()] == [oona.sub]
    assert not approval.single_person
    assert_nothing_committed(lamps)


def by_passkey(
    approval: Approval, person: Actor, decision: take_ciba_or_passkey_answer.Said = "approve"
) -> str:
    """What comes of an answer by another channel than the phone."""
    with transaction.atomic():
        locked = Approval.objects.select_for_update().get(pk=approval.pk)
        current = locked.current
        assert current is not None
        return take_ciba_or_passkey_answer.give(
            locked,
            current,
            person,
            channel="passkey",
            decision=decision,
            signed=True,
            evidence=(),
        )


SPELLINGS: dict[str, Callable[[Actor, Actor], Actor]] = {
    "the requester": lambda olu, oona: olu,
    "the asked person at another issuer": lambda olu, oona: replace(
        oona, iss="https://other.example/"
    ),
    "the asked person without the slash": lambda olu, oona: replace(oona, iss=oona.iss.rstrip("/")),
    "the asked person in capitals": lambda olu, oona: replace(oona, sub=oona.sub.upper()),
    "the asked person and a space": lambda olu, oona: replace(oona, sub=oona.sub + " "),
    "the asked person with a full-width bar": lambda olu, oona: replace(
        oona, sub=oona.sub.replace("|", "\uff5c")
    ),
    "the asked person with a look-alike letter": lambda olu, oona: replace(
        oona, sub=oona.sub.replace("a", "\u0430", 1)
    ),
    "the asked person and a zero-width space": lambda olu, oona: replace(
        oona, sub=oona.sub + "\u200b"
    ),
    "somebody with the e-mail of the asked person": lambda olu, oona: replace(
        olu, email=oona.email, name=oona.name
    ),
    "nobody": lambda olu, oona: SYSTEM,
}


@pytest.mark.parametrize("who", SPELLINGS)
@pytest.mark.parametrize("decision", ["approve", "deny"])
def test_an_answer_by_anybody_but_the_asked_person_is_refused_and_recorded(
    lamps: Lamps,
    provider: PhoneProvider,
    olu: Actor,
    oona: Actor,
    work: Work,
    who: str,
    decision: take_ciba_or_passkey_answer.Said,
) -> None:
    approval = ask(olu)
    work()
    Ask.objects.update(channel=Channel.EITHER)
    other = SPELLINGS[who](olu, oona)
    assert by_passkey(approval, other, decision) == "wrong_subject"
    assert (fresh(approval).status, lamps.held) == ("pending", ["hall"])
    assert_nothing_committed(lamps)
    assert not events("approval.approved") and not events("approval.denied")
    [said] = events("approval.failed")
    assert said["data"]["failure"] == "wrong_subject"
    assert said["actor"]["sub"] == other.sub


def test_a_directory_that_was_made_to_ask_the_requester_does_not_let_them_approve(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    """Somebody with the database turns the ask to the requester's own phone."""
    approval = ask(olu)
    Ask.objects.update(person=people_and_roles.find(olu.iss, olu.sub))
    work()
    assert [push.sub for push in provider.pushes.values()] == [olu.sub]
    approve(provider, approval)
    work()
    assert_nothing_committed(lamps)
    assert not events("approval.approved")
    assert events("approval.failed")[-1]["data"]["failure"] == "self_approval"


def test_two_accounts_of_one_subject_are_one_person(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    """Signing in again with another name or address makes no second person to ask."""
    people_and_roles.note_person(
        iss=olu.iss, sub=olu.sub, name="Somebody Else", email="new@acme.example", roles=["operator"]
    )
    assert Person.objects.filter(sub=olu.sub).count() == 1
    approval = ask(replace(olu, name="Olu Again", email="olu@acme.example"))
    work()
    assert [push.sub for push in provider.pushes.values()] == [oona.sub]
    assert approval.current is not None and approval.current.person.sub == oona.sub


def test_alone_one_may_approve_and_everybody_reads_that_it_was_one_person(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, work: Work
) -> None:
    approval = ask(olu)
    assert approval.single_person
    work()
    approve(provider, approval)
    work()
    [said] = events("approval.approved")
    assert said["data"]["single_person"] is True
    assert lamps.lit == {"hall": False}


@pytest.mark.parametrize("loser", ["requester", "approver", "both"])
@pytest.mark.parametrize("now_roles", [[], ["auditor"], ["admin"]], ids=str)
def test_a_role_that_was_lost_meanwhile_commits_nothing(
    lamps: Lamps,
    provider: PhoneProvider,
    olu: Actor,
    oona: Actor,
    work: Work,
    loser: str,
    now_roles: list[str],
) -> None:
    approval = ask(olu)
    work()
    for actor in {"requester": [olu], "approver": [oona], "both": [olu, oona]}[loser]:
        people_and_roles.note_person(iss=actor.iss, sub=actor.sub, roles=now_roles)
    approve(provider, approval)
    work()
    who = "approver" if loser == "approver" else "requester"
    assert_failed(approval, f"{who}_lost_role")
    assert lamps.lit == {} and lamps.held == ["hall"]


def test_a_requester_who_is_gone_from_the_directory_commits_nothing(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    Person.objects.filter(sub=olu.sub).delete()
    approve(provider, approval)
    work()
    assert_failed(approval, "requester_lost_role")


@pytest.mark.parametrize("claimed", ["INFO", "LOW", "MEDIUM", "HIGH", ""])
def test_a_caller_cannot_lower_what_was_found(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work, claimed: str
) -> None:
    lamps.severity = "CRITICAL"
    approval = perform(olu, "lamp.allow", HALL, severity=claimed or None).approval
    assert approval is not None
    assert approval.severity == "CRITICAL" and approval.current is not None
    assert approval.current.person.sub == oona.sub, "still another person's to approve"
    assert_nothing_committed(lamps)
    assert events("approval.requested")[0]["severity"] == "CRITICAL"


def test_roles_in_a_request_are_not_the_roles_that_count_at_the_commit(
    lamps: Lamps, provider: PhoneProvider, oona: Actor, work: Work
) -> None:
    """A session that still says operator, for a person who is none any more."""
    stale = replace(acting("member1"), roles=frozenset({"operator"}))
    known("member1", "operator")
    approval = ask(stale)
    people_and_roles.note_person(iss=stale.iss, sub=stale.sub, roles=[])  # the issuer's newest word
    work()
    approve(provider, approval)
    work()
    assert_failed(approval, "requester_lost_role")
    with pytest.raises(Refused) as refused:
        ask(stale)
    assert refused.value.code == "not_permitted"


@pytest.mark.parametrize("roles", [[], ["auditor"], ["admin"], ["auditor", "admin"], ["Operator"]])
def test_without_the_role_nothing_is_asked_and_nobody_is_disturbed(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work, roles: list[str]
) -> None:
    approval = ask(olu)
    mallory = acting("member1", *roles)
    for verb in ("lamp.block", "lamp.allow", "lamp.hold", "lamp.remove"):
        with pytest.raises(Refused) as refused:
            perform(mallory, verb, HALL, severity="CRITICAL")
        assert refused.value.code == "not_permitted"
        body = {"verb": verb, "target": {"kind": "lamp", "name": "hall"}, "severity": "CRITICAL"}
        answer = call("post", "/v1/decisions", bearer(provider, mallory), body)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
    work()
    assert Approval.objects.count() == 1 and len(provider.pushes) == 1
    assert [e["actor"]["sub"] for e in events()] == [olu.sub, olu.sub, mallory.sub]
    assert trail.refused() == [(mallory.sub, "POST /v1/decisions", "not_permitted")]
    assert code_of(approval)


FORGED_DENIALS: dict[str, Callable[[PhoneProvider, str, str], None]] = {
    "of another push": lambda p, code, sub: p.log_entry(
        "gd_auth_rejected", sub, {"binding_message": "00-00-00"}
    ),
    "of another person": lambda p, code, sub: p.log_entry(
        "gd_auth_rejected", "auth0|somebody-else", {"binding_message": code}
    ),
    "of the requester": lambda p, code, sub: p.log_entry(
        "gd_auth_rejected", "auth0|65f0a1d17e5c3b9a40c1b001", {"binding_message": code}
    ),
    "from before the push": lambda p, code, sub: p.log_entry("gd_auth_rejected", sub, {}, 3600),
    "of another kind": lambda p, code, sub: p.log_entry("gd_auth_failed", sub, {}),
    "of an approval": lambda p, code, sub: p.log_entry(
        "gd_auth_succeed", sub, {"binding_message": code}
    ),
    "from the future": lambda p, code, sub: p.log_entry("gd_auth_rejected", sub, {}, -3600),
}


@pytest.mark.parametrize("entry", FORGED_DENIALS)
def test_a_denial_is_not_proven_by_a_log_entry(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work, entry: str
) -> None:
    """The issuer refused early; only an entry of this very push makes that a person's no."""
    approval = ask(olu)
    work()
    provider.showing(code_of(approval)).answer = "deny"
    FORGED_DENIALS[entry](provider, code_of(approval), oona.sub)
    work()
    done = fresh(approval)
    assert (done.outcome, done.inferred) == ("denied", True)
    assert lamps.held == ["hall"], "the hold ends only with an evidenced denial"
    [said] = events("approval.denied")
    assert (said["actor"]["sub"], said["data"]["inferred"]) == ("", True)
    assert human_levels.explain(said).code == "H0"


@pytest.mark.parametrize("entry", [*FORGED_DENIALS, "of this very push"])
def test_no_log_entry_ends_a_request_that_the_issuer_has_not_answered(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work, entry: str
) -> None:
    approval = ask(olu)
    work()
    if entry == "of this very push":
        provider.log_entry("gd_auth_rejected", oona.sub, {"binding_message": code_of(approval)})
    else:
        FORGED_DENIALS[entry](provider, code_of(approval), oona.sub)
    work(2)
    assert (fresh(approval).status, lamps.held) == ("pending", ["hall"])
    assert not events("approval.denied")
    approve(provider, approval)
    work()
    assert fresh(approval).outcome == "approved"


def test_nobody_but_the_asked_person_confirms_a_denial(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    provider.showing(code_of(approval)).answer = "deny"
    work()
    for other in (olu, acting("admin", "admin", "operator"), replace(oona, sub=oona.sub.upper())):
        with pytest.raises(Refused) as refused:
            cancel_resend_confirm_denial.confirm_denial(other, str(approval.pk))
        assert refused.value.code == "not_permitted"
    at = f"/approvals/{approval.pk}/denied/"
    assert browser_of(olu).post(at).status_code == 302
    address = "POST /approvals/<approval_id>/denied/"
    assert trail.refused() == [(olu.sub, address, "not_permitted")]
    assert fresh(approval).inferred and lamps.held == ["hall"]
    cancel_resend_confirm_denial.confirm_denial(oona, str(approval.pk))
    assert not fresh(approval).inferred and lamps.held == []


def test_an_approval_cannot_be_confirmed_into_a_denial(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    approve(provider, approval)
    work()
    with pytest.raises(Refused) as refused:
        cancel_resend_confirm_denial.confirm_denial(oona, str(approval.pk))
    assert refused.value.code == "nothing_to_confirm"
    assert fresh(approval).outcome == "approved"
