"""Fixtures of the enforcement room."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings

from approvals import clock
from approvals.models import Effect
from approvals.sweep import sweep
from audit.actor import Actor
from tests.enforcement.gateways import Edge, Town, known, town_in


@pytest.fixture
def town(tmp_path: Path, settings: LazySettings) -> Iterator[Town]:
    """edge-1 and edge-2."""
    settings.VAR_DIR = tmp_path
    with town_in(tmp_path, "edge-1", "edge-2") as made:
        yield made


@pytest.fixture
def edge(town: Town) -> Edge:
    """edge-1."""
    return town.edges["edge-1"]


@pytest.fixture
def olu(db: None) -> Actor:
    """An operator, with a colleague who can approve."""
    known("operator2", "operator", name="Oona Operator")
    return known("operator", "operator", name="Olu Operator").as_actor(via="web")


@pytest.fixture
def do_due() -> Callable[[], None]:
    """Do all due remote steps now, also those that wait for their back-off."""

    def work(rounds: int = 4) -> None:
        for _ in range(rounds):
            Effect.objects.filter(due__isnull=False).update(due=clock.now())
            if not sweep():
                return

    return work
