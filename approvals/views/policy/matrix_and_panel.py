"""The policy's matrix on a page: its headline, its rows, and the panel that explains one cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any, Final

from django.db.models import Count
from django.http import QueryDict

from approvals import clock, registry
from approvals.policy import answer_matrix, minimum, rule_summaries, sentences
from approvals.policy.answer_matrix import COLUMNS, UNSCANNED, Case, Cell, Row, unique
from approvals.policy.document import Document, Rule
from approvals.policy.first_matching_rule import Situation, is_about, mismatch
from approvals.policy.single_decision_dry_run import Trial
from approvals.registry import Stance, Verb
from approvals.views import inbox
from audit.recording.actors import Actor

DAYS: Final = 30
"""How far back requests of a rule are counted."""
NAMES: Final = {name: name.capitalize() for name in COLUMNS} | {UNSCANNED: "Never scanned"}
_WHOSE: Final = {
    "plain": "no one’s in particular",
    "own": "the requester’s own",
    "others": "another person’s",
    "finding": "no one’s in particular",
    "outpost": "no one’s; the outpost asks for proof",
}
_STANCES: Final = {
    Stance.TIGHTEN: "restricts",
    Stance.RECORD: "records",
    Stance.FINAL: "is final",
    Stance.LOOSEN: "relaxes",
}
_GRAVEST_FIRST: Final = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO")


@dataclass(frozen=True, slots=True)
class Step:
    """What follows: `texts` has one `(decisions, sentence)`, or several where they differ."""

    title: str
    texts: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Used:
    """Requests that a rule decided, and those of them for the decisions and severity of a cell."""

    rule: int
    here: int


@dataclass(frozen=True, slots=True)
class Panel:
    """One cell explained."""

    title: str
    row: Row
    column: str
    counts_as: str  # the severity that counts where nothing was scanned
    cell: Cell
    sentence: str
    steps: list[Step]
    facts: list[tuple[str, str]]
    passed: list[tuple[int, str]]  # place of each other rule, and why it does not decide
    floor: str
    single_person: bool
    acts: str
    used: Used | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A matrix as a page shows it."""

    groups: list[tuple[str, list[Row]]]
    columns: list[tuple[str, str]]
    at: str  # the column that a phone shows


def shown(rows: Sequence[Row], at: str) -> Shown:
    """Rows under the headings of their groups."""
    return Shown(
        [(name, list(found)) for name, found in groupby(rows, key=lambda row: row.kind.group)],
        [(name, NAMES[name]) for name in COLUMNS],
        at,
    )


@dataclass(frozen=True, slots=True)
class Preview:
    """The matrix of a proposed policy, with how many answers differ from the one in force."""

    matrix: Shown
    title: str
    changed: int
    weaker: int


def preview(proposed: Document, before: Document) -> Preview:
    """What a proposed policy would answer, each cell with what the one in force does."""
    rows = answer_matrix.matrix(proposed, before)
    cells = [cell for row in rows for cell in ([row.whole] if row.whole else row.cells)]
    return Preview(
        matrix=shown(rows, "CRITICAL"),
        title=headline(rows),
        changed=sum(1 for cell in cells if cell.was),
        weaker=sum(1 for cell in cells if cell.weaker),
    )


_NEED = "need an approver other than the requester"


def headline(rows: Iterable[Row]) -> str:
    """The answer in a sentence: from which severity on everything that anyone approves is approved
    by someone other than its requester; a finding is no approver."""
    return {
        "CRITICAL": f"Critical decisions {_NEED}",
        "HIGH": f"High and Critical decisions {_NEED}",
        "MEDIUM": f"Decisions at Medium and above {_NEED}",
        "LOW": f"Decisions at Low and above {_NEED}",
        "INFO": "Every approval is given by someone other than the requester",
    }.get(_lowest(rows, {"second"}), "Who must approve a decision")


def least_approval(rows: Sequence[Row]) -> str:
    """Below what the headline says: from which severity on the requester at least has to approve;
    empty where nothing lies between."""
    order = ["", *_GRAVEST_FIRST]
    alone, lowest = _lowest(rows, {"second"}), _lowest(rows, {"self", "second"})
    between = [NAMES[one] for one in order[order.index(alone) + 1 : order.index(lowest) + 1]]
    if not between:
        return ""
    which = sentences.listing(between[::-1], "and")
    return f"{which} ones need at least the requester’s own approval."


