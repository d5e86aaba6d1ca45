"""Release, unblock and allow: only with a person's signature, and only what this portal added."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from audit.ledger import note
from audit.ledger.format.canonical import canonical
from tests.ata.outpost.commanded import Commanded
from tests.ata.outpost.commanding_portal import AMIR, OLU, Portal, stamp

type Enrol = Callable[..., Commanded]
type Envelope = dict[str, Any]
AGENTS = ("--agent=claudecode=observe", "--agent=codex=action")


@pytest.mark.parametrize("human", ["passkey", "token"])
@pytest.mark.parametrize("generation", ["0.2.0", "0.8.4", "head"])
def test_what_a_person_approved_is_carried_out(
    commanded: Enrol, generation: str, human: str
) -> None:
    old = generation == "0.2.0"
    edge = commanded(generation, *(["--openclaw=connected"] if old else AGENTS))
    edge.put("skill", "openclaw" if old else "codex", "pdf")
    edge.send(edge.portal.restrict("block", "skill", "pdf"))
    edge.send(edge.portal.restrict("hold", "mcp", "github"))
    assert edge.refusals() == ["done ", "done "]
    for verb, name in (("skill.unblock", "pdf"), ("mcp.release", "github"), ("tool.allow", "Bash")):
        act = verb.partition(".")[2]
        edge.send(edge.portal.decide(act, edge.portal.intent(verb, name), human))
    assert edge.refusals() == ["done ", "done ", "done "]
    assert edge.entries("skill", "pdf") == [] and edge.entries("mcp", "github") == []
    assert [row["actions"] for row in edge.entries("tool", "Bash")] == [{"install": "allow"}]


def test_a_decision_is_carried_out_where_something_else_writes_at_the_time(
    commanded: Enrol,
) -> None:
    edge = commanded("0.2.0")
    edge.send(edge.portal.restrict("hold", "mcp", "github"))
    assert edge.refusals() == ["done "]
    edge.send(edge.portal.decide("release", edge.portal.intent("mcp.release", "github")))
    edge.send(edge.portal.decide("allow", edge.portal.intent("tool.allow", "Bash")))
    other = sqlite3.connect(edge.database, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    ends = threading.Timer(1.5, other.close)
    ends.start()
    assert edge.refusals() == ["done ", "done "]
    ends.join()
    assert edge.entries("mcp", "github") == []
    assert [row["actions"] for row in edge.entries("tool", "Bash")] == [{"install": "allow"}]


def test_a_hold_by_quarantine_gives_the_files_back(commanded: Enrol) -> None:
    edge = commanded("head", *AGENTS)
    folder = edge.put("skill", "claudecode", "pdf")
    edge.send(edge.portal.restrict("hold", "skill", "pdf", strength="quarantine"))
    assert edge.refusals() == ["done "] and not folder.exists()
    edge.send(edge.portal.decide("release", edge.portal.intent("skill.release", "pdf")))
    assert edge.refusals() == ["done "]
    assert folder.exists() and not any(row["actions"] for row in edge.entries("skill", "pdf"))


def test_a_denial_ends_the_hold_of_the_denied_request_and_no_other(commanded: Enrol) -> None:
    edge = commanded("head")
    denied, other = (edge.portal.intent("tool.block", "Bash") for _ in range(2))
    release = edge.portal.decide("release", denied, decision="denied")
    digest = release["command"]["intent_hash"]
    edge.send(edge.portal.restrict("hold", "tool", "Bash", intent_hash="ab" * 32))
    edge.report()
    late = edge.portal.decide("release", denied, decision="denied")
    edge.send(late)
    [done] = edge.report()
    assert (done["state"], done["code"]) == ("done", "nothing_of_ours")
    assert [one["why"] for one in done["left"]] == ["others"] and edge.entries("tool", "Bash")
    edge.send(edge.portal.restrict("hold", "tool", "Bash", intent_hash=digest))
    assert edge.refusals() == ["done "]
    edge.send(edge.portal.decide("release", other, decision="denied"))
    [done] = edge.report()
    assert done["code"] == "nothing_of_ours" and edge.entries("tool", "Bash")


def test_a_denied_hold_is_released_by_the_passkey_that_denied(commanded: Enrol) -> None:
    edge = commanded("head")
    intent = edge.portal.intent("tool.block", "Bash")
    release = edge.portal.decide("release", intent, decision="denied")
    digest = release["command"]["intent_hash"]
    edge.send(edge.portal.restrict("hold", "tool", "Bash", intent_hash=digest))
    assert edge.refusals() == ["done "]
    by_token = edge.portal.decide("release", intent, "token", decision="denied")
    edge.send(by_token)
    assert edge.refusals() == ["refused human_refused"]
    edge.send(edge.portal.decide("release", intent, decision="denied"))
    assert edge.refusals() == ["done "] and edge.entries("tool", "Bash") == []
    edge.send(edge.portal.decide("unblock", intent, decision="denied"))
    assert edge.refusals() == ["refused intent_refused"]


def test_what_others_added_or_changed_stays_and_is_named(commanded: Enrol) -> None:
    edge = commanded("head", *AGENTS)
    edge.put("skill", "codex", "pdf")
    edge.set_entry("skill", "pdf", {"runtime": "disable"}, "claudecode")
    edge.send(edge.portal.restrict("hold", "skill", "pdf"))
    edge.send(edge.portal.restrict("hold", "mcp", "github"))
    assert edge.refusals() == ["done ", "done "]
    edge.set_entry("mcp", "github", {"install": "block"})
    edge.send(edge.portal.decide("release", edge.portal.intent("skill.release", "pdf")))
    edge.send(edge.portal.decide("release", edge.portal.intent("mcp.release", "github")))
    skill, server = edge.report()
    assert skill["state"] == "done"
    assert [(one["connector"], one["why"]) for one in skill["left"]] == [("claudecode", "others")]
    assert [row["connector"] for row in edge.entries("skill", "pdf")] == ["claudecode"]
    assert [(one["dimension"], one["why"]) for one in server["left"]] == [("install", "changed")]
    assert [row["reason"] for row in edge.entries("mcp", "github")] == ["by hand"]


def test_an_allow_under_a_disable_of_others_is_not_tried(commanded: Enrol) -> None:
    edge = commanded("0.8.4", *AGENTS, "--not-connected-seconds=30")
    edge.set_entry("skill", "pdf", {"runtime": "disable"})
    edge.send(edge.portal.decide("allow", edge.portal.intent("skill.allow", "pdf")))
    [done] = edge.report()
    assert (done["state"], done["code"]) == ("failed", "disabled_by_others")
    assert done["seconds"] == 0 and done["exit"] is None


def _changed_human(**changes: Any) -> Callable[[Portal, Envelope], Envelope]:
    def change(portal: Portal, one: Envelope) -> Envelope:
        one["evidence"]["human"] |= changes
        return one

    return change


def _without(name: str) -> Callable[[Portal, Envelope], Envelope]:
    def change(portal: Portal, one: Envelope) -> Envelope:
        del one["evidence"][name]
        return one

    return change


def _by_another_log(portal: Portal, one: Envelope) -> Envelope:
    portal.log = note.new_key("log.test")
    return portal.decide("release", portal.intent("tool.release", "Bash"))


def _of_another_history(portal: Portal, one: Envelope) -> Envelope:
    portal.leaves.clear()
    return portal.decide("release", portal.intent("tool.release", "Bash"))


def _with_another_entry(portal: Portal, one: Envelope) -> Envelope:
    other = portal.decide("release", portal.intent("tool.release", "Bash"))
    one["evidence"] |= {name: other["evidence"][name] for name in ("entry", "proof")}
    return one


def _with_an_edited_entry(portal: Portal, one: Envelope) -> Envelope:
    one["evidence"]["entry"] = b64encode(b"{}").decode()
    return one


def _with_an_edited_intent(portal: Portal, one: Envelope) -> Envelope:
    intent = json.loads(one["evidence"]["intent"]) | {"nonce": "other"}
    one["evidence"]["intent"] = json.dumps(intent)
    return one


def _decided(
    verb: str = "tool.release", name: str = "Bash", human: str = "passkey", **changes: Any
) -> Callable[[Portal, Envelope], Envelope]:
    """A decision about something else, under a command for the release of the tool Bash."""

    def change(portal: Portal, one: Envelope) -> Envelope:
        intent = portal.intent(verb, name, **changes)
        found = portal.decide("release", intent, human)
        command = found["command"] | {"kind": "tool", "name": "Bash"}
        return portal.sign(command, found["evidence"])

    return change


def _recorded_late(portal: Portal, one: Envelope) -> Envelope:
    at = datetime.now(UTC) - timedelta(minutes=2)
    intent = portal.intent("tool.release", "Bash", not_after=stamp(at - timedelta(hours=1)))
    return portal.decide("release", intent)


def _not_verified(portal: Portal, one: Envelope) -> Envelope:
    human = one["evidence"]["human"]
    said = {name: human[name] for name in ("role", "decision", "approval_id")}
    one["evidence"]["human"] = portal.assertion(one["command"]["intent_hash"], said, flags=0x01)
    return one


def _at_another_page(portal: Portal, one: Envelope) -> Envelope:
    human = one["evidence"]["human"]
    said = {name: human[name] for name in ("role", "decision", "approval_id")}
    digest = one["command"]["intent_hash"]
    one["evidence"]["human"] = portal.assertion(digest, said, origin="https://evil.test")
    return one


def _token(**claims: Any) -> Callable[[Portal, Envelope], Envelope]:
    def change(portal: Portal, one: Envelope) -> Envelope:
        intent = json.loads(one["evidence"]["intent"])
        jwt = portal.token(one["command"]["intent_hash"], intent, **claims)
        one["evidence"]["human"] = {"kind": "token", "jwt": jwt}
        return one

    return change


REFUSED: dict[str, tuple[str, Callable[[Portal, Envelope], Envelope]]] = {
    "no evidence": ("no_evidence", lambda _, one: one | {"evidence": None}),
    "no intent": ("no_evidence", _without("intent")),
    "no proof": ("proof_refused", _without("proof")),
    "no entry": ("proof_refused", _without("entry")),
    "nobody": ("no_evidence", _without("human")),
    "another log": ("proof_refused", _by_another_log),
    "another history": ("log_forked", _of_another_history),
    "another entry": ("proof_refused", _with_another_entry),
    "an edited entry": ("proof_refused", _with_an_edited_entry),
    "an edited intent": ("intent_refused", _with_an_edited_intent),
    "another thing": ("intent_refused", _decided(name="Read")),
    "another kind": ("intent_refused", _decided("mcp.release")),
    "another act": ("intent_refused", _decided("tool.block")),
    "another gateway": (
        "intent_refused",
        _decided(target={"kind": "tool", "name": "Bash", "instance": "edge-8"}),
    ),
    "run out": ("intent_refused", _recorded_late),
    "another decision": ("human_refused", _changed_human(decision="denied")),
    "another approval": ("human_refused", _changed_human(approval_id="other")),
    "an unknown passkey": ("human_refused", _changed_human(credential_id="cred-9")),
    "no signature": ("human_refused", _changed_human(signature="AAAA")),
    "user not verified": ("human_refused", _not_verified),
    "another page": ("human_refused", _at_another_page),
    "an access token": ("human_refused", _token(aud="https://api.test")),
    "another issuer": ("human_refused", _token(iss="https://evil/")),
    "token of another intent": ("human_refused", _token(authorization_details=[])),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_prove_the_decision_is_refused_and_named(commanded: Enrol, what: str) -> None:
    code, change = REFUSED[what]
    edge = commanded("head")
    edge.send(edge.portal.restrict("hold", "tool", "Bash"))
    edge.send(edge.portal.decide("allow", edge.portal.intent("tool.allow", "Other")))
    assert edge.refusals() == ["done ", "done "]
    right = edge.portal.decide("release", edge.portal.intent("tool.release", "Bash"))
    edge.send(change(edge.portal, right))
    [refused] = edge.report()
    assert (refused["state"], refused["code"]) == ("refused", code), refused["detail"]
    assert refused["detail"].endswith(".")
    assert [row["actions"] for row in edge.entries("tool", "Bash")] == [{"install": "block"}]


def test_a_decision_counts_once_and_not_for_a_later_hold(commanded: Enrol) -> None:
    edge = commanded("head")
    edge.send(edge.portal.restrict("hold", "tool", "Bash"))
    first = edge.portal.decide("release", edge.portal.intent("tool.release", "Bash"))
    held_back = edge.portal.decide("release", edge.portal.intent("tool.release", "Bash"))
    edge.send(first)
    assert edge.refusals() == ["done ", "done "]
    edge.send(edge.portal.restrict("hold", "tool", "Bash"))
    again = {**first["command"], "n": edge.portal.n + 1, "id": str(uuid4())}
    edge.send(edge.portal.sign(again, first["evidence"]))
    later = {**held_back["command"], "n": edge.portal.n + 2, "id": str(uuid4())}
    edge.send(edge.portal.sign(later, held_back["evidence"]))
    assert sorted(edge.refusals()) == ["done ", "refused too_old", "refused used_intent"]
    assert edge.entries("tool", "Bash")


def test_who_asks_does_not_approve_by_a_passkey_that_nobody_confirmed(commanded: Enrol) -> None:
    edge = commanded("head")
    pins = edge.folder.read("enrolment.json")
    pins["pins"]["passkeys"][0]["approver"] = False
    edge.folder.write("enrolment.json", pins)
    intent = edge.portal.intent("tool.allow", "Bash", actor=OLU)
    edge.send(edge.portal.decide("allow", intent))
    assert edge.refusals() == ["refused human_refused"]


@pytest.mark.parametrize("human", ["passkey", "token"])
@pytest.mark.parametrize("confirmed", [True, False])
@pytest.mark.parametrize(
    ("said", "ended"),
    [
        ({"severity": "CRITICAL"}, "refused human_refused"),
        ({}, "refused human_refused"),
        ({"severity": "HIGH"}, "done "),
    ],
)
def test_who_asks_does_not_decide_alone_at_critical(
    commanded: Enrol, human: str, confirmed: bool, said: dict[str, str], ended: str
) -> None:
    edge = commanded("head")
    pins = edge.folder.read("enrolment.json")
    pins["pins"]["passkeys"][0]["approver"] = confirmed
    edge.folder.write("enrolment.json", pins)
    intent = edge.portal.intent("tool.allow", "Bash", actor=AMIR, **said)
    edge.send(edge.portal.decide("allow", intent, human))
    assert edge.refusals() == [ended]


@pytest.mark.parametrize(("age", "ended"), [(300, "refused too_old"), (30, "done ")])
def test_an_approval_by_phone_is_as_old_as_its_token_whatever_its_entry_has(
    commanded: Enrol, age: int, ended: str
) -> None:
    """Who holds the keys of log and commands dates an approval that was never used after a hold."""
    edge = commanded("head")
    edge.send(edge.portal.restrict("hold", "tool", "Bash"))
    intent = edge.portal.intent("tool.release", "Bash")
    held_back = edge.portal.decide("release", intent, "token")
    issued = int(datetime.now(UTC).timestamp()) - age
    digest = held_back["command"]["intent_hash"]
    held_back["evidence"]["human"]["jwt"] = edge.portal.token(digest, intent, iat=issued)
    edge.send(held_back)
    assert sorted(edge.refusals()) == sorted(["done ", ended])


def test_who_asks_decides_alone_where_the_log_says_that_nobody_else_could(
    commanded: Enrol,
) -> None:
    edge = commanded("head")
    intent = edge.portal.intent("tool.allow", "Bash", actor=AMIR, severity="CRITICAL")
    edge.send(edge.portal.decide("allow", intent, entry={"single_person": True}))
    assert edge.refusals() == ["done "]


def test_who_asked_does_not_end_a_hold_at_critical_by_denying_it(commanded: Enrol) -> None:
    edge = commanded("head")
    intent = edge.portal.intent("tool.block", "Bash", actor=AMIR, severity="CRITICAL")
    digest = hashlib.sha256(b"ata.intent.v1\n" + canonical(intent)).hexdigest()
    edge.send(edge.portal.restrict("hold", "tool", "Bash", intent_hash=digest))
    edge.send(edge.portal.decide("release", intent, decision="denied"))
    assert sorted(edge.refusals()) == ["done ", "refused human_refused"]
    assert edge.entries("tool", "Bash")


def test_a_token_of_somebody_who_may_not_approve_is_refused(commanded: Enrol) -> None:
    edge = commanded("head")
    pins = edge.folder.read("enrolment.json")
    pins["pins"]["approvers"] = [OLU]
    edge.folder.write("enrolment.json", pins)
    edge.send(edge.portal.decide("allow", edge.portal.intent("tool.allow", "Bash"), "token"))
    assert edge.refusals() == ["refused human_refused"]


def test_a_decision_that_was_used_does_not_count_after_a_later_block_for_another_act(
    commanded: Enrol,
) -> None:
    edge = commanded("head")
    until = stamp(datetime.now(UTC) + timedelta(days=7))
    allow = edge.portal.decide("allow", edge.portal.intent("tool.allow", "Bash", not_after=until))
    edge.send(allow)
    assert edge.refusals() == ["done "]
    edge.send(edge.portal.restrict("block", "tool", "Bash"))
    assert edge.refusals() == ["done "]
    later = datetime.now(UTC) + timedelta(seconds=60)
    edge.send(edge.portal.recorded_again(allow, later, "unblock"))
    assert edge.refusals() == ["refused used_intent"] and edge.entries("tool", "Bash")


def test_an_entry_of_a_time_that_is_not_yet_is_refused(commanded: Enrol) -> None:
    edge = commanded("head")
    until = stamp(datetime.now(UTC) + timedelta(days=7))
    intent = edge.portal.intent("tool.allow", "Bash", not_after=until)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    edge.send(edge.portal.decide("allow", intent, at=tomorrow))
    assert edge.refusals() == ["refused proof_refused"]
