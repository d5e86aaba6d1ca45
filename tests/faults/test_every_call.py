"""Every remote operation there is, under every fault: a typed error, in time, without a secret.

The list of operations is read from the code. One that is added without a row here fails.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from approvals import auth0_clients
from auth0_client import FAILURES, Auth0, userinfo
from auth0_client.grants.pkce_state_nonce import Pkce
from enforcement.gateways import instances
from enforcement.gateways.client import Gateway, GatewayError, _http
from http_client.timeouts_and_retries import Retries
from tests.approvals.conftest import forget_issuer
from tests.faults.conftest import HURRIED
from tests.faults.fast import EVERY
from tests.faults.proxy import SLOW, WORK_DONE, Fault, Wire, timed
from tests.support.sign_in import SUBS

SUB = SUBS["auditor"]
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
CALLBACK = "http://localhost/callback"
SECRET = "s3cret-value-of-the-caller"
PARTS = ("oauth", "device", "ciba", "vault", "my_account", "management")
#: They build an address or look into memory.
LOCAL = {"oauth.begin", "oauth.forget", "oauth.end_session_url"}

type Call = Callable[[Auth0], Any]

CALLS: dict[str, Call] = {
    "discovery.document": lambda a: a.discovery.document(),
    "keys.snapshot": lambda a: a.keys.snapshot(),
    "userinfo.fetch": lambda a: userinfo.fetch(a.discovery, auth0_clients.outbound(), SECRET),
    "oauth.exchange_code": lambda a: a.oauth.exchange_code(
        SECRET, code_verifier=Pkce.create().verifier, redirect_uri=CALLBACK
    ),
    "oauth.refresh": lambda a: a.oauth.refresh(SECRET),
    "oauth.revoke": lambda a: a.oauth.revoke(SECRET),
    "oauth.client_credentials": lambda a: a.oauth.client_credentials("https://x.example/"),
    "device.start": lambda a: a.device.start(scope="openid"),
    "device.poll": lambda a: a.device.poll(SECRET),
    "ciba.start": lambda a: a.ciba.start(SUB, "12-34-56"),
    "ciba.poll": lambda a: a.ciba.poll(SECRET),
    "ciba.take_back": lambda a: a.ciba.take_back(SECRET),
    "vault.exchange_access_token": lambda a: a.vault.exchange_access_token(SECRET, "github"),
    "my_account.connect": lambda a: a.my_account.connect(
        SECRET, "github", redirect_uri=CALLBACK, state="s", code_challenge="c" * 43
    ),
    "my_account.complete": lambda a: a.my_account.complete(
        SECRET, auth_session="a", connect_code="c", redirect_uri=CALLBACK, code_verifier="v" * 43
    ),
    "my_account.accounts": lambda a: a.my_account.accounts(SECRET),
    "my_account.connectable": lambda a: a.my_account.connectable(SECRET),
    "my_account.delete": lambda a: a.my_account.delete(SECRET, "cac_1"),
    "management.users_created": lambda a: a.management.users_created(BEGINNING),
    "management.has_members": lambda a: a.management.has_members({"admin"}),
    "management.user": lambda a: a.management.user(SUB),
    "management.roles": lambda a: a.management.roles(SUB),
    "management.connected_accounts": lambda a: a.management.connected_accounts(SUB),
    "management.authentication_methods": lambda a: a.management.authentication_methods(SUB),
    "management.sessions": lambda a: a.management.sessions(SUB),
    "management.revoke_access": lambda a: a.management.revoke_access(SUB),
    "management.refresh_tokens": lambda a: a.management.refresh_tokens(SUB),
    "management.delete_refresh_token": lambda a: a.management.delete_refresh_token("rt_1"),
    "management.grants": lambda a: a.management.grants(SUB),
    "management.delete_grant": lambda a: a.management.delete_grant("cgr_1"),
    "management.log_items_after": lambda a: a.management.log_items_after("9" * 20),
    "management.latest_log_id": lambda a: a.management.latest_log_id(),
    "management.search_logs": lambda a: a.management.search_logs('type:"s"'),
    "management.client": lambda a: a.management.client("ata-web"),
    "management.connections": lambda a: a.management.connections(),
    "management.resource_servers": lambda a: a.management.resource_servers(),
    "management.client_grants": lambda a: a.management.client_grants("https://ata.local/api"),
}

GATEWAY: dict[str, Callable[[Gateway], Any]] = {
    "block": lambda g: g.block("skill", "x", "why"),
    "unblock": lambda g: g.unblock("skill", "x"),
    "allow": lambda g: g.allow("skill", "x", "why"),
    "blocked": lambda g: g.blocked(),
    "allowed": lambda g: g.allowed(),
    "health": lambda g: g.health(),
    "preview": lambda g: g.preview("skill", "x", "HIGH", 1),
    "stamp": lambda g: g.stamp({"actor": "operator:x", "action": "skill-block"}),
    "note": lambda g: g.note({"action": "skill-block", "actor": "x"}),
    "dispose": lambda g: g.dispose({"operation_id": "o", "preview": True}),
}

#: A 2xx whose body nobody reads, and bodies that are read as loosely as their owner writes them.
BELIEVED = {
    ("oauth.revoke", Fault.HTML): "RFC 7009 section 2.2: the body of a 200 is ignored",
    ("oauth.revoke", Fault.NOT_JSON): "the same",
    ("oauth.revoke", Fault.EMPTY): "the same",
    ("oauth.revoke", Fault.TRUNCATED): "the same",
    ("ciba.take_back", Fault.HTML): "the same",
    ("ciba.take_back", Fault.NOT_JSON): "the same",
    ("ciba.take_back", Fault.EMPTY): "the same",
    ("ciba.take_back", Fault.TRUNCATED): "the same",
    ("management.client", Fault.EMPTY): "the doctor names what is missing in it",
    ("management.authentication_methods", Fault.EMPTY): "says nothing about phones; None is kept",
    ("health", Fault.EMPTY): "a gateway may leave out all that is shown of it",
    ("preview", Fault.EMPTY): "shown as no verdict",
}
FAST = [fault for fault in Fault if fault not in SLOW]


def offered(owner: object) -> set[str]:
    """The public methods of an object's class."""
    kind = type(owner)
    return {n for n, _ in inspect.getmembers(kind, inspect.isfunction) if not n.startswith("_")}


