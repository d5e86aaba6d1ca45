"""An approval of one manifest and the removal of another, each of which alone opens nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from pytest_django.plugin import DjangoDbBlocker

from approvals.errors import Refused
from approvals.models import Approval, Outcome
from approvals.pipeline.service import Performed, perform
from audit.recording.actors import Target
from connections.component_manifests import manifest_store
from connections.component_manifests.manifest_store import Declaration
from tests.audit.own_database import own_database
from tests.connections.decided import approve, person
from tests.connections.visitor import NAMES, know, subject
from tests.support.interleaved import elsewhere, held, somebody_waits_for_a_lock

pytestmark = pytest.mark.skipif(
    "postgresql" not in str(settings.DATABASES["default"]["ENGINE"]),
    reason="SQLite lets one transaction write at a time, from its beginning",
)


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """No transaction around the test: its threads commit."""
    with django_db_blocker.unblock():
        yield


def declared(connection: str) -> Declaration:
    return Declaration.model_validate({"connections": [{"connection": connection, "scopes": []}]})


def asked() -> tuple[Performed, str]:
    """That `one` uses Slack instead of GitHub, which `two` still names; and who may approve it."""
    know("operator", "operator2", "admin")
    manifest_store.declare_shipped("mcp", "one", declared("github"))
    manifest_store.declare_shipped("mcp", "two", declared("github"))
    params = declared("slack").model_dump(mode="json") | {"new": True}
    done = perform(
        person("operator"), "manifest.declare", Target("mcp", "one"), params=params, reason="moved"
    )
    assert done.approval is not None and "open" not in done.approval.sentence
    sub = done.approval.current.person.sub  # type: ignore[union-attr]
    return done, next(name for name in NAMES if subject(name) == sub)


def removes(name: str) -> str:
    try:
        done = perform(person("operator"), "manifest.remove", Target("mcp", name), reason="gone")
    except Refused as refused:
        return refused.code
    return "waits" if done.approval else "removed"


def now(work: Any) -> Any:
    return elsewhere(work).result(60)


def named() -> bool:
    return bool(manifest_store.naming("github"))


def reads_the_manifests(sql: str) -> bool:
    return "connections_manifest" in sql and "FOR UPDATE" in sql


def test_what_would_open_it_waits_for_the_approval_and_is_judged_after_it(tmp_path: Path) -> None:
    with own_database(tmp_path):
        waits, who = now(asked)
        with held(lambda: approve(waits, who), after=reads_the_manifests) as answer:
            removal = elsewhere(lambda: removes("two"))
            now(somebody_waits_for_a_lock)
            answered: Approval = answer.goes_on()
        assert answered.outcome == Outcome.APPROVED
        assert removal.result(60) == "changed_meanwhile"
        assert now(named), "open to every caller without a manifest"


def test_an_approval_commits_no_opening_that_it_did_not_show(tmp_path: Path) -> None:
    with own_database(tmp_path):
        waits, who = now(asked)
        with held(lambda: removes("two"), after=reads_the_manifests) as removal:
            answer = elsewhere(lambda: approve(waits, who))
            now(somebody_waits_for_a_lock)
            assert removal.goes_on() == "removed"
        answered = answer.result(60)
        assert (answered.outcome, answered.outcome_code) == (Outcome.FAILED, "state_changed")
        assert now(named), "open to every caller without a manifest"