def answer(rows: Sequence[Row]) -> str:
    """Both, as sentences."""
    return f"{headline(rows)}. {least_approval(rows)}".strip()


def _lowest(rows: Iterable[Row], enough: Collection[str]) -> str:
    """The least grave severity from which on every decision that anyone approves takes one of these
    strengths; empty where not even Critical ones do."""
    asking = [row for row in rows if any(cell.strength not in {"", "none"} for cell in row.cells)]
    lowest = ""
    for column in _GRAVEST_FIRST:
        strengths = {row.at(column).strength for row in asking} - {""}
        if not strengths or not strengths <= set(enough):
            break
        lowest = column
    return lowest


def chosen(rows: Sequence[Row], asked: QueryDict | Mapping[str, str]) -> tuple[Row, str]:
    """The row and column of `?row=` and `?at=`; where there is none, a Critical relaxation."""
    usual = next((row for row in rows if row.key == "relax"), rows[0])
    row = next((row for row in rows if row.key == asked.get("row", "")), usual)
    column = asked.get("at", "")
    return row, column if column in COLUMNS else "CRITICAL"


def panel(
    row: Row, column: str, document: Document, counts: Mapping[tuple[str, str, str], int]
) -> Panel:
    """What a cell means: its rule, what follows, and why no other rule decides."""
    cell = row.at(column) if row.at(column).trial or row.whole is None else row.whole
    case = row.cases[0]  # all of a row are answered alike
    facts = case.facts(cell.severity or column)
    asks = cell.trial is not None and cell.trial.decision.kind == "require"
    rules_read = cell.trial is not None and not _is_at_once(cell.trial)
    return Panel(
        title=_title(cell),
        row=row,
        column=column,
        counts_as=cell.severity.capitalize() if column == UNSCANNED else "",
        cell=cell,
        sentence=_sentence(cell, case),
        steps=_steps(row, cell, document) if asks else [],
        facts=_facts(case, facts) if cell.trial else [],
        passed=_passed(document, facts, cell) if rules_read else [],
        floor=_floor(facts) if cell.trial else "",
        single_person=asks and _requester_alone_may(cell),
        acts=sentences.listing(unique(registry.get(n).label.lower() for n in row.verbs), "or"),
        used=_used(row, cell, counts),
    )


def _title(cell: Cell) -> str:
    trial = cell.trial
    if trial is None:
        return "This does not happen"
    if trial.rule and trial.decision.rule == trial.rule:
        return f"Rule {trial.place} decides"
    if trial.decision.kind == "require":
        return "The minimum decides"
    return "No rule is asked" if _is_at_once(trial) else "No rule applies"


def _requester_alone_may(cell: Cell) -> bool:
    """Whether the requester may approve where no one else holds the role: no finding may, and no
    one in place of a group."""
    trial = cell.trial
    return trial is not None and trial.decision.approver == "another" and not trial.automatic


def _is_at_once(trial: Trial) -> bool:
    """Whether it takes effect without any rule being read: the dry run gives one reason then."""
    return len(trial.why) == 1 and not trial.rule


def _sentence(cell: Cell, case: Case) -> str:
    trial = cell.trial
    if trial is None:
        only = case.situation == "finding"
        return (
            "A finding requests a block only where a scan found something Critical."
            if only
            else "Nothing of this kind is scanned."
        )
    if trial.decision.kind != "require":
        return "It takes effect immediately: no one has to approve."
    rule = trial.decision.as_json()
    who = sentences.who_approves(rule, automatic=trial.automatic)
    within = sentences.duration(trial.decision.within_s)
    return f"{who[:1].upper()}{who[1:]} within {within}."


def _steps(row: Row, cell: Cell, document: Document) -> list[Step]:
    silence = f"No answer in {sentences.duration(_within(cell)).replace('minutes', 'min')}"
    said: dict[str, dict[str, list[Verb]]] = {}
    for case in row.cases:
        verb = case.known()
        rule = case.trial(document, cell.severity).decision.as_json()
        held = rule["while_pending"] == "hold"
        texts = {
            "Until then": rule_summaries.until_then("it" if held else ""),
            "Approved": verb.if_approved or "It takes effect.",
            "Denied": _denied(rule, verb, row),
            silence: _after_silence(rule, row),
        }
        for title, text in texts.items():
            said.setdefault(title, {}).setdefault(text, []).append(verb)
    return [Step(title, _by_sentence(texts)) for title, texts in said.items()]


