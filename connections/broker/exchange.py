"""The exchange itself: Auth0's vault is asked once for all who ask at the same moment.

Whatever it answers becomes a token or a refusal with one of the codes of DESIGN 2.5.
"""

from __future__ import annotations

from contextlib import nullcontext

from django.conf import settings
from django.db import connection as database

from approvals import auth0_clients, clock
from audit.recording.actors import Actor
from auth0_client.errors import Auth0Error, RateLimited, ReauthenticationNeeded
from auth0_client.token_vault import NotLinked, ReconnectRequired, SubjectExpired, VaultToken
from connections.broker import accounts_and_uses
from connections.broker.account_choice import Picked
from connections.broker.errors import TokenRefusal
from connections.broker.single_flight import Flights
from connections.models import ConnectedAccount
from connections.scopes import catalogue
from connections.sync import update_accounts
from http_client.errors import HttpClientError
from http_client.lend_thread_while_waiting import Waiting, waits_in

_flights: Flights[tuple[str, str, str, str], VaultToken] = Flights()


def exchange(
    actor: Actor,
    subject_token: str,
    connection: str,
    picked: Picked | None,
    login_hint: str = "",
    waiting: Waiting = nullcontext,
) -> tuple[VaultToken, bool]:
    """The provider token, and whether it was fetched for another request of the same moment.

    One exchange serves all requests of a subject for an account that wait for it; it begins with
    the first of them and nothing of it is kept beyond the last. `login_hint` chooses where the
    inventory does not know the accounts.

    Raises:
        TokenRefusal: what Auth0's answer means, to each who waited.
    """
    hint = picked.hint if picked else login_hint
    account = picked.account if picked else None
    led = False

    def fetch() -> VaultToken:
        nonlocal led
        led = True
        with waits_in(waiting):
            return _fetch(subject_token, connection, hint, account)

    _give_back()
    try:
        return _flights.share((actor.iss, actor.sub, connection, hint), fetch, waiting)
    except TokenRefusal as refusal:
        if led:
            raise
        if refusal.code == "subject_token_expired":  # another session of theirs has ended
            return fetch(), False
        raise refusal.again() from None


def not_linked(connection: str) -> TokenRefusal:
    """Nothing is connected."""
    return TokenRefusal(
        404,
        "connection_not_linked",
        f"You have not connected {catalogue.title(connection)}. Connect it at "
        f"{settings.PORTAL_URL}/connections/.",
    )


def _give_back() -> None:
    """Let others use the database connection while Auth0 is asked, where they are counted."""
    if database.settings_dict["OPTIONS"].get("pool") and not database.in_atomic_block:
        database.close()


def _fetch(
    subject_token: str, connection: str, hint: str, account: ConnectedAccount | None
) -> VaultToken:
    try:
        return auth0_clients.auth0().vault.exchange_access_token(
            subject_token, connection, hint or None
        )
    except (SubjectExpired, ReauthenticationNeeded) as error:
        raise TokenRefusal(401, "subject_token_expired", error.advice) from None
    except NotLinked:
        if account is not None:
            update_accounts.vanished(account, "the vault does not hold it")
        raise not_linked(connection) from None
    except ReconnectRequired:
        if account is not None:
            accounts_and_uses.dead_grant(account)
        raise TokenRefusal(
            409,
            "reconnect_required",
            f"{catalogue.title(connection)} no longer honours this connection. Connect it again "
            f"at {settings.PORTAL_URL}/connections/.",
        ) from None
    except RateLimited as error:
        raise TokenRefusal(
            429, "rate_limited", error.advice, retry_after_s=error.wait_s(clock.now()) or 1.0
        ) from None
    except Auth0Error as error:
        raise TokenRefusal(
            502, "vault_unavailable", error.advice, maybe_issued=_maybe_issued(error)
        ) from None
    except HttpClientError as error:
        raise TokenRefusal(
            502,
            "vault_unavailable",
            "Auth0 could not be reached; try again shortly.",
            maybe_issued=_maybe_issued(error),
        ) from None


def _maybe_issued(error: Auth0Error | HttpClientError) -> bool:
    """Whether the provider may have issued a token that nobody received."""
    ours = error.operation == "vault.exchange"
    return ours and bool(getattr(error, "maybe_delivered", False))
