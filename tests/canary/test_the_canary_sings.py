"""The canary finds a secret in every place a house writes to, and in every form."""

from __future__ import annotations

import base64
import gzip
import io
import json
import pickle
import quopri
import secrets
import sqlite3
import zipfile
import zlib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from random import Random
from urllib.parse import quote

import pytest
from django.apps import apps
from django.core import signing
from django.core.mail import EmailMessage

from audit.exports import xlsx
from audit.ledger.packs import archive
from tests.canary import haystack
from tests.canary.needles import Needles

SECRET = secrets.token_urlsafe(32)
GITHUB = f"ghu_{secrets.token_urlsafe(32)}"
CLIENT = f"of-ours/{secrets.token_urlsafe(24)}"
NEEDLES = Needles(
    {CLIENT.encode(): "client secret"},
    {sha256(t.encode()).hexdigest(): w for t, w in ((SECRET, "bearer"), (GITHUB, "github"))},
)
ALL = {"bearer", "github", "client secret"}
TEXT = f'{{"authorization": "Bearer {SECRET}", "token": "{GITHUB}", "client": "{CLIENT}"}}'


def zipped(raw: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("one.txt", b"before " + raw)
    return packed.getvalue()


def broken(raw: bytes, how: Callable[[bytes], bytes], line: int, first: int) -> bytes:
    """As a letter carries it (RFC 2045): lines that end inside of each of the three secrets."""
    at = raw.index(TEXT.encode())
    written = how(b"x" * ((first - at) % line) + raw)
    assert not any(secret.encode() in written for secret in (SECRET, GITHUB, CLIENT))
    return written


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "base64": base64.b64encode,
    "base64 for addresses": base64.urlsafe_b64encode,
    "percent": lambda raw: quote(raw, safe="").encode(),
    "hex": lambda raw: raw.hex().encode(),
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "UTF-16": lambda raw: raw.decode().encode("utf-16"),
    "UTF-16 the other way": lambda raw: raw.decode().encode("utf-16-be"),
    "gzip in base64": lambda raw: base64.b64encode(gzip.compress(raw)),
    "zip": lambda raw: zipped(raw),
    "workbook": lambda raw: b"".join(xlsx.workbook(["a"], [(xlsx.row([raw.decode()]), 1)])),
    "pack of evidence": lambda raw: archive.archive({"README.txt": raw}),
    "letter": lambda raw: EmailMessage("A letter", f"{raw.decode()} — soon").message().as_bytes(),
    "letter in base64": lambda raw: broken(raw, base64.encodebytes, 57, 7),
    "letter in quoted letters": lambda raw: broken(raw, quopri.encodestring, 75, 45),
    "escaped script": lambda raw: raw.replace(b"-", b"\\u002D").replace(b"/", b"\\u002f"),
}


def found(var_dir: Path, *output: Path) -> set[str]:
    return {w for _, t in haystack.of_house(var_dir, list(output)) for w in NEEDLES.in_text(t)}


def said(text: bytes) -> set[str]:
    return set(NEEDLES.in_text(text))


def database(folder: Path, *statements: tuple[str, tuple[object, ...]], wal: bool = False) -> Path:
    path = folder / "portal.sqlite3"
    opened = sqlite3.connect(path)
    opened.execute("PRAGMA secure_delete=OFF")  # builds differ; the worst case
    if wal:
        opened.execute("PRAGMA journal_mode=WAL")
        opened.execute("PRAGMA wal_autocheckpoint=0")
    for statement, values in statements:
        opened.execute(statement, values)
    opened.commit()
    if wal:
        (folder / "kept-wal").write_bytes((folder / "portal.sqlite3-wal").read_bytes())
    opened.close()
    return path


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_found_in_every_form(tmp_path: Path, form: str) -> None:
    (tmp_path / "worker.log").write_bytes(b"before " + FORMS[form](TEXT.encode()) + b" after")
    assert found(tmp_path) == ALL


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_found_in_a_column_in_every_form(tmp_path: Path, form: str) -> None:
    padded = FORMS[form](json.dumps({"padding": "x" * 9000}).encode() + TEXT.encode())
    database(tmp_path, ("CREATE TABLE t (body BLOB)", ()), ("INSERT INTO t VALUES (?)", (padded,)))
    assert found(tmp_path) == ALL


