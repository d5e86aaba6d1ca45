"""Drafts of events for tests, varied and repeatable."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from factory import base, declarations

from audit.recording.actors import Actor, Target
from audit.recording.record import Draft

ISSUER = "http://localhost:8100/"
NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


def nth[T](value: Callable[[int], T]) -> T:
    """A field of a factory whose value is made from how many the factory has built before.

    Typed as the value it stands for, because the library leaves its declarations untyped.
    """
    declare: Any = declarations.Sequence
    declared: T = declare(value)
    return declared


class ActorFactory(base.Factory[Actor]):
    """A person with roles."""

    class Meta:
        model = Actor

    iss = ISSUER
    sub = nth(lambda n: f"auth0|65f0a1d17e5c3b9a40c1{n:04x}")
    name = nth(lambda n: f"Person {n}")
    email = nth(lambda n: f"person{n}@acme.example")
    roles = frozenset({"operator"})
    ip = "192.0.2.7"


OLU = ActorFactory.build(sub="auth0|olu", name="Olu Operator", email="olu@acme.example")
ADA = ActorFactory.build(
    sub="auth0|ada", name="Ada Auditor", email="ada@acme.example", roles=frozenset({"auditor"})
)
MIA = ActorFactory.build(
    sub="auth0|mia", name="Mia Straße", email="Mia@Acme.example", roles=frozenset(), via="cli"
)


class DraftFactory(base.Factory[Draft]):
    """A block of a skill, a minute after the one before."""

    class Meta:
        model = Draft

    actor = OLU
    action = "skill.blocked"
    target = nth(lambda n: Target("skill", f"skill-{n}", "edge-1"))
    time = nth(lambda n: NOON + timedelta(minutes=n))
    reason = "exfiltrates documents"
