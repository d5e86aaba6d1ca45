from __future__ import annotations

import json
import re
import signal
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ata.decisions import approval_outcome_advice
from tests.ata.ata_process import ACCESS_TOKEN, ROOT, Ata
from tests.ata.portal_stand_in import Reply, StandIn

APPROVAL = "01890000-0000-7000-8000-000000000001"
OPERATION = "01890000-0000-7000-8000-000000000002"
WHY = ("--reason", "odd")


def asked(**changes: Any) -> Reply:
    expires_at = (datetime.now(UTC) + timedelta(seconds=300)).isoformat()
    body = {
        "approval_id": APPROVAL,
        "binding_message": "KQ7-M2X",
        "expires_at": expires_at,
        "poll_url": f"/v1/approvals/{APPROVAL}",
        **changes,
    }
    return Reply(202, body)


def approval(status: str, outcome: str | None = None, **changes: Any) -> Reply:
    body = {
        "id": APPROVAL,
        "verb": "skill.block",
        "target": {"kind": "skill", "name": "web-scraper"},
        "answer": "none",
        "inferred": False,
        "status": status,
        "outcome": outcome,
        "binding_message": "KQ7-M2X",
        "expires_at": (datetime.now(UTC) + timedelta(seconds=300)).isoformat(),
        "effects": [],
        "intent": "{}",
        "intent_hash": "00",
        "event_id": None,
        "sentence": "Block the skill web-scraper everywhere",
        **changes,
    }
    return Reply(200, body)


@pytest.mark.parametrize("kind", ["skill", "mcp", "plugin", "tool"])
@pytest.mark.parametrize("act", ["block", "allow", "unblock", "hold", "release"])
def test_each_act_is_one_decision(signed_in: Ata, portal: StandIn, kind: str, act: str) -> None:
    portal.on("POST", "/v1/decisions", Reply(201, {"event_id": "e1"}))
    done = signed_in.here(kind, act, "web-scraper", "--json", *WHY)
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == {"status": "done", "event_id": "e1"}
    (request,) = portal.seen("POST", "/v1/decisions")
    assert request.json == {
        "verb": f"{kind}.{act}",
        "target": {"kind": kind, "name": "web-scraper"},
        "reason": "odd",
    }
    assert len(request.headers["idempotency-key"]) == 36
    assert request.headers["authorization"] == f"Bearer {ACCESS_TOKEN}"


def test_options_reach_the_decision(signed_in: Ata, portal: StandIn) -> None:
    portal.on("POST", "/v1/decisions", Reply(201, {"event_id": "e1"}))
    args = ("--reason", "exfiltrates", "--severity", "critical", "--instance", "edge-1")
    assert signed_in("skill", "block", "web-scraper", *args).returncode == 0
    body = portal.seen("POST", "/v1/decisions")[0].json
    assert body["reason"] == "exfiltrates"
    assert body["severity"] == "CRITICAL"
    assert body["target"]["instance"] == "edge-1"


@pytest.mark.parametrize("act", ["dismiss", "acknowledge"])
def test_alerts_are_decided_by_id(signed_in: Ata, portal: StandIn, act: str) -> None:
    portal.on("POST", "/v1/decisions", Reply(201, {"event_id": "e1"}))
    assert signed_in("alert", act, "alert-7", *WHY).returncode == 0
    assert portal.seen("POST", "/v1/decisions")[0].json == {
        "verb": f"alert.{act}",
        "target": {"kind": "alert", "name": "alert-7"},
        "reason": "odd",
    }


@pytest.mark.parametrize(
    ("outcome", "exit_code"),
    [("approved", 0), ("failed", 1), ("denied", 3), ("expired", 4), ("cancelled", 5)],
)
def test_the_exit_code_tells_the_outcome(
    signed_in: Ata, portal: StandIn, outcome: str, exit_code: int
) -> None:
    portal.on("POST", "/v1/decisions", asked())
    portal.on(
        "GET",
        f"/v1/approvals/{APPROVAL}",
        approval("pending"),
        approval("pending"),
        approval("closed", outcome, event_id="e9"),
    )
    done = signed_in("skill", "block", "web-scraper", *WHY)
    assert done.returncode == exit_code, done.stderr
    assert "KQ7-M2X" in done.stdout
    assert "Block the skill web-scraper everywhere" in done.stdout
    assert f"/approvals/{APPROVAL}/" in done.stdout
    assert f"Block the skill web-scraper everywhere: {outcome}." in done.stdout
    assert "e9" in done.stdout
    assert "\x1b" not in done.stdout


