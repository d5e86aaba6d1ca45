"""`PORTAL_ENV=production`: each unsafe value is a reason, and all reasons are told at once."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from portal.env import Env, EnvironmentRefused
from portal.production_checks import refusals, refuse_unsafe
from tests.attacks.sign_in.production import PRODUCTION

LONG = "0123456789abcdef" * 2


def of(**changes: str) -> list[str]:
    """The reasons against a good environment with changes."""
    return refusals(Env.model_validate(PRODUCTION | changes))


def test_a_good_environment_is_accepted() -> None:
    assert of() == []
    refuse_unsafe(Env.model_validate(PRODUCTION))


@pytest.mark.parametrize(
    "name", [n for n in PRODUCTION if n not in {"PORTAL_ENV", "CELERY_BROKER_URL", "MAILER_URL"}]
)
def test_what_is_left_out_is_named(name: str) -> None:
    assert any(name in reason for reason in of(**{name: ""})), of(**{name: ""})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"PORTAL_URL": "http://portal.acme.example"}, "PORTAL_URL must be an https address"),
        ({"PORTAL_URL": "https://localhost"}, "PORTAL_URL must be an https address"),
        ({"PORTAL_URL": "https://127.0.0.1:8000"}, "PORTAL_URL must be an https address"),
        ({"PORTAL_URL": "https://[::1]"}, "PORTAL_URL must be an https address"),
        ({"AUTH0_ISSUER": "http://acme.eu.auth0.com/"}, "AUTH0_ISSUER must be an https address"),
        ({"AUTH0_ISSUER": "https://acme.eu.auth0.com"}, "AUTH0_ISSUER must end with a slash"),
        ({"AUTH0_ISSUER": "https://localhost:8100/"}, "AUTH0_ISSUER must be an https address"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY must be long and random"),
        ({"SECRET_KEY": "a" * 64}, "SECRET_KEY must be long and random"),
        ({"DATABASE_URL": "sqlite:///portal.sqlite3"}, "DATABASE_URL must name PostgreSQL"),
        ({"CELERY_BROKER_URL": "filesystem://"}, "CELERY_BROKER_URL must name"),
        ({"MAILER_URL": "console://"}, "MAILER_URL must name"),
        ({"MAILER_URL": "smtp://mail.acme.example?tls=none"}, "MAILER_URL must use TLS"),
        (
            {"APPROVAL_WEBHOOK_URL": "http://acme.example/", "APPROVAL_WEBHOOK_SECRET": LONG},
            "APPROVAL_WEBHOOK_URL must be an https address",
        ),
        (
            {"APPROVAL_WEBHOOK_URL": "https://acme.example/"},
            "APPROVAL_WEBHOOK_SECRET is not set",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.acme.example:4318"},
            "OTEL_EXPORTER_OTLP_ENDPOINT must be an https address",
        ),
        ({"PORTAL_URL": "https://127.0.0.2"}, "PORTAL_URL must be an https address"),
        ({"PORTAL_URL": "https://portal.acme.example/ata"}, "PORTAL_URL must be scheme, host"),
        ({"PORTAL_URL": "https://portal.acme.example?x"}, "PORTAL_URL must be scheme, host"),
        ({"AUTH0_LOG_STREAM_TOKEN": "x"}, "AUTH0_LOG_STREAM_TOKEN must be long and random"),
        ({"AUTH0_LOG_STREAM_TOKEN": "x" * 64}, "AUTH0_LOG_STREAM_TOKEN must be long and random"),
        (
            {"APPROVAL_WEBHOOK_URL": "https://acme.example/", "APPROVAL_WEBHOOK_SECRET": "x"},
            "APPROVAL_WEBHOOK_SECRET must be long and random",
        ),
        ({"EVIDENCE_KEY": "0" * 64}, "EVIDENCE_KEY must be random"),
        ({"EVIDENCE_KEY_PREVIOUS": "01" * 32}, "EVIDENCE_KEY_PREVIOUS must be random"),
        ({"STEP_UP_EXPIRY_S": "301"}, "STEP_UP_EXPIRY_S must be 300 or less"),
        (
            {"AUTH0_API_AUDIENCE": "https://a/", "AUTH0_APPROVAL_AUDIENCE": "https://a/"},
            "AUTH0_API_AUDIENCE and AUTH0_APPROVAL_AUDIENCE must differ",
        ),
        (
            {"DATABASE_URL": "postgres://portal:x@db.acme.example/portal?sslmode=disable"},
            "DATABASE_URL must use TLS",
        ),
        (
            {"CELERY_BROKER_URL": "amqp://guest:guest@far.acme.example"},
            "CELERY_BROKER_URL must not use the account guest",
        ),
        ({"LEDGER_WITNESS_URLS": "https://w.example http://x.example"}, "LEDGER_WITNESS_URLS must"),
        ({"PUSHES_PER_MINUTE": "6"}, "PUSHES_PER_MINUTE must be 5 or less"),
        ({"TENANT_CONTROL_TOKEN": "x"}, "TENANT_CONTROL_TOKEN belongs to the local tenant"),
    ],
    ids=str,
)
def test_an_unsafe_value_is_refused_in_words(changes: dict[str, str], words: str) -> None:
    [reason] = of(**changes)
    assert reason.startswith(words)


def test_all_reasons_are_told_at_once() -> None:
    with pytest.raises(EnvironmentRefused) as told:
        refuse_unsafe(Env(PORTAL_ENV="production"))
    assert str(told.value).count("\n  - ") >= 12


@pytest.mark.parametrize("key", ["x" * 64, "e" * 63, "e" * 65, "é" * 64, " " * 64])
def test_a_key_of_evidence_is_64_hex_digits_everywhere(key: str) -> None:
    with pytest.raises(ValidationError, match="64 hex digits"):
        Env(EVIDENCE_KEY=key)


def test_the_embedded_mode_refuses_nothing_of_this() -> None:
    assert refusals(Env()) == []
