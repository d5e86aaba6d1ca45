"""Requests that waited while an installation was updated end with an outcome that is true."""

from __future__ import annotations

import json

import pytest

from tests.corpus.installation import Installation

pytestmark = pytest.mark.stack

_ASKED_AND_APPROVED = """
import json
from django.db import transaction
from django.db.migrations.recorder import MigrationRecorder
from approvals import clock, registry
from approvals.models import Person
from approvals.pipeline import final_approval, locks
from approvals.pipeline.service import perform
from audit.recording.actors import Target
from enforcement.decisions import decision_severity

verb = registry.get("skill.release")
olu = Person.objects.filter(email="operator@acme.example").get().as_actor(via="web")

def as_of_1ebce96(target, params):
    now = decision_severity.look_before_loosening(target, params)
    return {name: now[name] for name in ("decided", "scans", "findings")}

def ends(name, look, updated):
    target = Target("skill", name)
    perform(olu, "skill.hold", target, reason="incident 12", severity="HIGH")
    newer = verb.look
    object.__setattr__(verb, "look", look or newer)
    asked = perform(olu, "skill.release", target, reason="over").approval
    object.__setattr__(verb, "look", newer)
    if updated:
        row = MigrationRecorder.Migration.objects.latest("id")
        row.applied = clock.now()
        row.save()
    with transaction.atomic():
        approval = locks.locked(asked.pk)
        ask = approval.current
        person = ask.person.as_actor(via="phone")
        final_approval.approve(approval, ask, person, signed=True, evidence=())
    return [approval.outcome, approval.outcome_code, approval.outcome_detail]

print(json.dumps({
    "of now": ends("corpus-a", None, False),
    "of before, shown alike": ends("corpus-b", None, True),
    "of before": ends("corpus-c", as_of_1ebce96, True),
}))
"""


def test_a_release_that_waited_is_not_said_to_have_changed(installation: Installation) -> None:
    done = installation.manage("shell", "-v", "0", "-c", _ASKED_AND_APPROVED)
    assert done.returncode == 0, done.stderr
    ended = json.loads(done.stdout.splitlines()[-1])
    assert ended["of now"][0] == "approved"
    assert ended["of before, shown alike"][0] == "approved"
    assert ended["of before"][:2] == ["failed", "asked_before_update"]
    assert "before the portal was updated" in ended["of before"][2]
