"""What a request to change the approved settings of a gateway would change, for its page."""

from __future__ import annotations

from approvals.models import Approval
from approvals.policy.diff import Change
from enforcement.models import PostureBaseline
from enforcement.posture import settings_catalogue
from enforcement.posture.baseline_changes import changes


def proposed(approval: Approval) -> list[Change]:
    """Before and after of each setting; empty for any other request."""
    if approval.verb != "gateway.configure":
        return []
    base = PostureBaseline.objects.filter(
        instance=approval.target_name, number=approval.params.get("base", 0)
    ).first()
    found = changes(base.settings if base else {}, approval.params.get("settings", {}))
    return [
        Change(settings_catalogue.label(setting), "changed", before, after)
        for setting, before, after in found
    ]