@pytest.fixture
def auth0(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> Auth0:
    """A process that has read the discovery document and tries once."""
    monkeypatch.setattr(auth0_clients, "RETRIES", Retries(attempts=1))
    forget_issuer()
    auth0_clients.auth0().discovery.document()
    auth0_clients.auth0().management.connections()
    return auth0_clients.auth0()


def test_no_remote_operation_is_left_out(auth0: Auth0) -> None:
    ours = {f"{part}.{name}" for part in PARTS for name in offered(getattr(auth0, part))}
    rooms = {n for n, v in vars(auth0).items() if type(v).__module__.startswith("auth0_client")}
    assert rooms == {*PARTS, "discovery", "keys", "tenant", "_opened"}, "a new part needs its rows"
    assert set(CALLS) == (ours - LOCAL) | {"discovery.document", "keys.snapshot", "userinfo.fetch"}
    # The other never raises: it looks whether a gateway that refused our token was started since.
    assert set(GATEWAY) == offered(Gateway.__new__(Gateway)) - {"note_start_where_refused"}


@pytest.mark.parametrize("fault", list(Fault) if EVERY else FAST)
def test_every_call_to_the_tenant_fails_in_words(auth0: Auth0, wire: Wire, fault: Fault) -> None:
    for name, call in CALLS.items():
        _try(name, fault, wire, lambda call=call: call(_fresh(auth0)), FAILURES)  # type: ignore[misc]


def _fresh(auth0: Auth0) -> Auth0:
    """What is fetched once is forgotten, so that it has to be fetched under the fault."""
    auth0.keys._cached._held = None
    return auth0


@pytest.mark.parametrize("fault", list(Fault) if EVERY else FAST)
def test_every_call_to_a_gateway_fails_in_words(edge_wire: Wire, house: Path, fault: Fault) -> None:
    gateway = Gateway(instances.fleet().instances[0])
    for name, call in GATEWAY.items():
        _try(name, fault, edge_wire, lambda call=call: call(gateway), (GatewayError,))  # type: ignore[misc]


def _try(
    name: str,
    fault: Fault,
    wire: Wire,
    call: Callable[[], object],
    failures: tuple[type[Exception], ...],
) -> None:
    if name == "discovery.document":
        call = _forgetful(call)
    wire.breaks(fault)
    came_to, took = timed(call)
    wire.mend()
    told = f"{name} under {fault}: {came_to!r} in {took:.1f} s"
    assert took < 8, told
    if fault != Fault.TWICE and (name, fault) not in BELIEVED:
        assert isinstance(came_to, failures), told
    if isinstance(came_to, Exception):
        assert isinstance(came_to, failures), told
        assert SECRET not in f"{came_to!s}{came_to!r}{came_to.__cause__!r}", told
        unsure = getattr(came_to, "maybe_delivered", getattr(came_to, "maybe_done", None))
        if fault in WORK_DONE - {Fault.TWICE} and name not in _READS:
            assert unsure is True, told
        if fault == Fault.REFUSED:
            assert unsure is False, told


def _forgetful(call: Callable[[], object]) -> Callable[[], object]:
    def once() -> object:
        auth0_clients.auth0().discovery._cached._held = None
        return call()

    return once


_READS = {"blocked", "allowed", "health"}


@pytest.mark.parametrize("name", ["ciba.poll", "management.sessions", "my_account.connect"])
@pytest.mark.parametrize("fault", sorted(SLOW))
def test_nothing_waits_longer_than_it_was_given(
    auth0: Auth0, wire: Wire, name: str, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth0_clients.outbound(), "_timeouts", HURRIED)
    _try(name, fault, wire, lambda: CALLS[name](auth0), FAILURES)


@pytest.mark.parametrize("fault", sorted(SLOW))
def test_no_gateway_is_waited_for_longer(
    edge_wire: Wire, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Gateway(instances.fleet().instances[0])
    monkeypatch.setattr(_http(gateway.instance.base_url), "_timeouts", HURRIED)
    _try("block", fault, edge_wire, lambda: GATEWAY["block"](gateway), (GatewayError,))
