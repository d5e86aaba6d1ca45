"""What the signed Auth-IBOM states is of one moment, whoever decides while it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from audit.recording.actors import Actor, Target
from audit.recording.record import record
from audit.sequencing import sequencer
from connections.auth_ibom import fact_collection
from connections.auth_ibom.fact_collection import Facts
from connections.models import ConnectedAccount, State
from tests.audit.own_database import own_database
from tests.connections.test_the_inventory_shows_everybody import make
from tests.connections.visitor import know, subject

pytestmark = pytest.mark.django_db
PATIENCE_S = 60


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """No transaction around the test: its threads commit."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def threads(tmp_path: Path, settings: Any) -> Iterator[tuple[ThreadPoolExecutor, ...]]:
    settings.VAR_DIR = tmp_path
    with own_database(tmp_path), ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        yield one, other
        for each in (one, other):
            each.submit(lambda: connection.close()).result(PATIENCE_S)


def auditor() -> Actor:
    roles = frozenset({"auditor"})
    return Actor(iss=settings.ENV.issuer, sub=subject("auditor"), roles=roles, via="api")


def noted(account: ConnectedAccount, action: str) -> None:
    record(auditor(), action, target=Target("connection", str(account.id)))
    sequencer.run_once()


def begun() -> ConnectedAccount:
    know("member1")
    account = make("member1", label="octo-dev")
    noted(account, "connection.connected")
    return account


def revoked(account: ConnectedAccount) -> None:
    ConnectedAccount.objects.filter(pk=account.pk).update(state=State.REVOKED)
    noted(account, "connection.revoked")


def read_while(meanwhile: Callable[[], object]) -> Facts:
    """Read the inventory; once its accounts were read, `meanwhile` happens."""
    waiting = [meanwhile]

    def between(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        answer = execute(sql, params, many, context)
        if waiting and 'FROM "connections_connectedaccount"' in sql:
            waiting.pop()()
        return answer

    with connection.execute_wrapper(between):
        found = fact_collection.read(auditor())
    assert not waiting
    return found


def test_a_revocation_while_it_is_read_is_wholly_in_it_or_not_at_all(
    threads: tuple[ThreadPoolExecutor, ...],
) -> None:
    reader, other = threads
    account = reader.submit(begun).result(PATIENCE_S)

    def revoke() -> None:
        other.submit(revoked, account).result(PATIENCE_S)

    found = reader.submit(read_while, revoke).result(PATIENCE_S)
    assert [one.state for one in found.accounts] == [State.CONNECTED]
    assert [proof.index for proof in found.proofs.values()] == [0]
    assert found.checkpoint is not None and found.checkpoint.size == 1
    after = reader.submit(fact_collection.read, auditor()).result(PATIENCE_S)
    assert [one.state for one in after.accounts] == [State.REVOKED]
    assert [proof.index for proof in after.proofs.values()] == [1]
