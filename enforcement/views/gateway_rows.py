"""One gateway as pages show it, and what their titles say about one gateway or about all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from enforcement.effects.gateway_facts import agent_label
from enforcement.gateways.instances import Instance
from enforcement.gateways.last_contact import REFUSES, LastHeard
from enforcement.gateways.reported_settings import ReportedSettings
from enforcement.gateways.unmonitored_gateways import Deaf
from enforcement.models import Watch
from enforcement.views.baseline_comparison_rows import Posture
from enforcement.views.outpost_lines import OutpostLine

OFFLINE: Final = "is offline"
REFUSING: Final = "refuses the portal’s token"
DEAF: Final = "is not read in full"
UNREACHED: Final = "is not reached by decisions"
PROBLEM: Final = "has a problem"
UNASKED: Final = "was not asked yet"
ONLINE: Final = "is online"
_GRAVEST_FIRST: Final = (OFFLINE, REFUSING, DEAF, UNREACHED, PROBLEM, UNASKED, ONLINE)
_TWO: Final = 2
_OF_MANY: Final = {"is": "are", "has": "have", "was": "were", "refuses": "refuse"}


@dataclass(frozen=True, slots=True)
class GatewayRow:
    """One gateway. `instance` is None where decisions do not reach it: no file names it, and its
    outpost carries out none. `state` is empty before it was asked; `reading` says how its scanner's
    findings reach the portal."""

    name: str
    instance: Instance | None
    state: str
    heard: LastHeard
    deaf: list[Deaf]
    reading: Mapping[str, Any]
    watch: Watch | None
    posture: Posture
    outpost: OutpostLine | None
    pushes: dict[str, Any]
    waiting: int
    findings: int
    settings: ReportedSettings = field(default_factory=ReportedSettings)

    @property
    def demo(self) -> bool:
        """Whether it imitates DefenseClaw."""
        return self.instance is not None and self.instance.demo

    @property
    def is_in_file(self) -> bool:
        """Whether the portal has an address of it."""
        return self.instance is not None and bool(self.instance.base_url)

    @property
    def agents(self) -> list[str]:
        """As effects are concluded for them: those that the gateway, or its outpost, named last."""
        names = [agent.name for agent in self.settings.agents]
        listed = self.watch.connectors if self.watch else []
        return [agent_label(str(one)) for one in names or listed]

    @property
    def reads_nothing(self) -> bool:
        """Whether it is registered without a way to read its findings."""
        has_file = self.instance is None or self.instance.audit_db is not None
        return not has_file and self.heard.outpost is None

    @property
    def has_problem(self) -> bool:
        """Whether its outpost or its pushes need someone, though it answers."""
        return bool(
            (self.outpost and (self.outpost.has_problem or self.outpost.not_scanned))
            or self.pushes.get("bad")
            or self.instance is None
        )

    @property
    def was_heard(self) -> bool:
        """Whether it, or its outpost, answered or failed to within the last minutes."""
        return self.state != "offline" or self.heard.answers is False

    @property
    def verdict(self) -> str:
        """What is the matter with it, the gravest of it."""
        if self.state == "offline":
            return OFFLINE
        if self.state == REFUSES:
            return REFUSING
        if self.deaf:
            return DEAF
        if self.instance is None:
            return UNREACHED
        if self.has_problem:
            return PROBLEM
        return ONLINE if self.state else UNASKED

    @property
    def title(self) -> str:
        """The answer of its page: whether it is well, and its settings as approved."""
        found, differing = self.verdict, len(self.posture.differing)
        if found == OFFLINE and not self.was_heard:
            found = "was not heard of for over a minute"
        if differing:
            verb = "setting differs" if differing == 1 else "settings differ"
            return f"{self.name} {found}, and {differing} {verb} from what was approved"
        if not self.posture.baseline:
            but = "but" if found == ONLINE else "and"
            return f"{self.name} {found}, {but} no settings are approved yet"
        if not self.posture.read:
            return f"{self.name} {found}, and its settings are not known now"
        if unknown := self.posture.unknown:
            verb = "approved setting is" if unknown == 1 else "approved settings are"
            return f"{self.name} {found}, and {unknown} {verb} not known"
        return f"{self.name} {found}, and set as approved"


def rank(row: GatewayRow) -> tuple[int, bool]:
    """Sorts the gravest first."""
    return _GRAVEST_FIRST.index(row.verdict), not row.posture.differing


def title_of(rows: Sequence[GatewayRow]) -> str:
    """The answer of the list: the gravest that is the matter, and with how many."""
    gravest = min(rows, key=rank).verdict
    found = [row for row in rows if row.verdict == gravest]
    if gravest == OFFLINE and not any(row.was_heard for row in found):
        return f"Nothing was heard of {_share(found, rows)} for over a minute"
    if gravest == ONLINE and (differing := [row for row in rows if row.posture.differing]):
        found, gravest = differing, "is not set as approved"
    but = _not_approved_yet(rows) if gravest == ONLINE else ""
    verb, _, rest = gravest.partition(" ")
    share = _share(found, rows)
    if len(rows) > 1:
        share = share[0].upper() + share[1:]
    return f"{share} {verb if len(found) == 1 else _OF_MANY[verb]} {rest}{but}"


def _not_approved_yet(rows: Sequence[GatewayRow]) -> str:
    """How many have no approved settings, as a title goes on; empty where all have."""
    without = sum(not row.posture.baseline for row in rows)
    if without == len(rows):
        return ", but no settings are approved yet"
    return f", but the settings of {without} are not approved yet" if without else ""


def _share(found: Sequence[GatewayRow], rows: Sequence[GatewayRow]) -> str:
    """`edge-1` where there is one gateway, else `1 of 3 gateways` or `all 3 gateways`."""
    if len(rows) == 1:
        return rows[0].name
    if len(found) < len(rows):
        return f"{len(found)} of {len(rows)} gateways"
    return "both gateways" if len(rows) == _TWO else f"all {len(rows)} gateways"


def states_of(rows: Sequence[GatewayRow]) -> list[str]:
    """`2 online`, `1 offline`: how many have which state; zero is left out."""
    counts = {
        "online": sum(row.state == "online" for row in rows),
        "offline": sum(row.state == "offline" for row in rows),
        "token refused": sum(row.state == REFUSES for row in rows),
        "partly unknown": sum(row.state == "deaf" for row in rows),
        UNREACHED.removeprefix("is "): sum(row.instance is None for row in rows),
        "not asked yet": sum(not row.state and row.instance is not None for row in rows),
    }
    return [f"{count} {state}" for state, count in counts.items() if count]
