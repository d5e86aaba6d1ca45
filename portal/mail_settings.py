"""`MAILER_URL` as the mail settings of Django: `console://`, `smtp://…`, `smtps://…`."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from portal.env import EnvironmentRefused

_BACKENDS = "django.core.mail.backends"
_TIMEOUT_S = 15
_FORM = "MAILER_URL: use console://, smtp://user:password@host:587 or smtps://user:password@host"


def mailer(url: str) -> dict[str, Any]:
    """The mailer that a URL names.

    `smtp://` insists on STARTTLS (RFC 3207) unless it ends in `?tls=none`, which is for a relay on
    this machine; `smtps://` speaks TLS from the first byte (RFC 8314).

    Raises:
        EnvironmentRefused: it names no mailer; the address, which may hold a password, is not
            repeated.
    """
    try:
        parts = urlsplit(url)
        port, query = parts.port, parse_qs(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        raise EnvironmentRefused(_FORM) from None
    if parts.scheme == "console":
        return {"BACKEND": f"{_BACKENDS}.console.EmailBackend"}
    tls = query.pop("tls", ["required"])
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or query:
        raise EnvironmentRefused(_FORM)
    if tls not in (["required"], ["none"]):
        raise EnvironmentRefused("MAILER_URL: tls is either required or none")
    implicit = parts.scheme == "smtps"
    return {
        "BACKEND": f"{_BACKENDS}.smtp.EmailBackend",
        "OPTIONS": {
            "host": parts.hostname,
            "port": port or (465 if implicit else 587),
            "username": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "use_ssl": implicit,
            "use_tls": not implicit and tls == ["required"],
            "timeout": _TIMEOUT_S,
        },
    }
