"""The policy as a matrix: every cell is the dry run's answer, on the page and in a preview."""

from __future__ import annotations

import html
import re
from dataclasses import fields
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import policy, registry
from approvals.models import Approval
from approvals.pipeline.service import perform
from approvals.policy import answer_matrix, decision_rows
from approvals.policy.answer_matrix import COLUMNS, UNSCANNED, Row, matrix
from approvals.policy.document import DEFAULT, SAFEST, Document, read
from approvals.policy.single_decision_dry_run import Trial, make_situation, what_if
from approvals.registry import Stance, Verb
from approvals.views.policy import matrix_and_panel
from audit.ledger.format.allowed_field_values import SEVERITIES
from audit.recording.actors import Target
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import acting
from tests.approvals.policies import in_force, rule
from tests.approvals.test_policy_pages import EDIT, form, step, text
from tests.support.pages import keep_the_shell, signed_in

PAGE = "/approvals/policy/"
_ASKING = frozenset({Stance.FINAL, Stance.LOOSEN})


def documents() -> list[Document]:
    """The policy as delivered, the safest, and two that tell kinds and roles apart."""
    made = [
        [rule("skills", verbs=["skill.block"], severities=["LOW"], approver="self")],
        [
            rule("by-admins", roles=["admin"], approver="another", channel="both"),
            rule("critical", severities=["CRITICAL"]),
            rule("rest", approver="self", channel="passkey", within_s=900),
        ],
    ]
    more = [
        read({"schema": "ata.policy.v2", "number": 1, "rules": rules, "never_scanned_loosening": n})
        for rules, n in zip(made, ("HIGH", "CRITICAL"), strict=True)
    ]
    return [read(DEFAULT), read(SAFEST), *more]


def tried(document: Document, verb: Verb, severity: str, role: str, situation: str) -> Trial:
    """The dry run, asked directly."""
    facts = make_situation(
        verb,
        severity,
        roles=frozenset({role} if role else ()),
        automatic=situation == "finding",
        others=situation == "others",
        owns=situation == "own",
        proven=situation == "outpost",
    )
    return what_if(document, verb, facts)


@pytest.mark.parametrize("document", documents(), ids=["delivered", "safest", "kinds", "roles"])
def test_each_cell_is_the_answer_of_the_dry_run_for_each_of_its_decisions(
    document: Document,
) -> None:
    seen: set[tuple[str, str]] = set()
    for row in matrix(document):
        for case in row.cases:
            for cell in row.cells:
                if cell.trial is None:
                    continue
                wanted = tried(document, case.known(), cell.severity, case.role, case.situation)
                assert answer_matrix.in_short(wanted) == cell.answer
                assert wanted.rule == cell.trial.rule
                seen.add((case.verb, cell.column))
    every = {(verb, severity) for verb in registry.names() for severity in SEVERITIES}
    assert every <= seen, f"no cell says {sorted(every - seen)[:5]}"


def test_what_was_never_scanned_counts_as_the_policy_says() -> None:
    for document in documents():
        rows = {row.cases[0].verb: row for row in reversed(matrix(document))}
        relaxing, block = rows["skill.allow"].at(UNSCANNED), rows["skill.block"].at(UNSCANNED)
        assert relaxing.severity == document.never_scanned_loosening
        assert block.severity == "LOW", "only what relaxes counts higher"


def test_every_final_or_relaxing_decision_has_a_row_for_each_situation_it_can_have() -> None:
    assert decision_rows.unlisted() == []
    plain = {one.name: one.default for one in fields(Verb)}
    listed = {pair for kind in decision_rows.KINDS for pair in kind.decisions}
    for verb in map(registry.get, registry.names()):
        if verb.stance not in _ASKING:
            continue
        if verb.about_others is not plain["about_others"] or verb.first is not None:
            assert (verb.name, "others") in listed, verb.name
        if verb.owns is not None:
            assert (verb.name, "own") in listed, verb.name
        if verb.needs_proof is not plain["needs_proof"] and verb.stance == Stance.LOOSEN:
            assert (verb.name, "outpost") in listed, verb.name


def labels(rows: list[Row], kind: str) -> list[str]:
    return [row.label for row in rows if row.kind.key == kind]


def test_decisions_that_a_rule_tells_apart_are_rows_of_their_own() -> None:
    document = documents()[2]
    assert labels(matrix(read(DEFAULT)), "block") == ["Block a skill, server, plugin or tool"]
    parts = labels(matrix(document), "block")
    assert parts == ["Block: a skill", "Block: an MCP server, a plugin or a tool"]


def test_requesters_that_a_rule_tells_apart_are_rows_of_their_own() -> None:
    parts = labels(matrix(documents()[3]), "manifest")
    assert [part.rpartition(", ")[2] for part in parts] == [
        "requested by an admin",
        "requested by an operator",
    ]