def test_json_while_waiting_is_one_closed_approval(signed_in: Ata, portal: StandIn) -> None:
    portal.on("POST", "/v1/decisions", asked())
    portal.on("GET", f"/v1/approvals/{APPROVAL}", approval("pending"), approval("closed", "denied"))
    done = signed_in("skill", "block", "web-scraper", *WHY, "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout)["outcome"] == "denied"
    assert json.loads(done.stderr.splitlines()[0])["binding_message"] == "KQ7-M2X"


def test_an_inferred_denial_is_called_inferred(signed_in: Ata, portal: StandIn) -> None:
    closed = approval("closed", "denied", answer="denied", inferred=True)
    portal.on("GET", f"/v1/approvals/{APPROVAL}", closed)
    done = signed_in("approvals", "wait", APPROVAL)
    assert done.returncode == 3
    assert "denied (inferred)" in done.stdout


def test_an_approved_act_that_an_instance_refused_is_a_failure(
    signed_in: Ata, portal: StandIn
) -> None:
    effects = [
        {"instance": "edge-1", "state": "done", "detail": ""},
        {"instance": "edge-2", "state": "failed", "detail": "gateway answered 500"},
    ]
    closed = approval("closed", "approved", effects=effects)
    portal.on("GET", f"/v1/approvals/{APPROVAL}", closed)
    done = signed_in("approvals", "wait", APPROVAL)
    assert done.returncode == 1
    assert "edge-2: failed: gateway answered 500" in done.stdout


def test_no_wait_returns_at_once_and_says_how_to_go_on(signed_in: Ata, portal: StandIn) -> None:
    portal.on("POST", "/v1/decisions", asked())
    done = signed_in("skill", "block", "web-scraper", *WHY, "--no-wait")
    assert done.returncode == 0
    assert f"ata approvals wait {APPROVAL}" in done.stdout
    assert portal.seen("GET", f"/v1/approvals/{APPROVAL}") == []


def test_waiting_survives_a_portal_that_stumbles(signed_in: Ata, portal: StandIn) -> None:
    portal.on(
        "GET",
        f"/v1/approvals/{APPROVAL}",
        approval("pending"),
        Reply(503, {"code": "starting"}),
        Reply(429, {"code": "rate_limited"}),
        approval("closed", "approved"),
    )
    assert signed_in("approvals", "wait", APPROVAL).returncode == 0


def test_an_approval_that_never_closes_is_given_up(signed_in: Ata, portal: StandIn) -> None:
    long_ago = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    portal.on("GET", f"/v1/approvals/{APPROVAL}", approval("pending", expires_at=long_ago))
    done = signed_in("approvals", "wait", APPROVAL, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "still_open"


def test_ctrl_c_leaves_the_request_open_and_says_so(signed_in: Ata, portal: StandIn) -> None:
    portal.on("POST", "/v1/decisions", asked())
    portal.on("GET", f"/v1/approvals/{APPROVAL}", approval("pending"))
    process = signed_in.start("skill", "block", "web-scraper", *WHY)
    for _ in range(800):
        if len(portal.seen("GET", f"/v1/approvals/{APPROVAL}")) >= 2:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"/approvals/{APPROVAL}/" in errors.decode()
    assert f"ata approvals wait {APPROVAL}" in errors.decode()
    assert portal.seen("POST", f"/v1/approvals/{APPROVAL}/cancel") == []


def test_a_lost_answer_is_asked_for_again_with_the_same_key(
    signed_in: Ata, portal: StandIn
) -> None:
    portal.on("POST", "/v1/decisions", Reply(502), Reply(201, {"event_id": "e1"}))
    assert signed_in("skill", "block", "web-scraper", *WHY).returncode == 0
    first, second = portal.seen("POST", "/v1/decisions")
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


def test_a_problem_is_one_sentence_a_code_and_a_way_out(signed_in: Ata, portal: StandIn) -> None:
    problem = {"title": "Forbidden", "detail": "Only an operator may block", "code": "role_missing"}
    portal.on("POST", "/v1/decisions", Reply(403, problem))
    done = signed_in("skill", "block", "web-scraper", *WHY)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "✗ Only an operator may block. (role_missing)",
        "  Your roles do not allow this; `ata status` shows them.",
    ]
    assert done.stdout == ""


def committed(*states: str) -> Reply:
    """A decision that commits at once, with a step at each of edge-1, edge-2, …"""
    return Reply(201, {"event_id": "e1", "operation": OPERATION, **steps(*states)})


def steps(*states: str) -> dict[str, Any]:
    effects = [
        {"instance": f"edge-{number}", "label": f"Block at edge-{number}", "state": state}
        for number, state in enumerate(states, 1)
    ]
    return {"sentence": "Block skill web-scraper on all gateways", "effects": effects}


def test_a_decision_waits_until_each_gateway_confirmed(signed_in: Ata, portal: StandIn) -> None:
    portal.on("POST", "/v1/decisions", committed("pending", "pending"))
    first, last = steps("done", "unknown"), steps("done", "done")
    portal.on("GET", f"/v1/decisions/{OPERATION}", Reply(200, first), Reply(200, last))
    done = signed_in("skill", "block", "web-scraper", *WHY)
    assert done.returncode == 0, done.stderr
    said = "✓ Block skill web-scraper on all gateways: confirmed by edge-1, edge-2."
    assert said in done.stdout.splitlines()
    assert len(portal.seen("GET", f"/v1/decisions/{OPERATION}")) == 2


def test_a_gateway_that_fails_makes_the_command_fail(signed_in: Ata, portal: StandIn) -> None:
    portal.on("POST", "/v1/decisions", committed("pending", "pending"))
    portal.on("GET", f"/v1/decisions/{OPERATION}", Reply(200, steps("done", "failed")))
    done = signed_in("skill", "block", "web-scraper", *WHY)
    assert done.returncode == 1
    assert "all gateways: confirmed by edge-1; failed at edge-2." in done.stdout


def test_an_unknown_step_is_reported_as_not_known_and_not_as_open(
    signed_in: Ata, portal: StandIn
) -> None:
    portal.on("POST", "/v1/decisions", committed("unknown", "pending"))
    done = signed_in("skill", "block", "web-scraper", "--no-wait", *WHY)
    said = "not known whether it was carried out at edge-1; not confirmed yet by edge-2."
    assert f"all gateways: {said}" in done.stdout


def test_without_waiting_nobody_claims_that_a_gateway_confirmed(
    signed_in: Ata, portal: StandIn
) -> None:
    portal.on("POST", "/v1/decisions", committed("pending"))
    done = signed_in("skill", "block", "web-scraper", "--no-wait", *WHY)
    assert done.returncode == 0
    assert "all gateways: not confirmed yet by edge-1." in done.stdout
    shown = signed_in("skill", "block", "web-scraper", "--no-wait", "--json", *WHY)
    assert json.loads(shown.stdout)["status"] == "committed"
    assert portal.seen("GET", f"/v1/decisions/{OPERATION}") == []


def test_a_step_that_failed_already_is_reported_without_waiting(
    signed_in: Ata, portal: StandIn
) -> None:
    portal.on("POST", "/v1/decisions", committed("failed"))
    done = signed_in("skill", "block", "web-scraper", "--no-wait", "--json", *WHY)
    assert done.returncode == 1 and json.loads(done.stdout)["status"] == "failed"


def test_after_its_approval_a_decision_waits_for_the_gateways(
    signed_in: Ata, portal: StandIn
) -> None:
    portal.on("POST", "/v1/decisions", asked())
    waiting, told = steps("pending")["effects"], steps("done")["effects"]
    portal.on(
        "GET",
        f"/v1/approvals/{APPROVAL}",
        approval("closed", "approved", effects=waiting),
        approval("closed", "approved", effects=told),
    )
    done = signed_in("skill", "block", "web-scraper", *WHY)
    assert done.returncode == 0, done.stderr
    assert "everywhere: approved, confirmed by edge-1." in done.stdout


def test_what_is_so_already_is_no_error(signed_in: Ata, portal: StandIn) -> None:
    so = {"code": "nothing_to_do", "detail": "skill web-scraper is already blocked by Olu."}
    portal.on("POST", "/v1/decisions", Reply(200, so))
    done = signed_in("skill", "block", "web-scraper", *WHY)
    assert done.returncode == 0
    assert done.stdout == "✓ Nothing to do: skill web-scraper is already blocked by Olu.\n"
    shown = signed_in("skill", "block", "web-scraper", "--json", *WHY)
    assert json.loads(shown.stdout)["status"] == "nothing_to_do"


UNKNOWN = {
    "code": "unknown_target",
    "detail": "Nothing knows skill pdf_exfil. Did you mean pdf-exfil?",
    "nearest": ["pdf-exfil"],
}


def test_a_typo_fails_and_names_the_nearest(signed_in: Ata, portal: StandIn) -> None:
    portal.on("POST", "/v1/decisions", Reply(409, UNKNOWN))
    done = signed_in("skill", "block", "pdf_exfil", *WHY)
    assert done.returncode == 1
    assert "Did you mean pdf-exfil?" in done.stderr and "--new" in done.stderr


def test_new_confirms_a_name(signed_in: Ata, portal: StandIn) -> None:
    portal.on("POST", "/v1/decisions", Reply(201, {"event_id": "e1"}))
    assert signed_in.here("skill", "block", "brand-new", "--new", *WHY).exit_code == 0
    assert portal.seen("POST", "/v1/decisions")[0].json["params"] == {"new": True}


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("1\n", {"target": {"kind": "skill", "name": "pdf-exfil"}}),
        ("new\n", {"params": {"new": True}}),
        ("\n", None),
    ],
)
def test_a_terminal_offers_the_nearest_name(
    signed_in: Ata, portal: StandIn, typed: str, sent: dict[str, Any] | None
) -> None:
    portal.on("POST", "/v1/decisions", Reply(409, UNKNOWN), Reply(201, {"event_id": "e1"}))
    shown = signed_in.on_a_terminal("skill", "block", "pdf_exfil", *WHY, typed=typed)
    assert "Did you mean pdf-exfil?" in shown and "1    pdf-exfil" in shown
    posted = [request.json for request in portal.seen("POST", "/v1/decisions")]
    if sent is None:
        assert len(posted) == 1 and "Nothing was decided." in shown
    else:
        assert posted[1] == posted[0] | sent