def _denied(rule: Mapping[str, Any], verb: Verb, row: Row) -> str:
    said = verb.if_denied or "Nothing is committed."
    if rule["while_pending"] != "hold":
        return said
    said = f"{said} {sentences.hold_when_denied(rule)}"
    if row.kind.outposts and rule["on_denial"] == "release":
        return f"{said} At a gateway with an outpost it ends once the denial is signed by passkey."
    return said


def _within(cell: Cell) -> int:
    return cell.trial.decision.within_s if cell.trial else 0


def _after_silence(rule: Mapping[str, Any], row: Row) -> str:
    said = sentences.after_no_answer(rule)
    if row.kind.outposts and rule["while_pending"] == "hold" and rule["on_expiry"] == "release":
        return f"{said} At a gateway with an outpost it stays until someone decides."
    return said


def _by_sentence(texts: Mapping[str, Sequence[Verb]]) -> list[tuple[str, str]]:
    """Each sentence with its decisions, by kind where one decision has several sentences."""
    if len(texts) == 1:
        return [("", next(iter(texts)))]
    labels = Counter(label for verbs in texts.values() for label in {v.label for v in verbs})
    return [
        (sentences.listing(unique(_called(v, labels) for v in verbs), "or"), text)
        for text, verbs in texts.items()
    ]


def _called(verb: Verb, labels: Mapping[str, int]) -> str:
    if labels[verb.label] == 1:
        return verb.label
    kinds = sentences.listing(sorted(sentences.called(kind) for kind in verb.target_kinds), "or")
    return f"{verb.label} {kinds}"


def _facts(case: Case, facts: Situation) -> list[tuple[str, str]]:
    return [
        ("Decision", _STANCES[facts.stance]),
        ("Severity", facts.severity.capitalize()),
        ("Requested by", _requester(facts)),
        ("Whose", _WHOSE[case.situation]),
    ]


def _requester(facts: Situation) -> str:
    if facts.automatic:
        return "a finding"
    roles = " or ".join(sorted(facts.roles))
    return f"{sentences.article(roles)} {roles}" if roles else "its owner"


def _passed(document: Document, facts: Situation, cell: Cell) -> list[tuple[int, str]]:
    """Each rule that does not decide, with the first reason."""
    place = cell.trial.place if cell.trial else 0
    decides = place if cell.trial and cell.trial.decision.rule else 0
    return [
        (number, _reason(rule, facts, number, place))
        for number, rule in enumerate(document.rules, start=1)
        if number != decides
    ]


def _reason(rule: Rule, facts: Situation, number: int, place: int) -> str:
    why = mismatch(rule, facts)
    if why and not is_about(rule, facts.verb):
        about = sentences.applies_to(rule)
        return f"It is about other decisions: {about[:1].lower()}{about[1:]}."
    if why:
        return f"It {why}."
    return "It asks for less than the minimum." if number == place else f"Rule {place} is first."


def _floor(facts: Situation) -> str:
    match minimum.least(facts):
        case "another" if facts.automatic:
            return "No policy can ask for less than a person here."
        case "another":
            return "No policy can ask for less than another person here."
        case "self":
            return "No policy can ask for less than the requester’s own approval here."
    if facts.stance in {Stance.TIGHTEN, Stance.RECORD} or facts.owns:
        return "No policy can make it wait."
    return "A policy may ask for an approval here."


def counted(viewer: Actor, digest: str) -> dict[tuple[str, str, str], int]:
    """Requests of the last 30 days that the viewer may see, by rule of this version, decision and
    severity."""
    since = clock.now() - timedelta(days=DAYS)
    found = inbox.visible(viewer).filter(policy_digest=digest, created__gte=since)
    rows = found.order_by().values_list("rule__rule", "verb", "severity").annotate(n=Count("pk"))
    return {(str(rule or ""), verb, severity): n for rule, verb, severity, n in rows}


def _used(row: Row, cell: Cell, counts: Mapping[tuple[str, str, str], int]) -> Used | None:
    if cell.trial is None or not cell.trial.rule:
        return None
    of_rule = {key: n for key, n in counts.items() if key[0] == cell.trial.rule}
    verbs = set(row.verbs)
    here = sum(n for (_, verb, at), n in of_rule.items() if verb in verbs and at == cell.severity)
    return Used(sum(of_rule.values()), here)
