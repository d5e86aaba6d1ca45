"""What is away, since when, and what still works: the one place that knows, for every page.

It reads what the worker wrote down (the tenant's probe, the gateways' probes) and asks nobody, so
that a page is never as slow as what is away.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import cache

from approvals import clock
from connections.models import Schedule
from connections.sync import auth0_reachability, connected_accounts
from enforcement.gateways import instances
from enforcement.models import Watch
from ui.times import absolute

# Two missed probes and their patience; a single lost packet is no outage.
_SILENT = timedelta(seconds=50)
_IDLE = timedelta(minutes=3)
_OLD = timedelta(minutes=30)
_FOR_S = 2
_KEY = "shell.remotes"


@dataclass(frozen=True, slots=True)
class Silence:
    """Something that does not answer. `since` is when it last did, None for never seen."""

    name: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Health:
    """What is away now. `compared` is how old the list of connections is."""

    worker: Silence | None = None
    tenant: Silence | None = None
    gateways: tuple[Silence, ...] = ()
    refusing: tuple[str, ...] = ()  # gateways that answer, and refuse our token
    compared: datetime | None = None
    comparing_fails: str = ""


def health() -> Health:
    """As the worker last wrote it down, at most two seconds old."""
    known: Health | None = cache.get(_KEY)
    if known is None:
        known = _read(clock.now())
        cache.set(_KEY, known, _FOR_S)
    return known


def tenant_name() -> str:
    """How pages call the issuer."""
    return "The local tenant" if settings.ENV.local_tenant else "Auth0"


def sign_in_words() -> str:
    """Why nobody can sign in, what goes on working, and who can do what about it."""
    host = urlsplit(settings.ENV.issuer).netloc
    return (
        f"{tenant_name()} ({host}) does not answer. Nothing is wrong with your account: try again "
        "once it does. Whoever is signed in stays signed in. If it lasts, an admin checks that "
        "this portal can reach AUTH0_ISSUER; /readyz says what is missing."
    )


def _read(now: datetime) -> Health:
    rows = Schedule.objects.in_bulk([auth0_reachability.TENANT, connected_accounts.ACCOUNTS])
    probe, accounts = rows.get(auth0_reachability.TENANT), rows.get(connected_accounts.ACCOUNTS)
    compared = accounts.finished if accounts else None
    if probe is None or probe.started is None:
        return Health(compared=compared)
    if now - probe.started > _IDLE:  # then nothing that it wrote is news
        return Health(worker=Silence("The worker", probe.started), compared=compared)
    answered = probe.finished
    silent = (now - answered > _SILENT) if answered else bool(probe.detail)
    stale = accounts is not None and (compared is None or now - compared > _OLD)
    return Health(
        tenant=Silence(tenant_name(), answered) if silent else None,
        gateways=_gateways(now),
        refusing=_refusing(),
        compared=compared,
        comparing_fails=accounts.detail if accounts and stale and not silent else "",
    )


def _gateways(now: datetime) -> tuple[Silence, ...]:
    names = [instance.name for instance in instances.fleet().instances]
    away = Watch.objects.filter(name__in=names, reachable=False, token_refused=False)
    seen = ((row.name, row.last_seen) for row in away.order_by("name"))
    # One look that failed is a restart, not an outage.
    return tuple(Silence(name, at) for name, at in seen if at is None or now - at > _SILENT)


def _refusing() -> tuple[str, ...]:
    names = [instance.name for instance in instances.fleet().instances]
    found = Watch.objects.filter(name__in=names, token_refused=True).order_by("name")
    return tuple(found.values_list("name", flat=True))


def banners(found: Health, *, person: bool, staff: bool) -> list[dict[str, str]]:
    """Standing notices: what does not answer, what still works, how old the data is."""
    now = clock.now()
    said = []
    if found.worker:
        said.append(_banner(_worker(found.worker, now)))
    if found.tenant:
        words = _tenant(found, now) if person else _tenant_for_anonymous(found.tenant, now)
        said.append(_banner(words))
    if staff and found.gateways:
        said.append(_banner(_at_gateways(found.gateways, now), "/enforcement/fleet/", "Gateways"))
    if staff and found.refusing:
        said.append(_banner(_at_refusing(found.refusing), "/enforcement/fleet/", "Gateways"))
    if staff and found.comparing_fails:
        text = f"{_connections(found, now)}: {found.comparing_fails}"
        said.append(_banner(text, "/connections/inventory/", "Accounts"))
    return said


def _banner(text: str, url: str = "", action: str = "") -> dict[str, str]:
    return {"level": "warn", "text": text, "url": url, "action": action}


def _since(silence: Silence, now: datetime) -> str:
    if silence.since is None:
        return "has not answered yet"
    return f"has not answered since {absolute(silence.since, now)} UTC"


def _worker(silence: Silence, now: datetime) -> str:
    stopped = absolute(silence.since, now) if silence.since else ""
    return (
        f"The worker has not run since {stopped} UTC, and everything shown is as old as that. "
        "Decisions are kept and carried out once it runs again; the audit trail can be read. "
        "Whoever operates this portal starts it again."
    )


def _tenant(found: Health, now: datetime) -> str:
    assert found.tenant is not None
    return (
        f"{found.tenant.name} {_since(found.tenant, now)}. Whoever is signed in goes on working, "
        "and so does the audit trail. Sign-in, requests on phones and tokens for agents wait until "
        f"it answers. {_connections(found, now)}."
    )


def _tenant_for_anonymous(silence: Silence, now: datetime) -> str:
    return (
        f"{silence.name} {_since(silence, now)}, so no one can sign in now. "
        "Whoever is signed in goes on working."
    )


def _connections(found: Health, now: datetime) -> str:
    if found.compared is None:
        return "Connections were not compared with it yet"
    return f"Connections are as of {absolute(found.compared, now)} UTC"


def _at_gateways(away: tuple[Silence, ...], now: datetime) -> str:
    each = "; ".join(f"{gateway.name} {_since(gateway, now)}" for gateway in away)
    they, them, answer = ("it", "it", "answers") if len(away) == 1 else ("they", "them", "answer")
    are = "it is" if len(away) == 1 else "they are"
    return (
        f"{each}. Decisions are recorded here and {are} told as soon as {they} {answer}; "
        f"what is shown of {them} is as of then."
    )


def _at_refusing(names: tuple[str, ...]) -> str:
    each = "; ".join(f"{name} refuses the portal’s token" for name in names)
    its = "its" if len(names) == 1 else "their"
    return (
        f"{each}: put {its} current token into the file that gateway_token_file names. "
        "Decisions are recorded here and wait until then."
    )