@pytest.mark.parametrize(
    "place",
    [
        "exports/one.csv",
        "portal.log",
        "cache/abc.djcache",
        "ledger/stopped",
        "ledger/last-signed",
        "witness/witness.latest",
    ],
)
def test_a_secret_is_found_in_every_folder(tmp_path: Path, place: str) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TEXT)
    assert found(tmp_path) == ALL


def test_a_secret_is_found_in_every_column_of_every_table(tmp_path: Path) -> None:
    """Of the models as they are: whatever a later table holds is looked through as well."""
    places: set[str] = set()
    statements: list[tuple[str, tuple[object, ...]]] = []
    for model in apps.get_models():
        table = model._meta.db_table
        columns = [field.column for field in model._meta.local_concrete_fields]
        named = ", ".join(f'"{column}"' for column in columns)
        statements.append((f'CREATE TABLE "{table}" ({named})', ()))
        for column in columns:
            places.add(f"portal.sqlite3: {table}.{column}")
            statements.append((f'INSERT INTO "{table}" ("{column}") VALUES (?)', (TEXT,)))
    database(tmp_path, *statements)
    heard = {where for where, text in haystack.of_house(tmp_path, []) if said(text) >= ALL}
    assert places <= heard
    assert len(places) > 300


def test_a_secret_is_found_in_a_message_of_the_broker(tmp_path: Path) -> None:
    body = base64.b64encode(json.dumps([[TEXT], {}, {}]).encode()).decode()
    (tmp_path / "1_a.ata.msg").write_text(json.dumps({"body": body, "properties": {}}))
    assert found(tmp_path) == ALL


def test_a_secret_is_found_in_the_cache(tmp_path: Path) -> None:
    packed = pickle.dumps(1.0) + zlib.compress(pickle.dumps({"token": TEXT}))
    (tmp_path / "a.djcache").write_bytes(packed)
    assert found(tmp_path) == ALL


def test_a_secret_is_found_whatever_letters_its_url_safe_form_has(tmp_path: Path) -> None:
    packed = zlib.compress(Random(1).randbytes(2000) + TEXT.encode())
    written = base64.urlsafe_b64encode(packed)
    assert b"_" in written and b"-" in written
    (tmp_path / "log").write_bytes(b"session=" + written)
    assert found(tmp_path) == ALL


def test_a_secret_is_found_in_a_session(tmp_path: Path) -> None:
    kept = {"states": "x" * 400, "token": TEXT}
    data = signing.dumps(kept, compress=True, key="k", salt="django.contrib.sessions")
    assert data.startswith(".")
    database(
        tmp_path,
        ("CREATE TABLE django_session (session_data TEXT)", ()),
        ("INSERT INTO django_session VALUES (?)", (data,)),
    )
    assert found(tmp_path) == ALL


def test_a_secret_is_found_in_free_pages_and_in_the_journal(tmp_path: Path) -> None:
    filled = ("INSERT INTO t VALUES (?)", (TEXT,))
    free = tmp_path / "free"
    free.mkdir()
    database(free, ("CREATE TABLE t (b TEXT)", ()), filled, ("DROP TABLE t", ()))
    assert found(free) == ALL
    journal = tmp_path / "journal"
    journal.mkdir()
    database(journal, ("CREATE TABLE t (b TEXT)", ()), filled, wal=True).unlink()
    assert found(journal) == ALL


def test_a_secret_is_found_in_what_a_process_said_or_was_given(tmp_path: Path) -> None:
    said = tmp_path / "agent-process.txt"
    said.write_text(f"PATH=/bin\nGITHUB_TOKEN={TEXT}\n")
    inside = tmp_path / "var"
    inside.mkdir()
    assert found(inside, said) == ALL


def test_where_secrets_belong_nobody_looks(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "KEPT").write_text(TEXT)
    assert found(tmp_path) == set()
