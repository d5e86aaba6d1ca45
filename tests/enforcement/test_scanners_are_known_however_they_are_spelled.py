"""A CRITICAL scan asks however its scanner is spelled; one of an unknown scanner is an alarm."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit.models import EventRow, QuarantinedRow
from audit.recording.actors import Actor
from enforcement.models import Asset, Finding, Scan
from tests.enforcement.gateways import Edge
from tests.enforcement.test_hostile_rows_hide_nothing import change_newest

pytestmark = pytest.mark.django_db
type Look = Callable[[], int]


@pytest.mark.parametrize(
    "scanner",
    [
        "Skill-Scanner",
        " skill-scanner",
        "\u200bskill-scanner",
        "s\u00adkill",
        "SKILL\t",
        "\uff53kill",
    ],
)
def test_a_critical_scan_holds_however_its_scanner_is_spelled(
    edge: Edge, look: Look, olu: Actor, scanner: str
) -> None:
    edge.scan("evil", severity="CRITICAL")
    change_newest(edge, "scanner = ?", scanner)
    look()
    assert Asset.objects.filter(kind="skill", name="evil").exclude(holder="").exists()
    assert not QuarantinedRow.objects.exists()


@pytest.mark.parametrize(
    "scanner", ["sca-scanner", "\u0455kill-scanner", "\u200b" * 70, "x" * 5000]
)
def test_a_critical_scan_of_an_unknown_scanner_is_shown_and_an_alarm_once(
    edge: Edge, look: Look, olu: Actor, scanner: str
) -> None:
    edge.scan("evil", severity="CRITICAL")
    change_newest(edge, "scanner = ?", scanner)
    edge.scan("next", severity="CRITICAL")
    look()
    look()
    assert Scan.objects.get(name="evil").kind == "code"
    assert Finding.objects.filter(name="evil").exists()
    alarm = EventRow.objects.get(action="audit.quarantined")
    kept = QuarantinedRow.objects.get()
    assert kept.event == alarm.event and "its scanner is none that is known" in kept.detail
    assert Asset.objects.filter(name="next").exclude(holder="").exists()


@pytest.mark.parametrize(("scanner", "severity"), [("codeguard", "CRITICAL"), ("other", "HIGH")])
def test_a_scan_of_code_and_a_milder_one_are_no_alarm(
    edge: Edge, look: Look, olu: Actor, scanner: str, severity: str
) -> None:
    edge.scan("app", severity=severity)
    change_newest(edge, "scanner = ?", scanner)
    look()
    assert Scan.objects.get().kind == "code"
    assert not QuarantinedRow.objects.exists()
