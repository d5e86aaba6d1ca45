"""The pipeline on a room of lamps, asked through a provider that lies when it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from approvals import auth0_clients
from audit.evidence import storage
from audit.recording.actors import Actor
from audit.sequencing import sequencer
from http_client.address_guard import Guard
from http_client.client import HttpClient
from http_client.timeouts_and_retries import Retries
from tests.approvals.lamps import Lamps, furnish
from tests.approvals.people_of import acting
from tests.approvals.working import Work, work
from tests.attacks.sign_in.provider import CLIENT, ROLES, SECRET
from tests.attacks.step_up.provider import APPROVALS, PhoneProvider
from tests.attacks.step_up.trail import one_event_or_more
from tests.attacks.tamper.verifying import verified

__all__ = ["Work", "work"]


@pytest.fixture(scope="session")
def listening() -> Iterator[PhoneProvider]:
    """One provider for all tests of a process."""
    provider = PhoneProvider()
    provider.start()
    yield provider
    provider.stop()


@pytest.fixture(scope="session")
def patient() -> Iterator[HttpClient]:
    """One connection pool that tries again at once instead of after a second."""
    at_once = Retries(attempts=2, first_wait=0.001, longest_wait=0.001)
    with HttpClient(guard=Guard.only("http://localhost/"), retries=at_once) as client:
        yield client


@pytest.fixture
def provider(
    listening: PhoneProvider,
    patient: HttpClient,
    settings: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    db: None,
) -> Iterator[PhoneProvider]:
    """The provider, honest until told otherwise, as the issuer of a portal with an empty past."""
    listening.reset()
    settings.VAR_DIR = tmp_path
    settings.ENV = settings.ENV.model_copy(
        update={
            "AUTH0_ISSUER": listening.issuer,
            "AUTH0_CLIENT_ID": CLIENT,
            "AUTH0_CLIENT_SECRET": SECRET,
            "AUTH0_APPROVAL_AUDIENCE": APPROVALS,
            "AUTH0_MGMT_CLIENT_SECRET": SECRET,
            "AUTH0_ROLES_CLAIM": ROLES,
        }
    )
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    storage.forget_read()
    cache.clear()
    monkeypatch.setattr(auth0_clients, "outbound", lambda: patient)
    auth0_clients.auth0.cache_clear()
    yield listening
    auth0_clients.auth0.cache_clear()


@pytest.fixture
def lamps(monkeypatch: pytest.MonkeyPatch) -> Lamps:
    """The room."""
    return furnish(monkeypatch)


@pytest.fixture
def olu(provider: PhoneProvider) -> Actor:
    """The operator who asks."""
    return acting("operator", "operator")


@pytest.fixture
def oona(provider: PhoneProvider) -> Actor:
    """The operator who is asked."""
    return acting("operator2", "operator")


@pytest.fixture
def named() -> set[str]:
    """What `verify_ledger` has to say of the tables that an attack itself wrote; else nothing."""
    return set()


@pytest.fixture(autouse=True)
def _every_attack_is_on_the_trail_and_the_ledger_holds(
    request: pytest.FixtureRequest, provider: PhoneProvider, named: set[str]
) -> Iterator[None]:
    """After each attack: something says what happened, and `verify_ledger` finds nothing else."""
    yield
    if "owner" in request.fixturenames:  # whoever writes the tables is the attack itself
        return
    one_event_or_more()
    sequencer.run_once()
    assert set(verified().values()) == named
