"""`DATABASE_URL` and the other service URLs as Django settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_SQLITE_INIT = (
    "PRAGMA journal_mode=WAL;"
    "PRAGMA synchronous=FULL;"  # an acknowledged decision survives a power cut (DESIGN 1.4)
    "PRAGMA foreign_keys=ON;"
    "PRAGMA recursive_triggers=ON;"  # else REPLACE deletes evidence past its triggers
    "PRAGMA temp_store=MEMORY;"
    "PRAGMA mmap_size=268435456;"
    "PRAGMA cache_size=-65536;"
)


def database(url: str, *, base_dir: Path, var_dir: Path) -> dict[str, Any]:
    """The `DATABASES["default"]` entry for a URL; empty means SQLite in `var_dir`.

    Raises:
        ValueError: a scheme other than sqlite, postgres or postgresql.
    """
    if not url:
        return _sqlite(var_dir / "portal.sqlite3")
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        path = Path(unquote(url.removeprefix("sqlite:///")))
        if path.is_absolute():
            return _sqlite(path)
        # `sqlite:///var/…` means the folder that VAR_DIR names, wherever it was moved to.
        inside_var = path.parts[:1] == ("var",)
        return _sqlite(var_dir.joinpath(*path.parts[1:]) if inside_var else base_dir / path)
    if parts.scheme in {"postgres", "postgresql"}:
        return _postgres(url)
    raise ValueError(
        f"DATABASE_URL: unknown scheme {parts.scheme!r}; use sqlite:/// or postgres://"
    )


def _sqlite(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "CONN_MAX_AGE": None,
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": _SQLITE_INIT},
    }


_SILENCE = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
"""Options of libpq by which a server that no longer answers is noticed within 30 s: seconds, and
milliseconds in the last (PostgreSQL manual, "Parameter Key Words")."""


def _postgres(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    options.setdefault("pool", {"min_size": 1, "max_size": 20, "timeout": 15})
    if "prepare_threshold" in options:
        options["prepare_threshold"] = int(options["prepare_threshold"])
    options = _SILENCE | options
    # Compiling a query takes longer than ours take (PostgreSQL manual, "When to JIT?").
    options.setdefault("options", "-c jit=off")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,  # after a restart of the server the pool holds dead connections
        "OPTIONS": options,
    }


_BOUNDS = {"lock_timeout": "5s", "statement_timeout": "15s"}


def bound_waits(entry: dict[str, Any]) -> None:
    """Have a process that answers requests wait less for the database; changes `entry`.

    On PostgreSQL 5 s for a connection of the pool, 5 s for a lock and 15 s for a statement, on
    SQLite 10 s for a transaction. A request has a bound in all
    (`audit.db.request_database_time_budget`).
    Workers, migrations and commands keep their long statements. A bound that the operator names in
    the `options` of DATABASE_URL stays.

    Args:
        entry: one of `DATABASES`, as `database` made it.
    """
    options = entry["OPTIONS"]
    if "pool" in options:
        options["pool"] = {**options["pool"], "timeout": 5}
        for name, bound in _BOUNDS.items():
            if name not in options["options"]:
                options["options"] += f" -c {name}={bound}"
    else:
        options["timeout"] = 10


def cache(url: str, *, var_dir: Path) -> dict[str, Any]:
    """The `CACHES["default"]` entry: files under `var_dir`, or Redis.

    Raises:
        ValueError: a scheme that is neither empty nor redis.
    """
    if url.startswith(("redis://", "rediss://")):
        return {"BACKEND": "portal.ops.forgetful_redis_cache.ForgetfulRedisCache", "LOCATION": url}
    if url:
        raise ValueError("CACHE_URL: use redis:// or leave it empty")
    return {
        "BACKEND": "portal.ops.storage_unavailable.ForgetfulCache",
        "LOCATION": var_dir / "cache",
    }
