"""What production refuses: every unsafe default, all listed at once (DESIGN 2.2, PORTAL_ENV)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlsplit

from portal.env import SECRETS, Env, EnvironmentRefused

BREAKGLASS_AT_MOST = timedelta(hours=72)
"""How far ahead the break-glass sign-in may be opened."""
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_SHORTEST, _VARIETY = 32, 10
_HEX_VARIETY = 6  # of 64 random hex digits, 6 or fewer different ones are one in 10^26
_LONGEST_PUSH_S = 300
_OPTIONAL = {"AUTH0_LOG_STREAM_TOKEN", "APPROVAL_WEBHOOK_SECRET", "EVIDENCE_KEY_PREVIOUS"}


def refusals(env: Env) -> list[str]:
    """Reasons why this environment may not run as production; empty in embedded mode."""
    if env.PORTAL_ENV != "production":
        return []
    return [
        *_missing(env),
        *_guessable(env),
        *_addresses(env),
        *_single_machine(env),
        *_others(env),
        *_breakglass_window(env),
    ]


def _missing(env: Env) -> list[str]:
    required = [name for name in SECRETS if name not in _OPTIONAL]
    required += ["AUTH0_ISSUER", "PORTAL_URL", "DATABASE_URL", "LEDGER_ORIGIN"]
    return [f"{name} is not set" for name in required if not env.secret(name)]


def _guessable(env: Env) -> list[str]:
    """Who guesses SECRET_KEY can sign sessions; Django's own measure (check security.W009)."""
    found, key = [], env.SECRET_KEY
    if key and (len(key) < 50 or len(set(key)) < 5):
        found.append("SECRET_KEY must be long and random: at least 50 characters")
    for name in ("EVIDENCE_KEY", "EVIDENCE_KEY_PREVIOUS"):
        if (value := env.secret(name)) and len(set(value.lower())) < _HEX_VARIETY:
            found.append(f"{name} must be random: 32 bytes of a random source, in hex")
    for name in ("AUTH0_LOG_STREAM_TOKEN", "APPROVAL_WEBHOOK_SECRET"):
        value = env.secret(name)
        if value and (len(value) < _SHORTEST or len(set(value)) < _VARIETY):
            found.append(f"{name} must be long and random: at least {_SHORTEST} characters")
    return found


def _addresses(env: Env) -> list[str]:
    found = []
    for name in ("AUTH0_ISSUER", "PORTAL_URL"):
        parts = urlsplit(getattr(env, name))
        if getattr(env, name) and (parts.scheme != "https" or _is_loopback(parts.hostname)):
            found.append(f"{name} must be an https address that others can reach")
    portal = urlsplit(env.PORTAL_URL)
    if portal.path not in ("", "/") or portal.query or portal.fragment or portal.username:
        found.append("PORTAL_URL must be scheme, host and port alone, without a path")
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
        "MAILER_URL must use TLS, except to a relay on this machine": _clear_mail(env.MAILER_URL),
        "APPROVAL_WEBHOOK_URL must be an https address": _clear_webhook(env.APPROVAL_WEBHOOK_URL),
        "APPROVAL_WEBHOOK_SECRET is not set, so that anyone could forge a webhook": bool(
            env.APPROVAL_WEBHOOK_URL and not env.secret("APPROVAL_WEBHOOK_SECRET")
        ),
        "PUSHES_PER_MINUTE must be 5 or less, as Auth0 sends no more": env.PUSHES_PER_MINUTE > 5,
        "TENANT_CONTROL_TOKEN belongs to the local tenant": bool(env.TENANT_CONTROL_TOKEN),
    }
    return [words for words, applies in unsafe.items() if applies]


def _others(env: Env) -> list[str]:
    """What other services would take, mistake or read on the way."""
    unsafe = {
        "AUTH0_API_AUDIENCE and AUTH0_APPROVAL_AUDIENCE must differ: no server accepts tokens of "
        "approvals": env.AUTH0_API_AUDIENCE == env.AUTH0_APPROVAL_AUDIENCE,
        f"STEP_UP_EXPIRY_S must be {_LONGEST_PUSH_S} or less: above, Auth0 mails instead of "
        "pushing": env.STEP_UP_EXPIRY_S > _LONGEST_PUSH_S,
        "DATABASE_URL must use TLS, except to this machine": _clear_database(env.DATABASE_URL),
        "CELERY_BROKER_URL must not use the account guest": _is_guest(env.CELERY_BROKER_URL),
        "OTEL_EXPORTER_OTLP_ENDPOINT must be an https address, except on this machine": (
            _clear_collector(env.OTEL_EXPORTER_OTLP_ENDPOINT)
        ),
        "LEDGER_WITNESS_URLS must be https addresses": any(
            urlsplit(url).scheme != "https" for url in env.LEDGER_WITNESS_URLS.split()
        ),
    }
    return [words for words, applies in unsafe.items() if applies]


def _breakglass_window(env: Env) -> list[str]:
    """Problems of the break-glass sign-in: it is open for hours, by a decision, never for good."""
    until = env.breakglass_until
    if until is None:
        return []
    found = []
    if until > datetime.now(UTC) + BREAKGLASS_AT_MOST:
        hours = int(BREAKGLASS_AT_MOST.total_seconds() // 3600)
        found.append(f"BREAKGLASS_UNTIL must end within {hours} hours; set it again then")
    if not env.EVIDENCE_KEY:
        found.append("BREAKGLASS_UNTIL needs EVIDENCE_KEY, which seals its accounts")
    if env.portal_url == env.issuer.rstrip("/"):
        found.append("BREAKGLASS_UNTIL needs a PORTAL_URL that is not AUTH0_ISSUER")
    return found


def _is_loopback(host: str | None) -> bool:
    if host in _LOOPBACK or (host or "").endswith(".localhost"):
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


def _clear_database(url: str) -> bool:
    parts = urlsplit(url)
    mode = dict(parse_qsl(parts.query)).get("sslmode", "")
    local = not parts.hostname or _is_loopback(parts.hostname)
    return not local and mode in {"disable", "allow"}


def _is_guest(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in {"amqp", "amqps", "pyamqp"} and parts.username in (None, "guest")


def _clear_mail(url: str) -> bool:
    parts = urlsplit(url)
    return "tls=none" in parts.query and parts.hostname not in _LOOPBACK


def _clear_collector(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and not _is_loopback(parts.hostname)


def _clear_webhook(url: str) -> bool:
    return bool(url) and urlsplit(url).scheme != "https"


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
