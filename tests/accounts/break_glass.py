"""Try the break-glass sign-in, under a clock that only moves when it is set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pyotp
from django.conf import settings as django_settings
from django.test import Client

from accounts.break_glass.accounts import Handed
from approvals import clock
from tests.accounts.trail import events

PAGE = "/oidc/break-glass/"
HOST = urlsplit(django_settings.PORTAL_URL).netloc
NOW = datetime(2026, 11, 25, 9, 0, 10, tzinfo=UTC)


class Hands:
    """The hands of a clock that only moves when told."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


def opened(settings: Any, until: datetime | None) -> None:
    text = until.isoformat() if until else ""
    settings.ENV = settings.ENV.model_copy(update={"BREAKGLASS_UNTIL": text})


def code_of(handed: Handed, moment: datetime) -> str:
    return pyotp.TOTP(handed.totp_secret).at(moment)


def try_(handed: Handed, client: Client | None = None, **changes: str) -> Any:
    form = {
        "name": handed.account.name,
        "secret": handed.secret,
        "code": code_of(handed, clock.now()),
    }
    return (client or Client()).post(PAGE, form | changes, HTTP_HOST=HOST)


def inside(handed: Handed) -> Client:
    client = Client()
    assert try_(handed, client)["Location"] == "/"
    return client


def codes() -> list[str]:
    return [e["data"].get("code", "") for e in events("breakglass.used")]
