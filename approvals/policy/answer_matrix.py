"""The policy as a matrix: what it answers to each kind of decision at each severity.

Every answer is one of the dry run. Pure: no database, and nothing is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from approvals import registry
from approvals.policy import decision_rows, minimum, sentences
from approvals.policy.decision_rows import Kind, Situation
from approvals.policy.document import PUSH_UP_TO_S, Document, Rule
from approvals.policy.evaluation import Decision
from approvals.policy.first_matching_rule import Situation as Facts
from approvals.policy.single_decision_dry_run import Trial, make_situation, what_if
from approvals.registry import Stance, Verb
from audit.ledger.format.allowed_field_values import SEVERITIES

UNSCANNED: Final = "UNSCANNED"
"""The column of a component that was never scanned."""
COLUMNS: Final = (*SEVERITIES, UNSCANNED)
OWN_DEVICE: Final = {
    "ciba": "Own phone",
    "passkey": "Own passkey",
    "both": "Own phone and passkey",
    "either": "Own phone or passkey",
}
_LEVELS: Final = ("none", "self", "second")


@dataclass(frozen=True, slots=True)
class Case:
    """A decision, whose things it is about and the role of its requester; without its severity."""

    verb: str
    situation: Situation
    role: str = ""  # of the requester; empty: a finding or the owner requests it

    def known(self) -> Verb:
        """The registered verb."""
        return registry.get(self.verb)

    def trial(self, document: Document, severity: str) -> Trial:
        """The dry run of it at a severity."""
        return what_if(document, self.known(), self.facts(severity))

    def facts(self, severity: str) -> Facts:
        """The conditions that rules compare, at a severity."""
        return make_situation(
            self.known(),
            severity,
            roles=frozenset({self.role} if self.role else ()),
            automatic=self.situation == "finding",
            others=self.situation == "others",
            owns=self.situation == "own",
            proven=self.situation == "outpost",
        )


@dataclass(frozen=True, slots=True)
class Cell:
    """The policy's answer in one column; without `trial` the decision cannot occur there.

    `before` is the answer of an earlier policy, where two are compared.
    """

    column: str
    severity: str  # that the policy applies in this column
    trial: Trial | None = None
    before: Trial | None = None

    @property
    def answer(self) -> str:
        """Who has to approve, in two words."""
        return in_short(self.trial) if self.trial else ""

    @property
    def strength(self) -> str:
        """`none`, `self` or `second`: who has to approve."""
        return level(self.trial.decision.approver) if self.trial else ""

    @property
    def was(self) -> str:
        """The earlier answer, where it is another one."""
        old = in_short(self.before) if self.before else ""
        return "" if old == self.answer else old

    @property
    def weaker(self) -> bool:
        """Whether it takes fewer people than before."""
        if self.trial is None or self.before is None:
            return False
        return _people(self.trial.decision) < _people(self.before.decision)

    @property
    def alike(self) -> tuple[str, ...]:
        """What two cells share that say the same."""
        return (self.answer, self.trial.rule if self.trial else "", self.was)


@dataclass(frozen=True, slots=True)
class Row:
    """Decisions that the policy answers alike."""

    key: str
    kind: Kind
    label: str
    cases: tuple[Case, ...]
    cells: tuple[Cell, ...]  # in the order of COLUMNS

    @property
    def whole(self) -> Cell | None:
        """The one answer where all severities have the same, or None."""
        first = self.cells[0]
        alike = {cell.alike for cell in self.cells if cell.trial or cell.column != UNSCANNED}
        return first if len(alike) == 1 and first.trial else None

    @property
    def verbs(self) -> list[str]:
        """Names of its decisions."""
        return unique(case.verb for case in self.cases)

    def at(self, column: str) -> Cell:
        """The cell of a column."""
        return self.cells[COLUMNS.index(column)]


@dataclass(slots=True)
class _Answers:
    """Cases of one kind whose answers agree."""

    cells: tuple[Cell, ...]
    cases: list[Case] = field(default_factory=list)


def matrix(document: Document, before: Document | None = None) -> list[Row]:
    """The rows of a document; with `before`, each cell has what that answered where it differs."""
    return [row for kind in decision_rows.all_kinds() for row in _rows(kind, document, before)]


def cases(kind: Kind) -> Iterator[Case]:
    """The decisions of a kind, by each role that may request them."""
    for name, whose in kind.named():
        roles = sorted(registry.get(name).roles)
        if whose in {"finding", "own"} or not roles:
            yield Case(name, whose if roles else "own")
        else:
            yield from (Case(name, whose, role) for role in roles)


def column_severity(kind: Kind, case: Case, document: Document, column: str) -> str:
    """The severity that counts in a column; empty where a decision of that kind has none."""
    if kind.only and column != kind.only:
        return ""
    if column != UNSCANNED:
        return column
    if kind.stance == Stance.TIGHTEN:
        return "LOW"
    if not kind.scanned:
        return ""
    relaxes = case.known().stance == Stance.LOOSEN
    return document.never_scanned_loosening if relaxes else "LOW"


def _rows(kind: Kind, document: Document, before: Document | None) -> Iterator[Row]:
    found: dict[tuple[tuple[str, ...], ...], _Answers] = {}
    for case in cases(kind):
        cells = tuple(_cell(kind, case, document, before, column) for column in COLUMNS)
        said = tuple(cell.alike for cell in cells)
        found.setdefault(said, _Answers(cells)).cases.append(case)
    by_role = _dependent_on_role(found.values())
    for number, answers in enumerate(found.values()):
        yield Row(
            key=f"{kind.key}-{number + 1}" if number else kind.key,
            kind=kind,
            label=kind.label if len(found) == 1 else _label(answers.cases, by_role),
            cases=tuple(answers.cases),
            cells=answers.cells,
        )


def _cell(kind: Kind, case: Case, document: Document, before: Document | None, column: str) -> Cell:
    severity = column_severity(kind, case, document, column)
    if not severity:
        return Cell(column, "")
    if before is None:
        return Cell(column, severity, case.trial(document, severity))
    old = case.trial(before, column_severity(kind, case, before, column))
    return Cell(column, severity, case.trial(document, severity), old)


def _dependent_on_role(found: Iterable[_Answers]) -> set[str]:
    """Decisions whose answer depends on the role of who requests them."""
    seen = Counter(name for one in found for name in {case.verb for case in one.cases})
    return {name for name, times in seen.items() if times > 1}


def _label(found: Sequence[Case], by_role: set[str]) -> str:
    """Which decisions these are: `Block: skill or tool, requested by an admin`."""
    kinds: dict[str, list[str]] = {}
    for case in found:
        called = sorted(sentences.called(kind) for kind in case.known().target_kinds)
        kinds.setdefault(case.known().label, []).extend(called)
    parts = [f"{label}: {sentences.listing(unique(what), 'or')}" for label, what in kinds.items()]
    roles = unique(
        f"{sentences.article(case.role)} {case.role}" for case in found if case.verb in by_role
    )
    asked = f", requested by {sentences.listing(roles, 'or')}" if roles else ""
    return "; ".join(parts) + asked


def level(approver: str) -> str:
    """`none`, `self` or `second`, for the approver that a rule names."""
    return _LEVELS[minimum.STRENGTH[approver or "none"]]


def _people(decision: Decision) -> tuple[int, int]:
    """The strength of who approves, then how many of them it takes."""
    return minimum.STRENGTH[decision.approver or "none"], decision.count


def unique(found: Iterable[str]) -> list[str]:
    """Each once, in its first place."""
    return list(dict.fromkeys(found))


def in_short(trial: Trial) -> str:
    """Who approves, as the answer in a cell."""
    decision = trial.decision
    if decision.kind != "require":
        return "Immediate"
    roles = " or ".join(decision.approver_roles)
    short = approver_in_short(decision, decision.within_s, roles, automatic=trial.automatic)
    return f"Owner, then {short[:1].lower()}{short[1:]}" if decision.first else short


def approver_in_short(
    asks: Rule | Decision, within_s: int, roles: str, *, automatic: bool = False
) -> str:
    """Who approves and how, such as `2 of security, with a passkey`.

    Args:
        asks: what asks for an approval.
        within_s: seconds in which it has to be answered.
        roles: of who approves; empty where any role can be.
        automatic: a finding requests it, so the approver is the first person.
    """
    if asks.approver == "self":
        own = OWN_DEVICE[asks.channel]
        return own.replace("phone", "e-mail") if within_s > PUSH_UP_TO_S else own
    proof = "" if asks.channel == "ciba" else f", {sentences.CHANNELS[asks.channel]}"
    if asks.approver == "group":
        return f"{asks.count} of {asks.group}{proof}"
    who = roles or "person"
    return f"{sentences.article(who).capitalize() if automatic else '2nd'} {who}{proof}"
