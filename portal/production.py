"""What production refuses: every unsafe default, all listed at once (DESIGN 2.2, PORTAL_ENV)."""

from __future__ import annotations

from urllib.parse import urlsplit

from portal.env import SECRETS, Env, EnvironmentRefused

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def refusals(env: Env) -> list[str]:
    """Reasons why this environment may not run as production; empty in embedded mode."""
    if env.PORTAL_ENV != "production":
        return []
    return [*_missing(env), *_guessable(env), *_addresses(env), *_single_machine(env)]


def _missing(env: Env) -> list[str]:
    required = [name for name in SECRETS if name != "AUTH0_LOG_STREAM_TOKEN"]
    required += ["AUTH0_ISSUER", "PORTAL_URL", "DATABASE_URL", "LEDGER_ORIGIN"]
    return [f"{name} is not set" for name in required if not getattr(env, name)]


def _guessable(env: Env) -> list[str]:
    """Whoever guesses SECRET_KEY signs sessions; Django's own measure (check security.W009)."""
    key = env.SECRET_KEY
    if key and (len(key) < 50 or len(set(key)) < 5):
        return ["SECRET_KEY must be long and random: at least 50 characters"]
    return []


def _addresses(env: Env) -> list[str]:
    found = []
    for name in ("AUTH0_ISSUER", "PORTAL_URL"):
        parts = urlsplit(getattr(env, name))
        if getattr(env, name) and (parts.scheme != "https" or parts.hostname in _LOOPBACK):
            found.append(f"{name} must be an https address that others can reach")
    if env.AUTH0_ISSUER and not env.AUTH0_ISSUER.endswith("/"):
        found.append("AUTH0_ISSUER must end with a slash, as the iss claim does")
    return found


def _single_machine(env: Env) -> list[str]:
    """Defaults that are right on one machine for one visitor, and nowhere else."""
    unsafe = {
        "CELERY_BROKER_URL must name Redis or RabbitMQ": "filesystem:" in env.CELERY_BROKER_URL,
        "CACHE_URL must name Redis, since workers share rate limits": not env.CACHE_URL,
        "DATABASE_URL must name PostgreSQL": env.DATABASE_URL.startswith("sqlite:"),
        "MAILER_URL must name a mail server": env.MAILER_URL.startswith("console:"),
        "TENANT_CONTROL_TOKEN belongs to the local tenant": bool(env.TENANT_CONTROL_TOKEN),
    }
    return [words for words, applies in unsafe.items() if applies]


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
