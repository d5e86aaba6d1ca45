"""A freeze of a name that no caller can have is refused: it would stop nothing."""

from __future__ import annotations

import pytest

from approvals.errors import Refused
from approvals.pipeline.service import perform
from audit.recording.actors import Target
from connections.models import ConnectedAccount, Freeze
from tests.connections.decided import person
from tests.connections.test_a_second_person_restricts_too import mias
from tests.support.pages import signed_in

__all__ = ["mias"]  # a fixture
IMPOSSIBLE = ["a" * 101, "a" * 256, "a" * 300, "claw\u200b", "\u200b" * 100, "a\nb", "ä"]


@pytest.mark.parametrize("name", IMPOSSIBLE, ids=range(len(IMPOSSIBLE)))
def test_the_freeze_is_refused_and_says_why(mias: ConnectedAccount, name: str) -> None:
    with pytest.raises(Refused) as refused:
        perform(person("admin"), "agent.freeze", Target("agent", name), reason="x")
    assert refused.value.code == "bad_target"
    assert "100 printable ASCII characters" in refused.value.detail
    assert not Freeze.objects.exists()


def test_an_agent_of_the_longest_name_is_frozen(mias: ConnectedAccount) -> None:
    perform(person("admin"), "agent.freeze", Target("agent", "a" * 100), reason="x")
    assert Freeze.objects.get().name == "a" * 100


def test_a_service_of_300_characters_is_refused(mias: ConnectedAccount) -> None:
    with pytest.raises(Refused):
        perform(person("admin"), "connection.freeze", Target("service", "s" * 300), reason="x")


def test_the_page_cuts_no_name(mias: ConnectedAccount) -> None:
    form = {"kind": "agent", "name_agent": "a" * 300, "reason": "x", "new": "on"}
    signed_in("admin", "admin").post("/connections/freeze/now/", form)
    assert not Freeze.objects.exists()
