"""A decision that needs an approval by the time it commits is not committed without one."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as django_settings

from approvals import clock
from approvals.errors import Refused
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from connections.models import ScopeRule
from connections.scope_escalation import connection_rules
from tests.connections.test_two_decide_in_the_same_moment import right_after
from tests.connections.visitor import know, subject

LOOSE: dict[str, Any] = {"excess": "flag", "anonymous": True, "allow_for_s": 3600}
STRICT: dict[str, Any] = {"excess": "refuse", "anonymous": False, "allow_for_s": 3600}


def set_rules(**given: Any) -> None:
    ScopeRule.objects.update_or_create(
        name="slack", defaults={**given, "changed_at": clock.now(), "changed_by": "auth0|admin2"}
    )


@pytest.mark.django_db
def test_what_became_a_relaxation_in_the_meantime_is_not_committed() -> None:
    know("admin", "admin2")
    amir = Actor(
        iss=django_settings.ENV.issuer, sub=subject("admin"), name="admin",
        roles=frozenset({"admin"}), via="api",
    )  # fmt: skip
    set_rules(**LOOSE)
    with (
        right_after(lambda sql: "connections_scoperule" in sql, lambda: set_rules(**STRICT)),
        pytest.raises(Refused) as refused,
    ):
        perform(amir, "scope.configure", Target("service", "slack"), params=LOOSE)
    assert refused.value.code == "changed_meanwhile"
    assert connection_rules.of("slack").excess == "refuse"
