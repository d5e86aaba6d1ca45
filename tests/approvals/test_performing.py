"""The one door: what commits at once, what asks, what is refused, and what each leaves behind."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals import clock, idempotency
from approvals.errors import Refused
from approvals.models import Approval, Ask
from approvals.pipeline.service import perform
from audit.recording.actors import SYSTEM, Actor, Target
from tests.accounts.trail import events
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import Phones, acting, known

HALL = Target("lamp", "hall")


def test_a_tightening_act_commits_at_once_with_its_event(lamps: Lamps, olu: Actor) -> None:
    done = perform(olu, "lamp.hold", HALL, reason="too bright", severity="CRITICAL")
    assert lamps.lit == {"hall": False}
    assert done.approval is None
    [event] = events()
    assert event["id"] == str(done.event_id)
    assert (event["action"], event["outcome"], event["severity"]) == (
        "lamp.held",
        "success",
        "CRITICAL",
    )
    assert event["actor"]["sub"] == olu.sub
    assert event["reason"] == "too bright"
    assert event["operation"] == done.operation
    assert len(event["intent_hash"]) == 64
    assert event["changes"] == {"lit": {"before": True, "after": False}}


def test_a_grave_final_act_asks_another_person_and_holds_meanwhile(
    lamps: Lamps, olu: Actor, oona: Actor
) -> None:
    done = perform(olu, "lamp.block", HALL, reason="burns", severity="CRITICAL")
    approval = done.approval
    assert approval is not None
    assert lamps.lit == {} and lamps.held == ["hall"]
    assert (approval.status, approval.held, approval.single_person) == ("pending", True, False)
    ask = approval.current
    assert ask is not None and ask.person.sub == oona.sub
    assert [e["action"] for e in events()] == ["lamp.held", "approval.requested"]
    requested = events("approval.requested")[0]
    assert requested["intent_hash"] == approval.intent_hash
    assert requested["data"]["code"] == ask.code


def test_a_high_act_asks_the_one_who_acts(lamps: Lamps, olu: Actor, oona: Actor) -> None:
    approval = perform(olu, "lamp.allow", HALL, severity="HIGH").approval
    assert approval is not None and approval.current is not None
    assert approval.current.person.sub == olu.sub


def test_alone_with_the_role_the_requester_is_asked_and_labelled(lamps: Lamps, olu: Actor) -> None:
    approval = perform(olu, "lamp.block", HALL, severity="CRITICAL").approval
    assert approval is not None and approval.current is not None
    assert approval.single_person
    assert approval.current.person.sub == olu.sub


def test_a_caller_may_raise_severity_and_never_lower_it(lamps: Lamps, olu: Actor) -> None:
    lamps.severity = "HIGH"
    approval = perform(olu, "lamp.block", HALL, severity="LOW").approval
    assert approval is not None and approval.severity == "HIGH"


@pytest.mark.parametrize(
    ("verb", "target", "params", "code", "pointer"),
    [
        ("lamp.blok", HALL, {}, "unknown_verb", "/verb"),
        ("lamp.block", Target("skill", "x"), {}, "bad_target", "/target"),
        ("lamp.block", Target("lamp", ""), {}, "bad_target", "/target"),
        ("lamp.block", HALL, {"watts": 1}, "bad_params", "/params/watts"),
        ("lamp.block", HALL, {"watt": "bright"}, "bad_params", "/params/watt"),
    ],
)
def test_what_makes_no_sense_is_refused_and_says_where(
    lamps: Lamps,
    olu: Actor,
    verb: str,
    target: Target,
    params: dict[str, object],
    code: str,
    pointer: str,
) -> None:
    with pytest.raises(Refused) as refused:
        perform(olu, verb, target, params=params)
    assert (refused.value.code, refused.value.pointer) == (code, pointer)
    assert lamps.lit == {} and events() == []


def test_a_misspelt_verb_is_told_the_nearest(lamps: Lamps, olu: Actor) -> None:
    with pytest.raises(Refused, match=r"Did you mean lamp\.block"):
        perform(olu, "lamp.blok", HALL)


def test_without_the_role_nothing_happens(lamps: Lamps, phones: Phones) -> None:
    with pytest.raises(Refused) as refused:
        perform(acting("auditor", "auditor"), "lamp.hold", HALL)
    assert refused.value.code == "not_permitted"
    assert "operator" in refused.value.detail
    assert lamps.lit == {} and events() == [] and not Approval.objects.exists()


def test_a_commit_that_fails_leaves_no_event(lamps: Lamps, olu: Actor) -> None:
    lamps.refuse = RuntimeError("bulb broke")
    with pytest.raises(RuntimeError):
        perform(olu, "lamp.hold", HALL)
    assert events() == []


def test_a_storm_of_one_finding_asks_once(lamps: Lamps, oona: Actor) -> None:
    first = perform(SYSTEM, "lamp.block", HALL, severity="CRITICAL", folded="lamp:hall:scan-1")
    again = perform(SYSTEM, "lamp.block", HALL, severity="CRITICAL", folded="lamp:hall:scan-1")
    assert first.approval == again.approval
    assert Ask.objects.count() == 1


def test_a_finding_with_nobody_to_ask_waits_held(lamps: Lamps, phones: Phones) -> None:
    approval = perform(SYSTEM, "lamp.block", HALL, severity="CRITICAL", folded="f").approval
    assert approval is not None and approval.current is None
    assert lamps.held == ["hall"]
    assert approval.due is not None, "it is looked at again"


def test_the_roster_asks_who_is_on_call_first(lamps: Lamps, phones: Phones) -> None:
    known("operator", "operator", on_call=2)
    first = known("operator2", "operator", on_call=1)
    approval = perform(SYSTEM, "lamp.block", HALL, severity="CRITICAL", folded="f").approval
    assert approval is not None and approval.current is not None
    assert approval.current.person == first


# Idempotency keys.


def test_the_same_key_and_body_gets_the_same_answer(olu: Actor) -> None:
    claim = idempotency.begin(olu, "k", "POST /v1/decisions", b"body")
    assert isinstance(claim, idempotency.Claim)
    idempotency.finish(claim, 201, {"event_id": "e"})
    assert idempotency.begin(olu, "k", "POST /v1/decisions", b"body") == idempotency.Known(
        201, {"event_id": "e"}
    )


def test_another_body_under_a_key_is_a_mismatch(olu: Actor) -> None:
    idempotency.begin(olu, "k", "POST /v1/decisions", b"body")
    with pytest.raises(idempotency.Mismatch):
        idempotency.begin(olu, "k", "POST /v1/decisions", b"other")


def test_another_address_under_a_key_is_a_mismatch(olu: Actor) -> None:
    idempotency.begin(olu, "k", "POST /v1/connections/a/revoke", b"{}")
    with pytest.raises(idempotency.Mismatch):
        idempotency.begin(olu, "k", "POST /v1/connections/b/revoke", b"{}")


def test_a_key_whose_first_call_still_runs_says_so(olu: Actor) -> None:
    idempotency.begin(olu, "k", "POST /v1/decisions", b"body")
    with pytest.raises(idempotency.StillRunning):
        idempotency.begin(olu, "k", "POST /v1/decisions", b"body")


def test_a_key_is_free_again_when_its_call_failed(olu: Actor) -> None:
    claim = idempotency.begin(olu, "k", "POST /v1/decisions", b"body")
    assert isinstance(claim, idempotency.Claim)
    idempotency.abandon(claim)
    assert isinstance(idempotency.begin(olu, "k", "POST /v1/decisions", b"body"), idempotency.Claim)


def test_two_people_may_use_one_key(olu: Actor, oona: Actor) -> None:
    idempotency.begin(olu, "k", "POST /v1/decisions", b"body")
    assert isinstance(
        idempotency.begin(oona, "k", "POST /v1/decisions", b"other"), idempotency.Claim
    )


def test_a_key_whose_call_died_is_taken_over_and_the_dead_call_commits_nothing(
    lamps: Lamps, olu: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = idempotency.begin(olu, "k", "POST /v1/decisions", b"body")
    later = clock.now() + idempotency.ANSWERS_WITHIN + timedelta(seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    repeated = idempotency.begin(olu, "k", "POST /v1/decisions", b"body")
    assert isinstance(dead, idempotency.Claim) and isinstance(repeated, idempotency.Claim)
    with pytest.raises(idempotency.ClaimLost):  # it was only slow, and comes back now
        perform(olu, "lamp.hold", HALL, before_commit=lambda _: idempotency.finish(dead, 201, {}))
    assert events() == [], "what would have been a second decision is rolled back"
    done = perform(
        olu, "lamp.hold", HALL, before_commit=lambda _: idempotency.finish(repeated, 201, {})
    )
    assert [e["id"] for e in events()] == [str(done.event_id)]


def test_an_answer_is_kept_with_its_decision_or_not_at_all(lamps: Lamps, olu: Actor) -> None:
    class Killed(BaseException):
        """Nothing after it runs, as after SIGKILL."""

    claim = idempotency.begin(olu, "k", "POST /v1/decisions", b"body")
    assert isinstance(claim, idempotency.Claim)

    def dies(done: object) -> None:
        idempotency.finish(claim, 201, {})
        raise Killed

    with pytest.raises(Killed):
        perform(olu, "lamp.hold", HALL, before_commit=dies)
    assert events() == []
    with pytest.raises(idempotency.StillRunning):
        idempotency.begin(olu, "k", "POST /v1/decisions", b"body")


def test_keys_are_forgotten_after_a_day(olu: Actor) -> None:
    idempotency.begin(olu, "k", "POST /v1/decisions", b"body")
    assert idempotency.drop_expired(clock.now() + timedelta(hours=23)) == 0
    assert idempotency.drop_expired(clock.now() + timedelta(hours=25)) == 1
