"""Connected accounts in the vault: storing, listing, picking, removing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from local.tenant.ids import new_id
from local.tenant.models import Connection
from local.tenant.vault.models import ConnectedAccount
from local.tenant.vault.providers.catalog import PROVIDERS
from local.tenant.vault.providers.token_issuing import Granted, Issued
from local.tenant.vault.sealing import seal, unseal


class AlreadyConnectedError(Exception):
    """The person has connected this very provider account before."""


class UnknownCursorError(ValueError):
    """`from` names no account of this list."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of accounts; `next` is the cursor of the following page, empty at the end."""

    accounts: tuple[ConnectedAccount, ...]
    next: str


def connection(name: str, client_id: str) -> Connection | None:
    """The connection, if its accounts can be connected by this client.

    `options.enabled_clients`, where present, lists the clients it is enabled for.
    """
    found = Connection.objects.filter(name=name, connected_accounts_active=True).first()
    if found is None or name not in PROVIDERS:
        return None
    enabled = found.options.get("enabled_clients")
    return found if enabled is None or client_id in enabled else None


def connections(client_id: str) -> list[Connection]:
    """Every connection this client can connect accounts of, by name."""
    names = Connection.objects.order_by("name").values_list("name", flat=True)
    return [found for name in names if (found := connection(name, client_id))]


def store(sub: str, connection_name: str, granted: Granted, now: datetime) -> ConnectedAccount:
    """Keep what the provider granted.

    Raises:
        AlreadyConnectedError: this account is in the vault already.
    """
    account = ConnectedAccount(
        id=new_id("cac_", 22),
        sub=sub,
        connection=connection_name,
        idp_user_id=granted.user_id,
        scopes=list(granted.issued.scopes),
        created_at=now,
    )
    account.sealed_refresh_token = seal(granted.refresh_token, account.id)
    _keep(account, granted.issued)
    try:
        with transaction.atomic():
            account.save(force_insert=True)
    except IntegrityError:
        raise AlreadyConnectedError from None
    return account


def keep(account: ConnectedAccount, issued: Issued) -> None:
    """Replace the account's access token by a fresher one."""
    _keep(account, issued)
    account.save()


def access_token(account: ConnectedAccount) -> str:
    """The provider access token in the clear."""
    return unseal(bytes(account.sealed_access_token), account.id)


def refresh_token(account: ConnectedAccount) -> str:
    """The provider refresh token in the clear."""
    return unseal(bytes(account.sealed_refresh_token), account.id)


def of(sub: str, names: Collection[str] = ()) -> QuerySet[ConnectedAccount]:
    """A person's accounts, oldest first, optionally of some connections only."""
    mine = ConnectedAccount.objects.filter(sub=sub).order_by("created_at", "id")
    return mine.filter(connection__in=names) if names else mine


def any_connected() -> bool:
    """Whether the vault holds any account at all."""
    return ConnectedAccount.objects.exists()


def pick(sub: str, connection_name: str, idp_user_id: str) -> ConnectedAccount | None:
    """The account an exchange means: the one with this provider id, else the newest."""
    mine = of(sub, [connection_name])
    return mine.filter(idp_user_id=idp_user_id).first() if idp_user_id else mine.last()


def page(accounts: QuerySet[ConnectedAccount], cursor: str, take: int) -> Page:
    """Up to `take` accounts after `cursor` (the id of the last one seen, empty to start).

    Raises:
        UnknownCursorError: the cursor is not of this list.
    """
    if cursor:
        seen = accounts.filter(pk=cursor).first()
        if seen is None:
            raise UnknownCursorError(cursor)
        accounts = accounts.filter(
            Q(created_at__gt=seen.created_at) | Q(created_at=seen.created_at, id__gt=seen.id)
        )
    found = list(accounts[: take + 1])
    shown = tuple(found[:take])
    return Page(shown, shown[-1].id if len(found) > take else "")


def facts(account: ConnectedAccount) -> dict[str, Any]:
    """What both APIs say of an account. Provider refresh tokens here have no known expiry."""
    return {
        "id": account.id,
        "connection": account.connection,
        "access_type": "offline",
        "scopes": account.scopes,
        "created_at": iso(account.created_at),
    }


def iso(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, Auth0's form."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _keep(account: ConnectedAccount, issued: Issued) -> None:
    account.sealed_access_token = seal(issued.access_token, account.id)
    account.access_scopes = list(issued.scopes)
    account.access_expires_at = issued.expires_at
