"""The page of one finding."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from approvals import policy, registry
from audit.recording.actors import Actor, Target
from enforcement.kinds import KINDS, called
from enforcement.models import Finding
from enforcement.models.scan_and_finding import COUNTING
from ui.times import duration


def context(finding: Finding, person: Actor) -> dict[str, Any]:
    """Everything the page shows."""
    crumbs = [{"text": "Findings and holds", "url": "/enforcement/"}, {"text": finding.title}]
    if finding.kind in KINDS:
        about = called(finding.kind, finding.name)
        crumbs.insert(1, {"text": about, "url": f"/enforcement/{finding.kind}/{finding.name}/"})
    verb = registry.get("alert.dismiss")
    target = Target("alert", finding.finding_id, finding.instance)
    rule = policy.decide(person, verb, target, finding.severity)
    return {
        "finding": finding,
        "crumbs": crumbs,
        "may_decide": "operator" in person.roles,
        "counts": finding.status in COUNTING,
        "step_up": rule.kind == "require",
        "needs": policy.in_words(
            rule.as_json(), verb, duration(rule.within_s or settings.STEP_UP_EXPIRY_S)
        ),
    }