def test_a_decision_that_stays_needs_a_reason(signed_in: Ata, portal: StandIn) -> None:
    for words in (("skill", "block", "x"), ("mcp", "allow", "x"), ("alert", "dismiss", "x")):
        done = signed_in.here(*words)
        assert done.exit_code == 2 and "--reason" in done.stderr
    assert portal.requests == []
    portal.on("POST", "/v1/decisions", Reply(201, {"event_id": "e1"}))
    shown = signed_in.on_a_terminal("skill", "block", "x", typed="leaks files\n")
    assert "Reason" in shown
    assert portal.seen("POST", "/v1/decisions")[0].json["reason"] == "leaks files"


def test_wrong_usage_ends_with_two(signed_in: Ata, portal: StandIn) -> None:
    assert signed_in("skill", "block").returncode == 2
    assert signed_in("skill", "block", "x", "--severity", "dreadful").returncode == 2
    assert signed_in("skill", "destroy", "x").returncode == 2
    assert portal.requests == []


def test_a_name_cannot_drive_the_terminal(signed_in: Ata, portal: StandIn) -> None:
    sentence = "Block \x1b[2J\u202eevil"
    portal.on("GET", f"/v1/approvals/{APPROVAL}", approval("closed", "denied", sentence=sentence))
    said = signed_in("approvals", "wait", APPROVAL).stdout
    assert "\x1b" not in said
    assert "\u202e" not in said


