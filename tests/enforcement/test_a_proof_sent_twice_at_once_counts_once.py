"""An outpost's request and its copy arrive in the same moment."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from django.conf import LazySettings
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from approvals import clock
from enforcement.models import SeenProof
from enforcement.outposts import request_proofs
from enforcement.outposts.request_proofs import Proof
from tests.audit.own_database import own_database

pytestmark = pytest.mark.django_db
ROUNDS = 8


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """No transaction around the test: its threads commit."""
    with django_db_blocker.unblock():
        yield


def used(proof: Proof, gate: Barrier) -> str:
    connection.ensure_connection()
    gate.wait()
    try:
        first = request_proofs.is_first_use(proof.outpost, proof.jti, clock.now())
    finally:
        connection.close()
    return "used" if first else "replayed"


def age(seconds: int) -> int:
    """Make what was seen older; how many that are."""
    try:
        return SeenProof.objects.update(at=clock.now() - timedelta(seconds=seconds))
    finally:
        connection.close()


def test_of_two_requests_with_one_proof_at_once_one_is_refused_and_no_row_is_kept_for_long(
    tmp_path: Path, settings: LazySettings
) -> None:
    settings.VAR_DIR = tmp_path
    with own_database(tmp_path), ThreadPoolExecutor(2) as threads:
        for number in range(ROUNDS):
            proof, gate = Proof("", "0" * 32, f"{number:016}"), Barrier(2, timeout=60)
            both = [threads.submit(used, proof, gate) for _ in range(2)]
            assert sorted(one.result(60) for one in both) == ["replayed", "used"]
        assert threads.submit(age, 601).result(60) == ROUNDS
        last = threads.submit(used, Proof("", "0" * 32, "x" * 16), Barrier(1))
        assert last.result(60) == "used"
        assert threads.submit(age, 0).result(60) == 1
