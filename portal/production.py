"""What production refuses: every unsafe default, all listed at once (DESIGN 2.2, PORTAL_ENV)."""

from __future__ import annotations

from urllib.parse import urlsplit

from portal.env import SECRETS, Env, EnvironmentRefused

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def refusals(env: Env) -> list[str]:
    """Reasons why this environment may not run as production; empty in embedded mode."""
    if env.PORTAL_ENV != "production":
        return []
    found = [
        f"{name} is not set" for name in SECRETS if not getattr(env, name) and name != "AUTH0_LOG_STREAM_TOKEN"
    ]
    found += [f"{name} is not set" for name in ("AUTH0_ISSUER", "PORTAL_URL", "DATABASE_URL") if not getattr(env, name)]
    for name in ("AUTH0_ISSUER", "PORTAL_URL"):
        parts = urlsplit(getattr(env, name))
        if getattr(env, name) and (parts.scheme != "https" or parts.hostname in _LOOPBACK):
            found.append(f"{name} must be an https address that others can reach")
    if env.AUTH0_ISSUER and not env.AUTH0_ISSUER.endswith("/"):
        found.append("AUTH0_ISSUER must end with a slash, as the iss claim does")
    if env.CELERY_BROKER_URL.startswith("filesystem:"):
        found.append("CELERY_BROKER_URL must name Redis or RabbitMQ")
    if not env.CACHE_URL:
        found.append("CACHE_URL must name Redis, since workers share rate limits")
    if env.DATABASE_URL.startswith("sqlite:"):
        found.append("DATABASE_URL must name PostgreSQL")
    if not env.LEDGER_ORIGIN:
        found.append("LEDGER_ORIGIN is not set")
    if env.MAILER_URL.startswith("console:"):
        found.append("MAILER_URL must name a mail server")
    if env.TENANT_CONTROL_TOKEN:
        found.append("TENANT_CONTROL_TOKEN belongs to the local tenant's tests")
    return found


def refuse_unsafe(env: Env) -> None:
    """Stop the start when production is asked for with an unsafe default.

    Raises:
        EnvironmentRefused: with every reason.
    """
    found = refusals(env)
    if found:
        raise EnvironmentRefused(
            "PORTAL_ENV=production refuses to start:\n" + "\n".join(f"  - {r}" for r in found)
        )
