"""The portal's wiring: the broker knows decisions, an allow asks members to connect."""

from __future__ import annotations

import pytest

from connections.component_manifests import enforcement_decision_hook
from enforcement.models import Asset

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("standings", "answer"),
    [
        ((), "none"),
        ((("", "allow", ""),), "allow"),
        ((("", "allow", ""), ("edge-2", "block", "")), "block"),
        ((("", "block", ""), ("edge-2", "allow", "held-by")), "hold"),
    ],
)
def test_the_strictest_standing_of_all_instances_counts(
    standings: tuple[tuple[str, str, str], ...], answer: str
) -> None:
    for instance, decision, holder in standings:
        Asset.objects.create(
            kind="mcp", name="github-mcp", instance=instance, decision=decision, holder=holder
        )
    assert enforcement_decision_hook.decision_of("mcp", "github-mcp") == answer
