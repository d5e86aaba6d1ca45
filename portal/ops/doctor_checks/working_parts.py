"""Whether what the portal needs works now: database, disk, log, worker, issuer, gateways, mail."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.core import checks
from django.core.cache import cache
from django.core.mail import mailers
from django.db import Error

from approvals import clock
from approvals.models import Effect
from audit.db import insert_only
from audit.models import EventRow
from audit.sequencing import sequencer
from audit.verification import continuous
from connections.models import Schedule
from enforcement.gateways import instances, unreachable_gateway_reasons
from portal.celery import app
from portal.ops import health, storage_unavailable
from portal.ops.doctor_checks.leftover_type import Leftover
from ui import outage_banners

_LATE = timedelta(minutes=5)
"""An event is signed within seconds, a step begins when it is due; later than this is a fault."""
_PATIENCE_S = 3


def check_database() -> Iterator[Leftover]:
    """It answers and every migration is applied; nothing else can be checked without."""
    try:
        reason = health.database_trouble()
    except Error as error:
        text = f"The database of DATABASE_URL does not answer ({type(error).__name__})."
        yield Leftover("database", text, "Start it, or correct DATABASE_URL.")
    else:
        if reason:
            yield Leftover("database", f"{reason}.", "Run: python manage.py migrate")


def check_settings() -> Iterator[Leftover]:
    """Django's system checks, with those of libraries."""
    for one in checks.run_checks():
        if one.level >= checks.WARNING:
            yield Leftover("settings", f"{one.id}: {one.msg}", one.hint or "See the Django check.")


def check_storage() -> Iterator[Leftover]:
    """VAR_DIR and the database take writes, and the cache gives back what it was given."""
    if reason := storage_unavailable.trouble():
        fix = "Free space, or give the account of the portal the right to write there."
        yield Leftover("storage", f"Nothing can be stored: {reason}.", fix)
    key, value = f"doctor.{secrets.token_hex(8)}", secrets.token_hex(8)
    cache.set(key, value, 1)
    if cache.get(key) != value:
        text = "The cache forgets what it is given: pages are slower, nothing is lost."
        yield Leftover("cache", text, "Start what CACHE_URL names, or correct it.")


def check_log() -> Iterator[Leftover]:
    """It is signed, it holds as far as it was verified, and its triggers are in place."""
    for problem in insert_only.problems():
        yield Leftover("log", f"{problem}.", "Run: python manage.py migrate, then verify_ledger")
    if reason := sequencer.stopped_reason():
        fix = "docs/backup.md says what to do; nothing is signed until then."
        yield Leftover("log", f"Signing has stopped: {reason}", fix)
    if reason := continuous.alarm():
        yield Leftover("log", reason, "Run: python manage.py verify_ledger")
    late = EventRow.objects.filter(seq=None, recorded_at__lt=clock.now() - _LATE).count()
    if late:
        text = f"{late} events wait longer than {_minutes()} minutes to be signed."
        yield Leftover("log", text, "Start the worker; python manage.py sequence says what fails.")


def check_worker() -> Iterator[Leftover]:
    """One ran within three minutes, its broker answers, and steps that are due have begun."""
    gone = outage_banners.health().worker
    if (gone and gone.since) or not Schedule.objects.filter(started__isnull=False).exists():
        since = f"since {gone.since:%Y-%m-%d %H:%M} UTC" if gone and gone.since else "yet"
        text, fix = f"The worker has not run {since}.", "Start it: celery -A portal worker -B"
        yield Leftover("worker", text, fix)
    try:
        with app.connection_for_write(connect_timeout=_PATIENCE_S) as broker:
            broker.ensure_connection(max_retries=1, timeout=_PATIENCE_S)
    except Exception as error:  # each transport has its own errors
        text = f"The broker of CELERY_BROKER_URL does not answer ({type(error).__name__})."
        yield Leftover("worker", text, "Start it, or correct CELERY_BROKER_URL.")
    if late := Effect.objects.filter(due__lt=clock.now() - _LATE).count():
        text = f"{late} steps of decisions are more than {_minutes()} minutes overdue."
        yield Leftover("worker", text, "The request of each says what it waits for (/approvals/).")


def check_issuer() -> Iterator[Leftover]:
    """AUTH0_ISSUER answers with its discovery document."""
    if reason := health.issuer_trouble():
        fix = "Check AUTH0_ISSUER and the way out to it; then python manage.py check_auth0"
        yield Leftover("issuer", f"{settings.ENV.issuer}: {reason}", fix)


def check_gateways() -> Iterator[Leftover]:
    """The registry can be read, and each gateway in it is read, answers and takes our token."""
    refused = instances.fleet().problem
    for name, reason in unreachable_gateway_reasons.troubles().items():
        fix = (
            "Correct the file that DEFENSECLAW_INSTANCES_FILE names."
            if reason == refused
            else "Its entry in DEFENSECLAW_INSTANCES_FILE: base_url, gateway_token_file, audit_db."
        )
        yield Leftover("gateways", f"{name}: {reason}", fix)


def check_mail() -> Iterator[Leftover]:
    """The mail server takes a connection and its credentials; no mail is sent."""
    try:
        mailer = mailers["default"]
        mailer.open()
        mailer.close()
    except OSError as error:
        text = f"The mail server of MAILER_URL does not take mail ({type(error).__name__})."
        yield Leftover("mail", text, "Start it, or correct MAILER_URL.")


def _minutes() -> int:
    return int(_LATE.total_seconds()) // 60
