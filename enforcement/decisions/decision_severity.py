"""The severity of a decision, and the state that its actor was shown (DESIGN 1.3.1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber

from approvals import policy
from approvals.errors import Refused
from audit.ledger.format import safe_display
from audit.ledger.format.allowed_field_values import gravest
from audit.recording.actors import Target
from enforcement.effects.gateway_facts import V020
from enforcement.findings import severities_outlasting_milder_scans
from enforcement.gateways import effects_at_gateways, instances
from enforcement.models import Asset, Finding, Scan, Watch
from enforcement.models.scan_and_finding import COUNTING

_LONGEST_TITLE: Final = 110
"""Characters of a finding's title in the sentence that an approver reads."""


def latest_scans(kind: str, name: str, apart: Collection[str] = ()) -> list[Scan]:
    """The scan of each instance that arrived last, but for those `apart`.

    Not the one with the newest time: that of a gateway's scan is its start, up to 72 seconds before
    its row, and a scan of the command line that is over sooner has its end.
    """
    newest = Window(RowNumber(), ["instance"], [F("id").desc()])
    scans = Scan.objects.filter(kind=kind, name=name).exclude(instance__in=apart)
    found = scans.annotate(place=newest)
    return sorted(found.filter(place=1), key=lambda scan: scan.instance)


def open_findings(kind: str, name: str, apart: Collection[str] = ()) -> list[Finding]:
    """Findings that count: open or acknowledged, gravest first, but for those of `apart`."""
    found = Finding.objects.filter(kind=kind, name=name, status__in=COUNTING)
    return list(found.exclude(instance__in=apart).order_by("-rank", "-at", "id"))


def found(kind: str, name: str, instance: str = "") -> str:
    """max(open findings, latest scans); empty when it was never scanned.

    What one instance found counts on every instance: it is the same thing by name. Only DEMO
    gateways and others do not count for each other.
    """
    apart = instances.fleet().apart_from(instance)
    scans = latest_scans(kind, name, apart)
    findings = open_findings(kind, name, apart)
    if not scans and not findings:
        return ""
    return gravest(*(s.severity for s in scans), *(f.severity for f in findings))


def found_for_each(kind: str, names: Collection[str]) -> dict[str, str]:
    """What `found` says of several things, in two queries; what was never scanned is left out."""
    apart = instances.fleet().apart_from("")
    newest = Window(RowNumber(), ["name", "instance"], [F("id").desc()])
    about = Q(kind=kind, name__in=names) & ~Q(instance__in=apart)
    scans = Scan.objects.filter(about).annotate(place=newest).filter(place=1)
    findings = Finding.objects.filter(about, status__in=COUNTING)
    severities: dict[str, set[str]] = {}
    for rows in (scans.values_list("name", "severity"), findings.values_list("name", "severity")):
        for name, severity in rows:
            severities.setdefault(name, set()).add(severity)
    return {name: gravest(*each) for name, each in severities.items()}


def find_finding(finding_id: str, instance: str = "") -> Finding | None:
    """The finding of that id, by DefenseClaw's finding id or its alert id."""
    wanted = Finding.objects.filter(Q(finding_id=finding_id) | Q(alert_id=finding_id))
    if instance:
        wanted = wanted.filter(instance=instance)
    return wanted.order_by("-at").first()


def why_risky(target: Target, params: Mapping[str, Any]) -> str:
    """The gravest finding that counts, in the scanner's words, and how many more there are."""
    counting = open_findings(target.kind, target.name)
    said = str(params.get("finding_id") or "")
    chosen = find_finding(said, target.instance) if said else None
    chosen = chosen or (counting[0] if counting else None)
    if chosen is None:
        scanned = found(target.kind, target.name, target.instance)
        return "no finding is open" if scanned else _NOT_SCANNED.get(target.kind, _NO_SCAN_READ)
    more = sum(one.pk != chosen.pk for one in counting)
    others = f", and {more} more" if more else ""
    title = safe_display.quoted(chosen.title, _LONGEST_TITLE)
    return f"a scanner found {title} ({chosen.severity.lower()}){others}"


_NO_SCAN_READ: Final = "no scan of it was read"
_NOT_SCANNED: Final = {"tool": "no scanner looks at tools"}


def why_allow_is_risky(target: Target, params: Mapping[str, Any]) -> str:
    """As `why_risky`; for a tool first what its allow switches off."""
    why = why_risky(target, params)
    if not _switches_rules_off(target):
        return why
    return f"an allow switches every DefenseClaw rule off for this tool there; {why}"


def why_undecidable(target: Target) -> str:
    """Why no decision about this can be carried out; empty where one can."""
    try:
        check_target(target, {})
    except Refused as refused:
        return refused.detail
    return ""


