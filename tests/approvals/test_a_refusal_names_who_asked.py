"""The trail says of a denial whose request it was, and not only who denied it."""

from __future__ import annotations

from typing import Any

import pytest

from audit.recording import action_registry

OONA = {"iss": "https://i/", "sub": "oona", "name": "Oona Operator"}


def sentence(**data: Any) -> str:
    """Of a denial by Oona, with these values."""
    asked = {"sentence": "Allow tool feed.read on edge-1", "asked": OONA}
    event = {"action": "approval.denied", "actor": OONA, "outcome": "denied", "data": asked | data}
    return action_registry.sentence(event)


@pytest.mark.parametrize("who", ["Mia Member", "Oona Operator", "an agent of Mia Member"])
def test_a_denial_names_who_asked(who: str) -> None:
    said = f"Allow tool feed.read on edge-1, requested by {who}"
    assert sentence(requested_by=who) == f"Oona Operator denied: {said}"
    inferred = sentence(requested_by=who, inferred=True)
    assert inferred == f"Oona Operator appears to have denied (unconfirmed): {said}"


def test_a_denial_from_before_names_nobody() -> None:
    assert sentence() == "Oona Operator denied: Allow tool feed.read on edge-1"
    assert sentence(requested_by={"erased": True}).endswith("requested by (erased)")
