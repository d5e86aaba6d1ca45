"""Drafts of events for tests, varied and repeatable."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import factory

from audit.actor import Actor, Target
from audit.record import Draft

ISSUER = "http://localhost:8100/"
NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


class ActorFactory(factory.Factory[Actor]):
    """A person with roles."""

    class Meta:
        model = Actor

    iss = ISSUER
    sub = factory.Sequence(lambda n: f"auth0|65f0a1d17e5c3b9a40c1{n:04x}")
    name = factory.Sequence(lambda n: f"Person {n}")
    email = factory.Sequence(lambda n: f"person{n}@acme.example")
    roles = frozenset({"operator"})
    ip = "192.0.2.7"


OLU = ActorFactory(sub="auth0|olu", name="Olu Operator", email="olu@acme.example")
ADA = ActorFactory(
    sub="auth0|ada", name="Ada Auditor", email="ada@acme.example", roles=frozenset({"auditor"})
)
MIA = ActorFactory(
    sub="auth0|mia", name="Mia Straße", email="Mia@Acme.example", roles=frozenset(), via="cli"
)


class DraftFactory(factory.Factory[Draft]):
    """A block of a skill, a minute after the one before."""

    class Meta:
        model = Draft

    actor = OLU
    action = "skill.blocked"
    target = factory.Sequence(lambda n: Target("skill", f"skill-{n}", "edge-1"))
    time = factory.Sequence(lambda n: NOON + timedelta(minutes=n))
    reason = "exfiltrates documents"