def check_target(target: Target, params: Mapping[str, Any]) -> None:
    """Refuse early what no gateway could carry out.

    Raises:
        Refused: `bad_target`, `gateways_unreadable`, `unknown_instance`, `unknown_finding`.
    """
    unlike = not target.name.isprintable() or target.name != target.name.strip()
    if unlike and not _was_reported(target):
        raise Refused(
            "bad_target",
            "The name holds a character that no skill, server, plugin or tool has.",
            pointer="/target/name",
        )
    fleet = instances.fleet()
    if fleet.problem:
        raise Refused("gateways_unreadable", fleet.problem)
    # Without any gateway a decision still stands and is recorded, as enforced nowhere.
    if target.instance and not fleet.scope(target.instance):
        known = ", ".join(i.name for i in fleet.with_outposts)
        raise Refused(
            "unknown_instance",
            f"No instance is called {target.instance!r}; known are {known or 'none'}.",
            pointer="/target/instance",
        )
    finding_id = params.get("finding_id")
    if finding_id:
        finding = find_finding(finding_id, target.instance)
        if finding is None or (finding.kind, finding.name) != (target.kind, target.name):
            raise Refused(
                "unknown_finding",
                "There is no such finding about this target.",
                pointer="/params/finding_id",
            )


def _was_reported(target: Target) -> bool:
    """Whether a gateway named it so: who makes a skill chooses any name that a folder can have."""
    return any(
        model.objects.filter(kind=target.kind, name=target.name).exists()
        for model in (Scan, Finding)
    )


def of_tightening(target: Target, params: Mapping[str, Any]) -> str:
    """What was found about it; LOW when it was never scanned.

    Raises:
        Refused: as `check_target`.
    """
    check_target(target, params)
    return found(target.kind, target.name, target.instance) or "LOW"


def of_blocking(target: Target, params: Mapping[str, Any]) -> str:
    """What was found about it, and never milder than the holds and requests that a block ends.

    Raises:
        Refused: as `check_target`.
    """
    return gravest(
        of_tightening(target, params), *severities_outlasting_milder_scans.severities(target)
    )


def of_loosening(target: Target, params: Mapping[str, Any]) -> str:
    """What was found about it; what the policy says, HIGH at least, when it was never scanned.

    Never milder than what a person still has to settle: anybody with the gateway's token can
    report a clean scan, and that must not take an approval away from a person.

    Raises:
        Refused: as `check_target`.
    """
    check_target(target, params)
    return _counted(target)


def of_allowing(target: Target, params: Mapping[str, Any]) -> str:
    """As `of_loosening`; CRITICAL for a tool where its allow switches every rule off.

    Raises:
        Refused: as `check_target`.
    """
    found = of_loosening(target, params)
    return "CRITICAL" if _switches_rules_off(target) else found


def _switches_rules_off(target: Target) -> bool:
    """Whether a gateway that an allow covers drops all its rules for an allowed tool, or may: of
    one that did not answer yet the generation is not known."""
    if target.kind != "tool":
        return False
    watches = {watch.name: watch for watch in Watch.objects.exclude(name="")}
    covered = instances.fleet().scope(target.instance)
    generations = {
        effects_at_gateways.settings_of(watches.get(one.name)).generation for one in covered
    }
    return bool(generations - {V020})


def _counted(target: Target) -> str:
    known = found(target.kind, target.name, target.instance)
    known = known or policy.current().never_scanned_loosening
    return gravest(known, *severities_outlasting_milder_scans.severities(target))


def _decisions(target: Target) -> list[list[str]]:
    """Standing decisions, without holds: a hold that an ask placed must not void that ask."""
    rows = Asset.objects.filter(kind=target.kind, name=target.name).exclude(decision="none")
    return sorted([row.instance, row.decision, row.operation] for row in rows)


def _holders(target: Target, apart: Collection[str]) -> list[list[str]]:
    """Every hold that an approval of this would end."""
    rows = Asset.objects.filter(kind=target.kind, name=target.name).exclude(instance__in=apart)
    return sorted([row.instance, one.holder] for row in rows for one in row.holds)


def look_before_blocking(target: Target, params: Mapping[str, Any]) -> dict[str, Any]:
    """Decision and severity. A graver scan voids the request, one that is as grave joins it.

    A milder one changes nothing: anybody with the gateway's token can report it, and could keep a
    block that a person approves from ever being committed.
    """
    known = found(target.kind, target.name, target.instance) or "LOW"
    return {
        "decided": _decisions(target),
        "found": gravest("LOW", known, *severities_outlasting_milder_scans.replaced(target)),
    }


def look_before_allowing(target: Target, params: Mapping[str, Any]) -> dict[str, Any]:
    """As `look_before_loosening`: also a gateway that would switch every rule off voids it."""
    return look_before_loosening(target, params) | {"rules_off": _switches_rules_off(target)}


def look_before_loosening(target: Target, params: Mapping[str, Any]) -> dict[str, Any]:
    """Decision, severity, the very scans and the open findings: anything newer voids an approval.

    The severity rises also without a scan, by a request or a hold of a person.
    """
    apart = instances.fleet().apart_from(target.instance)
    scans = latest_scans(target.kind, target.name, apart)
    findings = open_findings(target.kind, target.name, apart)
    return {
        "decided": _decisions(target),
        "counted": _counted(target),
        "holds": _holders(target, apart),
        "scans": [[s.instance, s.scan_id, s.severity] for s in scans],
        "findings": sorted(f.finding_id for f in findings),
    }
