"""The settings of a gateway against its baseline, as tables show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from enforcement.models import PostureBaseline, PostureDifference
from enforcement.posture import comparison, readings, settings_catalogue
from enforcement.posture.comparison import ComparedSetting

_SOURCES = {"gateway": "its API", "outpost": "its outpost"}
_DIGEST = 64


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One line: *setting · approved · seen · from · since*."""

    setting: str
    label: str
    approved: str
    seen: str
    source: str
    since: datetime | None
    tone: str
    value: str


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that one decision is about."""

    title: str
    rows: list[SettingRow]


@dataclass(frozen=True, slots=True)
class Posture:
    """The table of one gateway. `read` says when each source was read last."""

    baseline: PostureBaseline | None
    rows: list[SettingRow]
    read: list[tuple[str, datetime]]

    @property
    def differing(self) -> list[SettingRow]:
        """The rows that are not as approved."""
        return [row for row in self.rows if row.tone in {"bad", "warn"}]

    @property
    def unknown(self) -> int:
        """How many approved settings nobody can read now."""
        return sum(not row.seen and bool(row.approved) for row in self.rows)

    @property
    def weaker(self) -> bool:
        """Whether any difference weakens the gateway."""
        return any(row.tone == "bad" for row in self.rows)

    @property
    def groups(self) -> list[Group]:
        """The rows by what was approved; before anything is, by the agent that they are about."""
        name = _comparison_of if self.baseline else _subject_of
        groups: dict[str, list[SettingRow]] = {}
        for row in self.rows:
            groups.setdefault(name(row), []).append(row)
        return [Group(title, rows) for title, rows in groups.items()]


def _comparison_of(row: SettingRow) -> str:
    if row.tone:
        return "Not as approved"
    if not row.approved:
        return "Not in the baseline"
    return "As approved" if row.seen else "Approved, not known now"


def _subject_of(row: SettingRow) -> str:
    return settings_catalogue.agent_of(row.setting) or "Gateway"


def posture_of(instance: str, now: datetime) -> Posture:
    """Differences first; each with the time at which it was recorded."""
    baseline = readings.baseline(instance)
    found = readings.current(instance, now)
    differences = PostureDifference.objects.filter(instance=instance)
    since = {one.setting: one.since for one in differences}
    rows = comparison.compare(baseline.settings if baseline else None, found)
    return Posture(
        baseline,
        [_row(row, since.get(row.setting)) for row in rows],
        [(_SOURCES[one.source], one.at) for one in found],
    )


def _row(row: ComparedSetting, since: datetime | None) -> SettingRow:
    worst = row.worst
    values = list(dict.fromkeys(one.value for one in row.seen))
    seen = values[0] if len(values) == 1 else ""
    if len(values) > 1:
        seen = ", ".join(f"{shown(one.value)} ({_SOURCES[one.source]})" for one in row.seen)
    return SettingRow(
        row.setting,
        row.label,
        shown(row.approved or ""),
        shown(seen),
        " and ".join(_SOURCES[one.source] for one in row.seen),
        since if worst else None,
        "" if worst is None else "bad" if worst.weakens else "warn",
        row.first_seen,
    )


def shown(value: str) -> str:
    """A value as tables show it; of a digest its start."""
    return f"{value[:12]}…" if len(value) == _DIGEST and " " not in value else value
