"""`/healthz`: the process answers. `/readyz`: it can do its work, and what it cannot."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache

from approvals import auth0_clients
from audit.db import insert_only
from auth0_client.errors import Auth0Error
from enforcement.gateways import unreachable_gateway_reasons
from http_client.errors import HttpClientError
from portal.ops import storage_unavailable

PREPARATION = "preparation"
PREPARING = "first-start-running"


@login_not_required
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when every check holds, 503 with the reasons otherwise.

    `warnings` has what does not work although this process is ready, such as a gateway that is not
    read: the portal answers, and taking it out of service would help nobody.
    """
    checks: dict[str, Callable[[], str]] = {
        "database": database_trouble,
        "storage": storage_unavailable.trouble,
        "ledger_guards": _guards,
        "issuer": issuer_trouble,
        PREPARATION: _preparation,
    }
    found = {name: _run(check) for name, check in checks.items()}
    ready = all(not reason for reason in found.values())
    return JsonResponse(
        {
            "ready": ready,
            "checks": {name: reason or "ok" for name, reason in found.items()},
            "warnings": _warnings(),
        },
        status=200 if ready else 503,
    )


def _run(check: Callable[[], str]) -> str:
    try:
        return check()
    except Exception as error:  # a check that cannot run has not passed
        return type(error).__name__


def _warnings() -> dict[str, str]:
    try:
        return {
            f"gateway {name}": why for name, why in unreachable_gateway_reasons.troubles().items()
        }
    except Exception as error:  # the database: a check says so already
        return {"gateways": type(error).__name__}


def database_trouble() -> str:
    """What of the schema is not as this version needs it; empty where all is."""
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(waiting)} migrations to apply" if waiting else ""


def _guards() -> str:
    return "; ".join(insert_only.problems())


def _preparation() -> str:
    """The first `make up` runs this very portal, with quick expiries, to make sample decisions."""
    if (settings.VAR_DIR / PREPARING).exists():
        return "the first start is being prepared; if it was stopped, run 'make up' again"
    return ""


def issuer_trouble() -> str:
    """Why the issuer's discovery document cannot be had; empty where it can."""
    try:
        auth0_clients.auth0().discovery.document()
    except (Auth0Error, HttpClientError) as error:
        return str(error)
    return ""
