"""Connecting an account with its owner's own My Account token (facts/auth0-wire.md §5).

The token lives in the callback that fetched it and, until the provider sends the browser back,
sealed in the table of short-lived secrets; never in a session, a URL or a log.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from approvals import auth0_clients, clock
from approvals.pipeline.service import perform
from approvals.step_up import sealed_secrets
from audit.recording.actors import Actor, Target
from audit.recording.record import record
from auth0_client.errors import Auth0Error, Conflict, TokenRefused
from auth0_client.grants.authorization_code_and_refresh import Authorization
from auth0_client.grants.pkce_state_nonce import Pkce, one_time_value
from connections import permissions
from connections.consent import new_account
from connections.models import ConnectedAccount
from connections.sync import connected_accounts
from http_client.errors import HttpClientError

CREATE = "create:me:connected_accounts"
DELETE = "delete:me:connected_accounts"
LIFETIME = timedelta(minutes=5)
_BOX = "connect-session"


class ConnectFailed(Exception):
    """The flow ended without an account. `outcome` is failure, cancelled or unknown."""

    def __init__(self, code: str, words: str, *, outcome: str = "failure") -> None:
        super().__init__(f"{code}: {words}")
        self.code = code
        self.words = words
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants to connect. `account_id` is the public id that it will have."""

    account_id: str
    connection: str
    scopes: tuple[str, ...] = ()
    label: str = ""
    replaces: str = ""  # the account whose dead grant this renews


@dataclass(frozen=True, slots=True)
class Started:
    """Send the browser to `url`; `state` comes back with it."""

    url: str = field(repr=False)
    state: str = field(repr=False)


def ask_for_token(
    redirect_uri: str, scopes: Sequence[str], *, silently: bool, login_hint: str = ""
) -> Authorization:
    """A second authorization request, for the My Account API; first without any page.

    Raises:
        Auth0Error, HttpClientError: discovery could not be read.
    """
    auth0 = auth0_clients.auth0()
    return auth0.oauth.begin(
        redirect_uri,
        scope=" ".join(("openid", *scopes)),
        audience=auth0.tenant.my_account_audience,
        prompt="none" if silently else None,
        login_hint=login_hint or None,
    )


def redeem(
    actor: Actor, code: str, *, verifier: str, nonce: str, redirect_uri: str, scopes: Sequence[str]
) -> str:
    """The My Account token of this very person, with the scopes that were asked for.

    Raises:
        ConnectFailed: another person is signed in at Auth0, or the token is not what was asked.
    """
    auth0 = auth0_clients.auth0()
    try:
        tokens = auth0.oauth.exchange_code(code, code_verifier=verifier, redirect_uri=redirect_uri)
        claims = auth0.verify_id_token(tokens.id_token or "", nonce=nonce)
        if claims.subject != actor.sub:
            raise ConnectFailed(
                "another_person", "Someone else is signed in at Auth0. Sign out and in again."
            )
        auth0.verify_my_account_token(
            tokens.access_token, expected_sub=actor.sub, required_scopes=scopes
        )
    except TokenRefused as refused:
        raise ConnectFailed(
            refused.code, f"Auth0's token was not usable: {refused.detail}."
        ) from None
    except (Auth0Error, HttpClientError) as error:
        raise _failed(error) from None
    return tokens.access_token


def start(actor: Actor, token: str, wish: Wish, redirect_uri: str) -> Started:
    """Open a connect session at Auth0 and seal what its end needs.

    Raises:
        ConnectFailed: Auth0 does not connect this.
    """
    pkce, state = Pkce.create(), one_time_value()
    try:
        begun = auth0_clients.auth0().my_account.connect(
            token,
            wish.connection,
            redirect_uri=redirect_uri,
            state=state,
            code_challenge=pkce.challenge,
            scopes=wish.scopes,
        )
    except (Auth0Error, HttpClientError) as error:
        raise _failed(error) from None
    expires = clock.now() + min(LIFETIME, timedelta(seconds=begun.expires_in))
    sealed = {
        "iss": actor.iss,
        "sub": actor.sub,
        "token": token,
        "auth_session": begun.auth_session,
        "verifier": pkce.verifier,
        "account_id": wish.account_id,
        "connection": wish.connection,
        "label": wish.label,
        "expires": expires.timestamp(),
    }
    sealed_secrets.keep(_BOX, _ref(state), json.dumps(sealed), expires=expires)
    return Started(begun.url, state)


def _ref(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Session:
    """An opened connect session; reading it spends it."""

    token: str = field(repr=False)
    auth_session: str = field(repr=False)
    verifier: str = field(repr=False)
    account_id: str
    connection: str
    label: str


def take(actor: Actor, state: str) -> Session:
    """Open and forget the sealed session of a returning browser.

    Raises:
        ConnectFailed: `expired`, or it belongs to another person.
    """
    try:
        found = json.loads(sealed_secrets.read(_BOX, _ref(state)))
    except sealed_secrets.SecretGone:
        raise _expired() from None
    sealed_secrets.drop(_BOX, _ref(state))
    if (found["iss"], found["sub"]) != (actor.iss, actor.sub):
        raise ConnectFailed("another_person", "This was started by someone else.")
    if found["expires"] < clock.now().timestamp():
        raise _expired()
    names = ("token", "auth_session", "verifier", "account_id", "connection", "label")
    return Session(**{name: found[name] for name in names})


def _expired() -> ConnectFailed:
    return ConnectFailed("expired", "This took longer than five minutes. Start again.")


def complete(actor: Actor, session: Session, code: str, redirect_uri: str) -> ConnectedAccount:
    """Redeem the connect code and record the connection.

    Raises:
        ConnectFailed: `already_connected`, or Auth0's reason.
    """
    try:
        completed = auth0_clients.auth0().my_account.complete(
            session.token,
            auth_session=session.auth_session,
            connect_code=code,
            redirect_uri=redirect_uri,
            code_verifier=session.verifier,
        )
    except Conflict:
        connected_accounts.one_person(actor.iss, actor.sub)
        raise ConnectFailed(
            "already_connected",
            "This very account is connected already. Disconnect it first if its permissions "
            "should change.",
        ) from None
    except (Auth0Error, HttpClientError) as error:
        if getattr(error, "maybe_delivered", False):
            connected_accounts.one_person(actor.iss, actor.sub)
            raise _unsure() from None
        raise _failed(error) from None
    new_account.seal(actor, session.account_id, completed, session.label)
    target = Target("connection", session.account_id)
    perform(actor, "connection.connect", target, params={"flow": session.account_id})
    account = permissions.mine(actor).get(connection=completed.connection, auth0_id=completed.id)
    if (management := auth0_clients.management()) is not None:
        connected_accounts.name_accounts(management, account.sub, [account])
    return account


def not_connected(actor: Actor, account_id: str, connection: str, failed: ConnectFailed) -> None:
    """Record a flow that ended without an account."""
    record(
        actor,
        "connection.connected",
        outcome=failed.outcome,
        target=Target("connection", account_id),
        connection=connection,
        data={"code": failed.code},
    )


def _failed(error: Exception) -> ConnectFailed:
    if isinstance(error, Auth0Error):
        return ConnectFailed(error.code, f"Auth0 said no. {error.advice}")
    return ConnectFailed("unreachable", "Auth0 could not be reached. Nothing was changed.")


def _unsure() -> ConnectFailed:
    return ConnectFailed(
        "answer_lost",
        "Auth0 was asked to connect it and its answer was lost. If it is connected it is listed "
        "here as soon as Auth0 says so; else try again.",
        outcome="unknown",
    )
