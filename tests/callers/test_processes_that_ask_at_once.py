"""Gateways in processes of their own, all at once: one request about one thing, few about many.

On SQLite and PostgreSQL, each request with a database connection of its own, as served.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.cache import cache
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from approvals.models import Approval
from audit.evidence import storage
from audit.models import EventRow
from connections.component_manifests import manifest_store
from connections.models import Attempts, Escalation
from connections.scope_escalation.attempt_limits import ASKS_PER_HOUR
from enforcement.models import Asset
from tests.audit.own_database import own_database
from tests.connections.visitor import device_token, know
from tests.support.live import LiveServer
from tests.support.tenant import LocalTenant

pytestmark = pytest.mark.django_db
GATEWAY = Path(__file__).with_name("gateway.py")
TOGETHER = 4


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The mark makes the test database; nothing is written in it, so nothing is rolled back."""
    with django_db_blocker.unblock():
        yield


@dataclass(frozen=True, slots=True)
class Served:
    """The portal on a database of its own. `do` runs in a thread whose connection is of that."""

    url: str
    token: str
    threads: ThreadPoolExecutor

    def do[T](self, work: Callable[[], T]) -> T:
        return self.threads.submit(work).result()

    def at_once(self, *wanted: str) -> list[tuple[int, dict[str, Any]]]:
        """One gateway process for each, which all ask in the same moment."""
        at = time.time() + 1.5
        started = []
        for scopes in wanted:
            process = subprocess.Popen(
                [sys.executable, "-I", str(GATEWAY)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert process.stdin
            given = {"url": self.url, "token": self.token, "scopes": [scopes], "at": at}
            process.stdin.write(json.dumps(given))
            process.stdin.close()
            started.append(process)
        said = []
        for process in started:
            assert process.stdout
            said.append(process.stdout.read())
            assert process.wait(timeout=60) == 0
        return [(status, body) for text in said for status, body in json.loads(text)]


def _ready() -> None:
    know("operator", "admin")
    declared = manifest_store.Declaration.model_validate(
        {"connections": [{"connection": "github", "scopes": ["read:user", "repo"]}]}
    )
    manifest_store.declare_shipped("mcp", "github-mcp", declared)
    Asset.objects.create(kind="mcp", name="github-mcp", decision="allow")


@pytest.fixture
def served(
    _django_db_helper: None, portal_tenant: LocalTenant, settings: Any, tmp_path: Path
) -> Iterator[Served]:
    settings.VAR_DIR = tmp_path
    storage._kept.cache_clear()
    cache.clear()
    with own_database(tmp_path), ThreadPoolExecutor(1) as threads:
        threads.submit(_ready).result()
        token = threads.submit(device_token, portal_tenant, "operator").result()
        server = LiveServer("localhost", StaticFilesHandler)
        server.daemon = True
        server.start()
        server.is_ready.wait()
        assert server.error is None
        served = Served(f"http://localhost:{server.port}", token, threads)
        try:
            served.at_once("repo")  # the inventory knows the account from here on
            yield served
        finally:
            server.terminate()
            threads.submit(lambda: connection.close()).result()


def codes(answers: list[tuple[int, dict[str, Any]]]) -> list[tuple[int, str]]:
    return sorted((status, body.get("code", "")) for status, body in answers)


def test_one_escalation_is_asked_once_by_however_many(served: Served) -> None:
    answers = served.at_once(*["repo delete_repo"] * TOGETHER)
    assert codes(answers) == [(403, "scope_escalation_pending")] * TOGETHER
    asked = served.do(lambda: [str(one.pk) for one in Approval.objects.all()])
    assert {body["approval_id"] for _, body in answers} == set(asked)
    assert len(asked) == 1
    assert served.do(lambda: Escalation.objects.get().attempts) == TOGETHER
    told = served.do(lambda: EventRow.objects.filter(action="scope.escalated").count())
    assert told == TOGETHER
    assert served.do(lambda: len(Attempts.objects.get().asks)) == 1


def test_many_escalations_at_once_are_asked_as_often_as_the_limit_allows(served: Served) -> None:
    wanted = ("gist", "notifications", "read:org", "read:project", "admin:org")
    answers = served.at_once(*wanted)
    waiting = [(403, "scope_escalation_pending")] * ASKS_PER_HOUR
    refused = [(429, "asked_too_often")] * (len(wanted) - ASKS_PER_HOUR)
    assert codes(answers) == waiting + refused
    assert served.do(Approval.objects.count) == ASKS_PER_HOUR
