"""Two operators remove the two manifests of one connection in the same moment."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from approvals import registry
from approvals.errors import Refused
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from connections.component_manifests import manifest_store
from connections.models import ManifestNeed
from tests.audit.own_database import own_database
from tests.connections.visitor import know, subject

GITHUB = {"connections": [{"connection": "github", "scopes": ["repo"]}]}
ROUNDS = 5


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """No transaction around the test: its threads commit."""
    with django_db_blocker.unblock():
        yield


def begun() -> None:
    know("operator", "operator2")
    for name in ("one", "two"):
        declared = manifest_store.Declaration.model_validate(GITHUB)
        manifest_store.declare_shipped("mcp", name, declared)


def operator(who: str) -> Actor:
    roles = frozenset({"operator"})
    return Actor(iss=settings.ENV.issuer, sub=subject(who), roles=roles, via="api")


def removes(who: str, name: str) -> str:
    try:
        done = perform(operator(who), "manifest.remove", Target("mcp", name))
    except Refused as refused:
        return refused.code
    finally:
        connection.close()
    return "waits" if done.approval else "removed"


def named() -> int:
    try:
        return ManifestNeed.objects.filter(connection="github").count()
    finally:
        connection.close()


def test_the_connection_is_not_opened_by_two_removals_that_each_gain_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Barrier(2, timeout=60)  # both were judged, and neither has begun its transaction
    verb = registry.get("manifest.remove")

    def meet(_actor: Actor, _target: Target, _params: Any) -> None:
        gate.wait()

    monkeypatch.setitem(registry._VERBS, verb.name, replace(verb, prepare=meet))
    with own_database(tmp_path), ThreadPoolExecutor(2) as threads:
        for _ in range(ROUNDS):
            threads.submit(begun).result(60)
            asked = [
                threads.submit(removes, who, name)
                for who, name in (("operator", "one"), ("operator2", "two"))
            ]
            assert sorted(one.result(60) for one in asked) == ["changed_meanwhile", "removed"]
            assert threads.submit(named).result(60) == 1
