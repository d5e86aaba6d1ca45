"""Open HIGH and CRITICAL findings that no decision and no waiting request answers, and the
components that need a decision because of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
    Window,
)
from django.db.models.functions import RowNumber

from approvals.models import Answer, Approval, Status
from audit.ledger.format.allowed_field_values import severity_rank
from enforcement.component_kinds import KINDS
from enforcement.effects.sentences import joined
from enforcement.findings.read_dispositions_from_gateway import NOT_NAMED
from enforcement.gateways import instances
from enforcement.models import Asset, Decision, Finding, FindingStatus

_GRAVEST_FIRST = ("-rank", "-at", "-id")
_NAMED = 2
"""Gateways that a row names; of more it says how many."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """How many rows `by_component` has: components, and findings of what is no component."""

    components: int
    others: int

    @property
    def total(self) -> int:
        """Of both."""
        return self.components + self.others

    @property
    def subject(self) -> str:
        """`3 components and 1 other finding`."""
        if not self.components:
            return _counted(self.others, "finding")
        some = _counted(self.components, "component")
        return f"{some} and {_counted(self.others, 'other finding')}" if self.others else some


@dataclass(frozen=True, slots=True)
class Component:
    """A component by its gravest finding, how many `more` it has, and at which gateways."""

    gravest: Finding
    more: int
    at: list[str]

    @property
    def gateways(self) -> str:
        """`edge-1 and edge-2`, or how many."""
        return joined(self.at) if len(self.at) <= _NAMED else f"{len(self.at)} gateways"

    @property
    def decidable(self) -> bool:
        """Whether it can be blocked or allowed: not so an agent call, or code."""
        return self.gravest.kind in KINDS


def with_status(status: str) -> Q:
    """Findings to list under a status.

    Under `open` are also those acknowledged at DefenseClaw by nobody who is named: anybody with the
    token of a gateway could else empty the queue of people here.
    """
    if status != FindingStatus.OPEN:
        return Q(status=status)
    unnamed = Q(status=FindingStatus.ACKNOWLEDGED, status_by__endswith=NOT_NAMED)
    return Q(status=status) | unnamed


def grave() -> QuerySet[Finding]:
    """Open HIGH and CRITICAL findings."""
    return Finding.objects.filter(with_status(FindingStatus.OPEN), rank__gte=severity_rank("HIGH"))


def undecided() -> QuerySet[Finding]:
    """Of those, the ones that need a person's decision.

    A block answers every finding of its item, an allow only those that came before it. So does a
    request that waits, and a denied block that came after the finding. What was decided for one
    gateway counts there before what was decided for all.
    """
    rows = Asset.objects.filter(kind=OuterRef("kind"), name=OuterRef("name"))
    answers = Q(decision=Decision.BLOCK) | Q(
        decision=Decision.ALLOW, decided_at__gte=OuterRef("at")
    )
    is_decided = ~Q(decision=Decision.NONE) | Q(decided_at__isnull=False)
    here_alone = rows.filter(is_decided, instance=OuterRef("instance"))
    apart = instances.fleet().apart_from("")
    of_all = Exists(rows.filter(answers, instance="")) & ~Q(instance__in=apart)
    decided = Exists(here_alone.filter(answers)) | (of_all & ~Exists(here_alone))
    here = Q(target_instance="") | Q(target_instance=OuterRef("instance"))
    overridden = Q(
        answer=Answer.DENIED,
        inferred=False,
        verb__endswith=".block",
        closed__gte=OuterRef("at"),
    )
    asked = Approval.objects.filter(
        here,
        Q(status=Status.PENDING) | overridden,
        target_kind=OuterRef("kind"),
        target_name=OuterRef("name"),
    )
    return grave().filter(~decided, ~Exists(asked))


def by_component(found: QuerySet[Finding]) -> QuerySet[Finding]:
    """The gravest finding of each component, with how many of `found` are about it as `of_it`.

    Nothing is decided about an agent call or about code: each of their findings is one row.
    """
    single = Case(
        When(kind__in=KINDS, then=Value(0)), default=F("pk"), output_field=BigIntegerField()
    )
    group: list[F | Case] = [F("kind"), F("name"), single]
    rows = found.annotate(
        of_it=Window(Count("pk"), partition_by=group),
        nth=Window(RowNumber(), partition_by=group, order_by=_GRAVEST_FIRST),
    )
    return rows.filter(nth=1).order_by(*_GRAVEST_FIRST)


def count_undecided() -> Undecided:
    """What needs a decision, counted by the query that lists it."""
    kinds = list(by_component(undecided()).values_list("kind", flat=True))
    components = sum(kind in KINDS for kind in kinds)
    return Undecided(components, len(kinds) - components)


def components(rows: Iterable[Finding], found: QuerySet[Finding]) -> list[Component]:
    """Rows of `by_component` of `found`, with the gateways of each read in one query."""
    rows = list(rows)
    among = found.filter(name__in={row.name for row in rows if row.kind in KINDS})
    at: dict[tuple[str, str], set[str]] = {}
    for kind, name, instance in among.values_list("kind", "name", "instance").distinct():
        at.setdefault((kind, name), set()).add(instance)
    return [
        Component(
            row,
            vars(row)["of_it"] - 1,
            sorted(at[row.kind, row.name]) if row.kind in KINDS else [row.instance],
        )
        for row in rows
    ]


def _counted(count: int, one: str) -> str:
    return f"{count:,} {one}{'' if count == 1 else 's'}"