def test_a_newer_decision_that_no_row_names_is_shown_all_the_same(lamps: Lamps) -> None:
    rows = [row for row in matrix(read(DEFAULT)) if row.kind.key == "other"]
    assert {verb for row in rows for verb in row.verbs} == {
        "lamp.allow",
        "lamp.block",
        "lamp.remove",
    }


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (
            [rule("high", severities=["HIGH"], approver="self")],
            "Critical decisions",
        ),
        (
            [rule("high", severities=["HIGH"])],
            "High and Critical decisions",
        ),
        (
            [rule("high", severities=["HIGH", "MEDIUM"])],
            "Decisions at Medium and above",
        ),
        ([rule("all")], "Every approval is given by"),
    ],
)
def test_the_headline_says_from_where_on_a_second_person_is_needed(
    rules: list[dict[str, Any]], said: str
) -> None:
    document = read({"schema": "ata.policy.v2", "number": 1, "rules": rules})
    rows = matrix(document)
    need = "someone other" if said.endswith("by") else "need an approver other"
    assert matrix_and_panel.headline(rows) == f"{said} {need} than the requester"
    by_finding = [row for row in rows if row.cases[0].situation == "finding"]
    assert [row.at("CRITICAL").answer for row in by_finding] == ["An operator"], "no second one"


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([rule("high", severities=["HIGH"], approver="self")], "High ones"),
        ([rule("all", severities=["HIGH", "MEDIUM"], approver="self")], "Medium and High ones"),
        ([rule("all", approver="self")], "Info, Low, Medium and High ones"),
        ([rule("all")], ""),
    ],
)
def test_below_the_headline_stands_from_where_on_the_requester_has_to_approve(
    rules: list[dict[str, Any]], said: str
) -> None:
    rows = matrix(read({"schema": "ata.policy.v2", "number": 1, "rules": rules}))
    least = matrix_and_panel.least_approval(rows)
    assert least == (f"{said} need at least the requester’s own approval." if said else "")


@pytest.mark.parametrize("roles", [(), ("auditor",), ("operator",), ("admin",)])
def test_the_page_shows_every_row_and_cell(db: None, roles: tuple[str, ...]) -> None:
    page = signed_in("member1", *roles).get(PAGE).content.decode()
    for row in matrix(policy.current()):
        assert html.escape(row.label) in page
        for column in [None] if row.whole else COLUMNS:
            cell = row.whole or row.at(column or "")
            shown = re.search(
                rf'href="\?row={row.key}&amp;at={column or "CRITICAL"}#panel"[^>]*>(.*?)</a>', page
            )
            assert (shown is not None) is (cell.trial is not None)
            assert shown is None or f"<span>{cell.answer}" in shown[1]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("row=relax&at=CRITICAL", "Rule 4 decides"),
        ("row=relax-outpost&at=LOW", "The minimum decides"),
        ("row=block&at=LOW", "No rule applies"),
        ("row=restrict&at=HIGH", "No rule is asked"),
        ("row=block-found&at=LOW", "This does not happen"),
        ("row=nothing&at=NEVER", "Rule 4 decides"),
    ],
)
def test_the_panel_says_what_decides(db: None, asked: str, said: str) -> None:
    assert said in text(signed_in("member1").get(f"{PAGE}?{asked}"))


def test_the_panel_says_what_follows_by_decision_and_why_no_other_rule(db: None) -> None:
    shown = text(signed_in("member1").get(f"{PAGE}?row=relax&at=CRITICAL"))
    assert "An operator other than the one who asked approves by phone within 5 minutes." in shown
    assert (
        "Allow, Unblock or Restore: It stays as it is." in shown
        and "Release: The hold is not ended." in shown
    )
    assert "No answer in 5 min The next on call is asked" in shown
    assert "It is for severity HIGH." in shown and "It is for other people’s things." in shown
    assert "No policy can ask for less than another person here." in shown
    assert "the record says single-person" in shown
    block = text(signed_in("member1").get(f"{PAGE}?row=block&at=CRITICAL"))
    assert "It is on hold." in block
    assert "Nothing is blocked. The hold ends once the denial is proven." in block
    assert "At a gateway with an outpost it ends once the denial is signed by passkey." in block


def test_a_block_that_a_finding_requests_takes_one_person_and_no_second(db: None) -> None:
    row = next(row for row in matrix(policy.current()) if row.kind.key == "block-found")
    assert row.at("CRITICAL").answer == "An operator"
    shown = text(signed_in("member1").get(f"{PAGE}?row=block-found&at=CRITICAL"))
    assert "An operator approves by phone within 5 minutes." in shown
    assert "No policy can ask for less than a person here." in shown
    assert "the requester may approve" not in shown, "no person requested it"
    asked = f"{PAGE}?try-verb=skill.block&try-severity=CRITICAL&try-who=finding"
    tried = text(signed_in("member1").get(asked))
    assert "Block at severity CRITICAL: an operator approves by phone" in tried