def test_what_is_said_beside_a_result_cannot_drive_the_terminal(
    signed_in: Ata, portal: StandIn
) -> None:
    portal.on("GET", "/v1/reviews", Reply(200, {"items": [{"id": "r"}], "next": "\x1b[2J"}))
    listed = signed_in("reviews", "list", "--limit", "1")
    no = {"code": "not_permitted", "detail": "No\x1b[2J"}
    portal.on("POST", "/v1/reviews/r/accounts/a/decide", Reply(201, {"refused": no}))
    decided = signed_in("reviews", "decide", "r", "a", "revoke", "--reason", "x")
    assert decided.returncode == 1
    assert "go on with" in listed.stderr and "was refused: No" in decided.stderr
    assert "\x1b" not in listed.stderr + decided.stderr


def test_an_address_on_another_host_gets_no_token(signed_in: Ata, portal: StandIn) -> None:
    portal.on(
        "POST", "/v1/decisions", asked(poll_url=f"http://127.0.0.1:9/v1/approvals/{APPROVAL}")
    )
    portal.on("GET", f"/v1/approvals/{APPROVAL}", approval("closed", "approved"))
    assert signed_in("skill", "block", "web-scraper", *WHY).returncode == 0
    assert len(portal.seen("GET", f"/v1/approvals/{APPROVAL}")) == 1


