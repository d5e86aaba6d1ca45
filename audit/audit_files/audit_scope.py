"""What one audit file is about: framework, period, tree, and the range of the log for these."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

from django.db.models import Max, Min, Q

from audit import coverage
from audit.coverage import FRAMEWORKS, Framework, Requirement
from audit.exports.full_log import NoSuchTree, checkpoint_of
from audit.ledger import checkpoint as checkpoints
from audit.ledger.audit_file_format import tables_of_range
from audit.ledger.audit_file_format.entry_range import MOST_ENTRIES
from audit.ledger.audit_file_format.roles_and_access_ends import ACCESS_END_SET
from audit.ledger.audit_file_format.tables_of_range import REQUIREMENT, Table
from audit.ledger.offline.samples import SampleError, check_seed
from audit.ledger.query import EventQuery
from audit.models import Checkpoint, EventRow
from audit.sequencing import signed_state

SAMPLE_SIZE: Final = 25
MOST_ITEMS: Final = 60
"""Of one sample; a file has about ten of these."""
EXCEPTIONS: Final = " ".join(
    f"action:{name}"
    for name in (
        *(f"{kind}.override_logged" for kind in ("skill", "mcp", "plugin", "tool")),
        *("approval.denied", "approval.expired", "approval.failed", "approval.cancelled"),
        *("access.refused", "token.refused", "operator.sign_in_failed", "scope.escalated"),
        *("breakglass.*", "bypass.*", "ledger.alarm", "ledger.adopted", "tenant_log.gap_found"),
        *("effect.differs", "posture.changed", "outpost.contested", "outpost.result_refused"),
        *("defenseclaw.push_gap", "defenseclaw.row_changed", "defenseclaw.tag_misused"),
        "audit.quarantined",
    )
)
_LISTED: Final = (
    Table("exceptions", "exceptions", "Refusals, overrides, alarms and gaps", EXCEPTIONS),
    Table("policies", "policies", "Changes of the approval policy", "action:policy.changed"),
    Table("reviews", "reviews", "Access reviews", "action:review.*"),
    Table("sign-ins", "sign_ins", "Sign-ins of people", "action:operator.signed_in"),
    Table("access-ends", "access_ends", "Ends of access by role", f"action:{ACCESS_END_SET}"),
)


class NotPossible(Exception):
    """There can be no audit file of this; the message says why and what to do."""


@dataclass(frozen=True)
class Scope:
    """One audit.

    Attributes:
        framework, period: what is asked.
        tree: the signed tree that everything is taken from.
        seed: "" where the tree gives it.
        sample_size: items of each sample at most.
        complete: whether the other entries of the range go along, so that nothing can be missing.
    """

    framework: Framework
    period: coverage.Period
    tree: Checkpoint
    seed: str = ""
    sample_size: int = SAMPLE_SIZE
    complete: bool = True

    @property
    def origin(self) -> str:
        """The name of the log."""
        return checkpoints.parse(self.tree.note).origin

    @property
    def tables(self) -> tuple[Table, ...]:
        """Populations in the order of the file: requirements, then what is listed in whole."""
        return (*map(_table, self.answered), *_LISTED)

    @property
    def answered(self) -> tuple[Requirement, ...]:
        """Requirements that certain events answer, found by fields of entries alone."""
        return tuple(one for one in self.framework.requirements if not why_unanswered(one))

    @property
    def unanswered(self) -> tuple[Requirement, ...]:
        """Requirements without a population; `why_unanswered` says why of each."""
        return tuple(one for one in self.framework.requirements if why_unanswered(one))

    @property
    def within(self) -> tables_of_range.Period:
        """The period as entries write times."""
        return tables_of_range.Period(_stamp(self.period.start), _stamp(self.period.end))

    @cached_property
    def range(self) -> tuple[int, int]:
        """Start and end of the entries that were recorded, or happened, in the period.

        With one more at each side where there is one: they show that the range reaches far enough.

        Raises:
            NotPossible: there are none, or too many.
        """
        start, end = self.period.start, self.period.end
        mine = Q(time__gte=start, time__lt=end) | Q(recorded_at__gte=start, recorded_at__lt=end)
        signed = EventRow.objects.filter(seq__lt=self.tree.size)
        found = signed.filter(mine).aggregate(first=Min("seq"), last=Max("seq"))
        if found["first"] is None:
            raise NotPossible("No signed event is of this period. Choose another one.")
        first, last = found["first"], found["last"] + 1
        # A clock that was set back can leave more than one that belongs to the period.
        while first > 0 and not _recorded(first) < start:
            first -= 1
        while last < self.tree.size and _recorded(last - 1) < end:
            last += 1
        if last - first > MOST_ENTRIES:
            raise NotPossible(
                f"The log has {last - first:,} entries in this period, and one file holds at most "
                f"{MOST_ENTRIES:,}. Choose a shorter period."
            )
        return first, last

    @cached_property
    def last_signed(self) -> int | None:
        """The last signed entry where the period ends later than that was recorded; else None."""
        last = self.range[1] - 1
        ends_there = last + 1 == self.tree.size and _recorded(last) < self.period.end
        return last if ends_there else None

    def counts(self) -> dict[str, int]:
        """Rows of each table by its id, from the counts that are kept by the hour."""
        report = coverage.count([table.query() for table in self.tables], self.period)
        found = zip(self.tables, report.counted, strict=True)
        return {table.id: one.n for table, one in found}

    def opened(self, counts: Mapping[str, int]) -> int:
        """About how many entries go along with their values: exact where no table asks for more
        than actions, else as if no row was in two tables."""
        clauses = [clause for table in self.tables for clause in table.query().clauses]
        union = EventQuery()
        for action in dict.fromkeys(value for clause in clauses for value in clause.values):
            union = union.including("action", action)
        if union.errors or any(one.key != "action" or one.excluded for one in clauses):
            return sum(counts.values())
        return coverage.count([union], self.period).counted[0].n

    def items(self, counts: Mapping[str, int]) -> int:
        """How many items all samples have at most."""
        tables = (table for table in self.tables if table.kind == REQUIREMENT)
        return sum(min(self.sample_size, counts[table.id]) for table in tables)

    def sample_names(self) -> Iterator[tuple[Table, str]]:
        """Each table with the name of the member that is its sample; "" where it has none."""
        for number, table in enumerate(self.tables, start=1):
            slug = re.sub(r"[^A-Za-z0-9.]+", "-", table.id).strip("-")
            yield table, f"samples/{number:02}-{slug}.json" if table.kind == REQUIREMENT else ""


def scope(
    framework: str,
    period: coverage.Period,
    *,
    tree: int | None = None,
    seed: str = "",
    sample_size: int = SAMPLE_SIZE,
    complete: bool = True,
) -> Scope:
    """The scope of one audit file.

    Args:
        framework: its id.
        tree: size of the signed tree; None is the newest.

    Raises:
        NotPossible: there is no such framework or tree, or no such sample.
        SampleError: seed is none.
    """
    found = next((one for one in FRAMEWORKS if one.id == framework), None)
    if found is None:
        raise NotPossible(f"There is no framework {framework!r}.")
    if not 1 <= sample_size <= MOST_ITEMS:
        raise NotPossible(f"A sample has 1 to {MOST_ITEMS} items.")
    if seed:
        check_seed(seed)
    try:
        head = checkpoint_of(tree)
    except NoSuchTree:
        raise NotPossible(
            "The log has no signed state of that size. Open the page again, and start the worker "
            "if nothing was ever signed."
        ) from None
    if signed_state.is_former(head):
        raise NotPossible("The log has a new name and has signed nothing under it yet.")
    return Scope(found, period, head, seed, sample_size, complete)


def why_unanswered(one: Requirement) -> str:
    """Why a requirement has no population, as a sentence; "" where it has one."""
    if one.filter is None:
        return "No event answers it."
    if not one.filter:
        return "Every entry of the log."
    try:
        _table(one).query()
    except SampleError:
        return "It needs evidence, not a field of entries."
    return ""


def _table(one: Requirement) -> Table:
    return Table(one.number, REQUIREMENT, one.wants, one.filter or "")


def _recorded(seq: int) -> datetime:
    return EventRow.objects.values_list("recorded_at", flat=True).get(seq=seq)


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000000Z"