def test_no_requester_is_said_to_approve_in_place_of_a_group(db: None) -> None:
    sec = {"sec": {"role": "operator"}}
    in_force(rule("all", approver="group", group="sec", count=2), groups=sec)
    shown = text(signed_in("member1").get(f"{PAGE}?row=block&at=CRITICAL"))
    assert "Two of the group sec, never the one who asked, approve by phone" in shown
    assert "No policy can ask for less than another person here." in shown
    assert "the requester may approve" not in shown


def test_no_answer_ends_no_hold_at_a_gateway_with_an_outpost(db: None) -> None:
    in_force(rule("all", on_expiry="release"))
    shown = text(signed_in("member1").get(f"{PAGE}?row=block&at=CRITICAL"))
    assert "after the last one the hold ends. At a gateway with an outpost it stays" in shown


def test_requests_of_a_rule_are_counted_and_members_count_their_own(lamps: Lamps) -> None:
    olu = acting("operator", "operator")
    acting("operator2", "operator")
    for number in range(3):
        perform(olu, "lamp.block", Target("lamp", f"lamp-{number}"), severity="CRITICAL")
    perform(olu, "lamp.allow", Target("lamp", "lamp-9"), severity="HIGH")
    asked = f"{PAGE}?row=other&at=CRITICAL"
    assert "3 requests used this rule in 30 days, 3 of them" in text(
        signed_in("auditor", "auditor").get(asked)
    )
    assert "No request of yours used this rule in 30 days." in text(signed_in("member1").get(asked))
    in_force(rule("critical"))
    assert "No request used this rule" in text(signed_in("auditor", "auditor").get(asked))
    assert Approval.objects.count() == 4


def test_the_page_asks_the_same_however_many_requests_there_are(
    lamps: Lamps, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_the_shell(monkeypatch)
    olu = acting("operator", "operator")
    acting("operator2", "operator")
    client = signed_in("auditor", "auditor")

    def queries() -> int:
        client.get(PAGE)
        with CaptureQueriesContext(connection) as asked:
            client.get(PAGE)
        return len(asked)

    few = queries()
    for number in range(12):
        perform(olu, "lamp.block", Target("lamp", f"lamp-{number}"), severity="CRITICAL")
    assert queries() == few


def test_a_draft_shows_what_it_would_answer_and_where_fewer_people_are_asked(db: None) -> None:
    acting("operator2", "admin")
    admin = signed_in("admin", "admin")
    sent = form(admin.get(EDIT))
    assert "The same people approve as under the policy in force" in text(admin.get(EDIT))
    page = step(admin, sent, "preview", r4__who="another")
    assert "High and Critical decisions need an approver other than the requester." in text(page)
    assert "was Own phone" in text(page) and "fewer people" not in text(page)
    in_force(rule("all"))
    page = step(admin, form(admin.get(EDIT)), "review", r0__severities="CRITICAL")
    assert "fewer people" in text(page), "the difference shows it as well"
    assert "was 2nd operator" in text(page)
    assert not Approval.objects.exists()


def group_of(count: int) -> dict[str, Any]:
    return {"approver": "group", "group": "sec", "count": count}


@pytest.mark.parametrize(
    ("before", "after", "weaker"),
    [
        (group_of(3), group_of(1), True),
        (group_of(2), {"approver": "another"}, True),
        (group_of(1), {"approver": "self"}, True),
        (group_of(1), {"approver": "another"}, False),
        (group_of(1), group_of(3), False),
        ({"approver": "another"}, group_of(2), False),
        ({"approver": "another", "channel": "both"}, {"approver": "another"}, False),
    ],
)
def test_an_answer_is_weaker_where_it_takes_fewer_people(
    before: dict[str, Any], after: dict[str, Any], weaker: bool
) -> None:
    old, new = (
        read(
            {
                "schema": "ata.policy.v2",
                "number": 1,
                "rules": [rule("all", **one)],
                "groups": {"sec": {"role": "operator"}},
            }
        )
        for one in (before, after)
    )
    rows = [row for row in matrix(new, old) if row.kind.key == "block"]
    cells = [cell for row in rows for cell in row.cells if cell.severity == "LOW"]
    assert cells and {cell.weaker for cell in cells} == {weaker}


def test_a_draft_that_is_no_policy_shows_no_answers(db: None) -> None:
    admin = signed_in("admin", "admin")
    page = step(admin, form(admin.get(EDIT)), "preview", r0__verbs="nonsense")
    assert page.status_code == 200
    assert "This draft is not a whole policy yet" in text(page)