def test_approvals_are_listed(signed_in: Ata, portal: StandIn) -> None:
    items = [approval("pending").body, approval("closed", "denied").body]
    portal.on("GET", "/v1/approvals", Reply(200, {"items": items}))
    assert len(json.loads(signed_in("approvals", "--json").stdout)["items"]) == 2
    lines = signed_in("approvals").stdout.splitlines()
    assert [line.split("\t")[1] for line in lines] == ["pending", "denied"]


def test_a_request_is_withdrawn(signed_in: Ata, portal: StandIn) -> None:
    closed = approval("closed", "cancelled")
    portal.on("POST", f"/v1/approvals/{APPROVAL}/cancel", closed)
    done = signed_in("approvals", "cancel", APPROVAL)
    assert done.returncode == 0, done.stderr
    assert "Block the skill web-scraper everywhere: cancelled." in done.stdout
    assert "commits nothing" in done.stdout
    shown = signed_in("approvals", "cancel", APPROVAL, "--json")
    assert json.loads(shown.stdout)["outcome"] == "cancelled"


def test_withdrawing_what_is_over_says_how_to_see_its_end(signed_in: Ata, portal: StandIn) -> None:
    problem = {"detail": "This request is closed", "code": "closed"}
    portal.on("POST", f"/v1/approvals/{APPROVAL}/cancel", Reply(409, problem))
    done = signed_in("approvals", "cancel", APPROVAL)
    assert done.returncode == 1
    assert "`ata approvals` shows how it ended" in done.stderr


@pytest.mark.parametrize(
    ("outcome", "more", "words"),
    [
        ("denied", {"answer": "denied"}, "Nothing was committed."),
        ("denied", {"inferred": True}, "Auth0 answers a denial and an expiry alike"),
        ("denied", {"inferred": True, "held": True}, "The hold stays."),
        ("expired", {}, "No one answered in time."),
        ("expired", {"held": True}, "The hold stays."),
        ("failed", {"code": "not_enrolled"}, "enrol one with the issuer (Guardian)"),
        ("failed", {"code": "rate_limited"}, "five pushes a minute"),
        ("failed", {"code": "details_differ"}, "Treat it as an attack"),
        ("failed", {"code": "policy_changed"}, "Run the command again."),
        ("failed", {"code": "something_new"}, "Its page in the portal says more."),
    ],
)
def test_each_end_says_what_follows_and_what_to_do(
    signed_in: Ata, portal: StandIn, outcome: str, more: dict[str, Any], words: str
) -> None:
    portal.on("GET", f"/v1/approvals/{APPROVAL}", approval("closed", outcome, **more))
    done = signed_in.here("approvals", "wait", APPROVAL)
    assert words in done.stdout, done.stdout


def test_the_list_calls_an_inferred_denial_one(signed_in: Ata, portal: StandIn) -> None:
    items = [approval("closed", "denied", inferred=True).body]
    portal.on("GET", "/v1/approvals", Reply(200, {"items": items}))
    assert "denied (inferred), not yet confirmed" in signed_in("approvals").stdout


def test_an_approval_without_proof_is_not_said_flatly(signed_in: Ata, portal: StandIn) -> None:
    items = [approval("closed", "approved", proven=proven).body for proven in (False, True, None)]
    portal.on("GET", "/v1/approvals", Reply(200, {"items": items}))
    assert signed_in("approvals").stdout.count("recorded as approved, no proof found") == 1
    portal.on("GET", f"/v1/approvals/{APPROVAL}", approval("closed", "approved", proven=False))
    waited = signed_in.here("approvals", "wait", APPROVAL)
    assert "recorded as approved, no proof found" in waited.stdout, waited.stdout


def test_every_way_to_fail_that_the_pipeline_knows_has_its_advice() -> None:
    known = set()
    for path in (ROOT / "approvals").rglob("*.py"):
        text = path.read_text()
        known |= set(re.findall(r'(?:fail|NotOurs|_give_up)\([^"()]*"([a-z_]+)"', text))
    for name, pattern in (
        ("recheck", r'return "([a-z]+_[a-z_]+)"'),
        ("overtaken_requests", r'CODE = "([a-z_]+)"'),
    ):
        text = (ROOT / "approvals" / "pipeline" / f"{name}.py").read_text()
        known |= set(re.findall(pattern, text))
    assert len(known) > 10
    missing = known - set(approval_outcome_advice.AFTER_FAILURE)
    assert not missing, (
        f"say in ata/decisions/approval_outcome_advice.py what to do about {sorted(missing)}"
    )


