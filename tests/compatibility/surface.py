"""What a move of code must not change, each part as sorted lines of text.

One line a thing, with a digest of what is long: a difference names the operation, table or event
that changed. `python -m pytest tests/compatibility --write` records the present state, for changes
that were meant.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID
from zlib import crc32

from celery import current_app
from django.db import connection
from django.urls import URLPattern, URLResolver, get_resolver

from approvals import registry
from audit.recording import action_registry, record
from audit.recording.actors import Actor, Target
from portal.loops import loops
from portal.v1.routers import api
from tests.house.code import ROOT

_LABEL = re.compile(r"\Aata\.[a-z][\w.-]*\n?\Z")


def digest(value: Any) -> str:
    """16 hexadecimal digits over JSON, or over bytes."""
    raw = value if isinstance(value, bytes) else json.dumps(value, sort_keys=True).encode()
    return hashlib.sha256(raw).hexdigest()[:16]


def operations() -> Iterator[str]:
    """OpenAPI: each operation and each schema."""
    document = json.loads(json.dumps(api.get_openapi_schema(), default=str))
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path} {digest(operation)}"
    for name, schema in document["components"]["schemas"].items():
        yield f"schema {name} {digest(schema)}"


def addresses() -> Iterator[str]:
    """Each pattern of the URLconf with its name."""
    return _addresses(get_resolver().url_patterns, "/", "")


def _addresses(
    patterns: Iterable[URLPattern | URLResolver], prefix: str, space: str
) -> Iterator[str]:
    for pattern in patterns:
        path = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from _addresses(pattern.url_patterns, path, inner)
        else:
            yield f"{path} {space}{pattern.name or '-'}"


def tables() -> Iterator[str]:
    """Each table with its columns in order, and a digest of its indexes, constraints, triggers."""
    with connection.cursor() as cursor:
        for name in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(name)} LIMIT 0")
            columns = " ".join(str(c[0]) for c in cursor.description)
            kept = _postgresql(name) if connection.vendor == "postgresql" else _sqlite(name)
            yield f"{name} {digest(kept)} {columns}"


def _sqlite(table: str) -> list[Any]:
    return _rows("SELECT type, name, sql FROM sqlite_master WHERE tbl_name = %s", table)


def _postgresql(table: str) -> list[Any]:
    return [
        _rows(
            "SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            table,
        ),
        _rows("SELECT indexdef FROM pg_indexes WHERE tablename = %s", table),
        _rows(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = %s::regclass",
            table,
        ),
        _rows(
            "SELECT pg_get_triggerdef(t.oid) || pg_get_functiondef(t.tgfoid) FROM pg_trigger t"
            " WHERE tgrelid = %s::regclass AND NOT tgisinternal",
            table,
        ),
    ]


def _rows(query: str, table: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, [table])
        return sorted((list(row) for row in cursor.fetchall()), key=str)


def verbs() -> Iterator[str]:
    """Each verb with its stance and parameters, each action of an event with its severity."""
    for name in registry.names():
        verb = registry.get(name)
        yield f"verb {name} {verb.stance} {digest(verb.params.model_json_schema())}"
    for name in action_registry.names():
        yield f"action {name} {action_registry.get(name).severity}"


def jobs() -> Iterator[str]:
    """Each Celery task, each loop of the worker, each entry of the schedule."""
    ours = ("accounts", "approvals", "audit", "connections", "enforcement", "portal")
    yield from (f"task {name}" for name in current_app.tasks if name.startswith(ours))
    yield from (f"loop {name}" for name in loops())
    yield from (f"beat {name}" for name in current_app.conf.beat_schedule)


def labels() -> Iterator[str]:
    """Each label that separates digests, MACs and derived keys, by how often it stands there."""
    found: set[str] = set()
    for app in (
        *("accounts", "api", "approvals", "ata", "audit", "connections", "enforcement"),
        *("http_client", "portal", "ui"),
    ):
        for path in (ROOT / app).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                value = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
                text = value.decode("latin-1") if isinstance(value, bytes) else value
                if isinstance(text, str) and _LABEL.match(text):
                    found.add(text.strip())
    return iter(found)


def entries() -> Iterator[str]:
    """The bytes of one event of each action, with seeded salts and fixed times."""
    at = datetime(2026, 11, 28, 12, tzinfo=UTC)
    for action in action_registry.names():
        n = crc32(action.encode())  # by its name, so that a new action changes no other line
        draft = record.Draft(
            actor=Actor(iss="https://issuer.example/", sub=f"auth0|{n}", name="Mia Müller"),
            action=action,
            target=Target("skill", f"skill-{n}", "edge-1"),
            connection="github",
            agent="agent-1",
            skill=f"skill-{n}",
            operation=f"op-{n}",
            intent_hash=f"{n:064x}",
            reason="because",
            changes={"from": 1, "to": n},
            data={"count": n},
            private={"note": "a note"},
            time=at - timedelta(seconds=n % 86_400),
            id=UUID(int=n + 1),
        )
        rows = record.prepare(draft, at, Random(n).randbytes)
        yield f"{action} {digest(bytes(rows.event[1]))}"


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "addresses": addresses,
    "entries": entries,
    "jobs": jobs,
    "labels": labels,
    "operations": operations,
    "tables": tables,
    "verbs": verbs,
}


def lines_of(part: str) -> list[str]:
    """The present state of one part."""
    return sorted(set(PARTS[part]()))
