"""Compares what is read of a gateway with its baseline; pure, so that pages and events agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from enforcement.posture import settings_catalogue
from enforcement.posture.settings_catalogue import ABSENT


@dataclass(frozen=True, slots=True)
class Reading:
    """The settings as one source had them at `at`: the gateway's own API, or its outpost."""

    source: str
    at: datetime
    values: Mapping[str, str]
    lists: frozenset[str] = frozenset()

    def value(self, setting: str) -> str | None:
        """None where this source does not say it."""
        listed = setting.partition(".")[0] in self.lists
        return self.values.get(setting, ABSENT if listed else None)


@dataclass(frozen=True, slots=True)
class Seen:
    """A value and where it was read."""

    value: str
    source: str
    at: datetime
    differs: bool = False
    weakens: bool = False


@dataclass(frozen=True, slots=True)
class ComparedSetting:
    """One setting. `approved` is None where the baseline does not judge it, `seen` is empty where
    nobody can read it."""

    setting: str
    approved: str | None
    seen: tuple[Seen, ...]

    @property
    def label(self) -> str:
        """As pages name it."""
        return settings_catalogue.heading(self.setting)

    @property
    def worst(self) -> Seen | None:
        """What differs; of several what weakens, then what was read on the host."""
        differing = [one for one in self.seen if one.differs]
        return max(differing, key=lambda o: (o.weakens, o.source == "outpost"), default=None)

    @property
    def first_seen(self) -> str:
        """A value to begin a baseline with."""
        return self.seen[0].value if self.seen else ""


def compare(
    baseline: Mapping[str, str] | None, readings: Sequence[Reading], also: Iterable[str] = ()
) -> list[ComparedSetting]:
    """Differences first, the gravest before the others, then what is not known, then the rest.

    `also` names settings that are compared though neither the baseline nor a reading has them.
    """
    named = {name for reading in readings for name in reading.values} | {*also}
    rows = [
        _compared(setting, baseline, readings)
        for setting in sorted({*named, *(baseline or {})}, key=settings_catalogue.order)
    ]
    return sorted(rows, key=_rank)


def _compared(
    setting: str, baseline: Mapping[str, str] | None, readings: Sequence[Reading]
) -> ComparedSetting:
    approved = None
    if baseline is not None:
        approved = settings_catalogue.expected(baseline, setting)
    seen = [
        Seen(
            value,
            reading.source,
            reading.at,
            approved is not None and value != approved,
            approved is not None and settings_catalogue.weakens(setting, approved, value),
        )
        for reading in readings
        if (value := reading.value(setting)) is not None
    ]
    return ComparedSetting(setting, approved, tuple(seen))


def _rank(row: ComparedSetting) -> tuple[bool, bool, bool, bool]:
    worst = row.worst
    return (
        worst is None,
        worst is not None and not worst.weakens,
        bool(row.seen),
        row.approved is None,
    )