def test_a_connection_is_revoked_by_its_name(signed_in: Ata, portal: StandIn) -> None:
    items = [{"id": "c1", "connection": "github"}, {"id": "c2", "connection": "slack"}]
    portal.on("GET", "/v1/connections", Reply(200, {"items": items}))
    portal.on("POST", "/v1/connections/c1/revoke", Reply(201, {"event_id": "e1"}))
    done = signed_in("connections", "revoke", "github", "--json")
    assert done.returncode == 0, done.stdout
    assert portal.seen("POST", "/v1/connections/c1/revoke")[0].headers["idempotency-key"]


def test_a_connection_name_that_is_not_unique_asks_for_the_id(
    signed_in: Ata, portal: StandIn
) -> None:
    items = [{"id": "c1", "connection": "github"}, {"id": "c2", "connection": "github"}]
    portal.on("GET", "/v1/connections", Reply(200, {"items": items}))
    done = signed_in("connections", "revoke", "github")
    assert done.returncode == 2
    assert "c1, c2" in done.stderr


def test_connections_are_listed(signed_in: Ata, portal: StandIn) -> None:
    one: dict[str, Any] = {"id": "c1", "connection": "github", "state": "connected"}
    one |= {"scopes": ["repo", "user"]}
    one |= {"owner": {"iss": "i", "sub": "s", "name": "Mia Member", "email": "mia@acme.example"}}
    portal.on("GET", "/v1/connections", Reply(200, {"items": [one]}))
    assert signed_in("connections", "list").stdout == (
        "c1\tgithub\t\tMia Member\tconnected\trepo user\t\n"
    )


def test_a_difference_is_a_line_a_change(signed_in: Ata, portal: StandIn) -> None:
    owner = {"iss": "i", "sub": "s", "email": "mia@acme.example"}
    base: dict[str, object] = {
        "what": "state",
        "connection": "github",
        "name": "c1",
        "owner": owner,
        "gained": [],
    }
    base |= {"lost": [], "before": "connected", "after": "suspended", "index": 7}
    more = base | {"what": "scopes", "gained": ["gist"], "lost": ["repo"], "index": 8}
    gone = base | {"owner": {"erased": True}, "index": None}
    came = base | {"what": "appeared", "connection": None, "application": "desk", "index": 9}
    came |= {"before": "", "after": "live", "audiences": ["https://cal.example", "https://m"]}
    told = [base, more, gone, came]
    portal.on("GET", "/v1/connections/ibom/difference", Reply(200, {"items": told}))
    done = signed_in("connections", "diff", "2026-11-01", "12")
    assert done.stdout == (
        "7\tstate\tgithub\tmia@acme.example\tconnected\tsuspended\n"
        "8\tscopes\tgithub\tmia@acme.example\tconnected\t+gist -repo\n"
        "-\tstate\tgithub\t(erased)\tconnected\tsuspended\n"
        "9\tappeared\tdesk\tmia@acme.example\t\tlive at https://cal.example https://m\n"
    )
    [asked] = portal.seen("GET", "/v1/connections/ibom/difference")
    assert asked.query == {"from": ["2026-11-01"], "to": ["12"]}


def test_waiting_says_why_and_how_many_of_whom_approved(signed_in: Ata, portal: StandIn) -> None:
    first = {"asked": "Olu Operator", "state": "waiting"}
    second = {"asked": "Oona Operator", "state": "waiting"}
    more: dict[str, Any] = {"needed": 2, "severity": "CRITICAL", "reason": "reads ~/.ssh"}
    portal.on("POST", "/v1/decisions", asked())
    portal.on(
        "GET",
        f"/v1/approvals/{APPROVAL}",
        approval("pending", asks=[first], **more),
        approval("pending", asks=[first], **more),
        approval(
            "pending",
            asks=[first | {"state": "approved"}, second],
            **more,
            binding_message="52-14-53",
        ),
        approval("closed", "approved", **more),
    )
    done = signed_in("skill", "block", "web-scraper", *WHY)
    assert done.returncode == 0, done.stderr
    assert "Severity: CRITICAL. Reason: reads ~/.ssh" in done.stdout
    assert "Waiting for Olu Operator (0 of 2 approved)." in done.stdout
    assert (
        "Waiting for Oona Operator (1 of 2 approved: Olu Operator). Code: 52-14-53" in done.stdout
    )
