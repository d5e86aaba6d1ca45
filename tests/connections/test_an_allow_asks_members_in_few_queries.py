"""An allow asks everybody who lacks a connection, whatever their number, in few queries."""

from __future__ import annotations

from typing import Any

import pytest

from approvals import clock
from approvals.models import Person
from audit.recording.actors import Target
from connections.component_manifests import manifest_store
from connections.component_manifests.manifest_store import Declaration
from connections.consent import prompts_for_missing_connections
from connections.models import ConnectedAccount, Need, State

MCP = Target("mcp", "both")
ISS = "https://issuer.example/"


@pytest.fixture
def people() -> None:
    """200 people, of whom the first 50 connected GitHub and the next 20 revoked it."""
    now = clock.now()
    Person.objects.all().delete()
    Person.objects.bulk_create(
        Person(iss=ISS, sub=f"auth0|{n}", name=str(n), email="", roles=[], updated=now)
        for n in range(200)
    )
    ConnectedAccount.objects.bulk_create(
        ConnectedAccount(
            iss=ISS, sub=f"auth0|{n}", connection="github", auth0_id=f"cac_{n}", scopes=[],
            state=State.CONNECTED if n < 50 else State.REVOKED, source="management",
            seen_at=now, watched_since=now, state_since=now,
        )
        for n in range(70)
    )  # fmt: skip
    needed = [{"connection": "github", "scopes": []}, {"connection": "slack", "scopes": []}]
    declared = Declaration.model_validate({"connections": needed})
    manifest_store.declare_shipped(MCP.kind, MCP.name, declared)


def test_two_hundred_people_are_asked_in_a_bounded_number_of_queries(
    people: None, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(8):
        lacking = prompts_for_missing_connections.who_lacks(MCP)
    assert lacking == {"github": 150, "slack": 200}
    with django_assert_max_num_queries(12):
        assert prompts_for_missing_connections.ask_members(MCP) == 350
    assert Need.objects.filter(connection="github").count() == 150
    assert not Need.objects.filter(connection="github", sub="auth0|0").exists()
    assert Need.objects.filter(connection="github", sub="auth0|60").exists()


def test_nobody_is_asked_twice_for_the_same(people: None) -> None:
    prompts_for_missing_connections.ask_members(MCP)
    need = Need.objects.get(connection="slack", sub="auth0|3")
    prompts_for_missing_connections.dismiss(ISS, "auth0|3", need.pk, clock.now())
    assert prompts_for_missing_connections.ask_members(MCP) == 0
    assert Need.objects.count() == 350


def test_a_component_without_manifest_asks_nobody(people: None) -> None:
    assert prompts_for_missing_connections.who_lacks(Target("mcp", "none")) == {}
    assert prompts_for_missing_connections.ask_members(Target("mcp", "none")) == 0
