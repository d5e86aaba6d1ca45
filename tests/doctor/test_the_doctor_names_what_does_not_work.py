"""`manage.py doctor` names each part of the installation that does not work, with its fix."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.db import connection

from approvals import auth0_clients, clock
from audit.keys import log_identity
from audit.recording.actors import SYSTEM, Target
from audit.recording.record import record
from audit.sequencing import sequencer
from connections.models import Schedule
from connections.sync import auth0_reachability
from enforcement.models import Watch
from portal.celery import app
from portal.mail_settings import mailer
from tests.support.ports import free_port
from tests.support.tenant import LocalTenant

pytestmark = pytest.mark.django_db


def doctor() -> dict[str, str]:
    """Each check that found something, with what it said; every one has a fix."""
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "--json", stdout=out)
    found = json.loads(out.getvalue())
    assert ended.value.code == (1 if found else 0)
    assert all(one["fix"] for one in found)
    said: dict[str, str] = {}
    for one in found:
        said[one["check"]] = "; ".join(filter(None, [said.get(one["check"]), one["detail"]]))
    return said


@pytest.fixture(autouse=True)
def well(settings: Any, tmp_path: Path, portal_tenant: LocalTenant) -> None:
    """A worker has just run, the folder is private, the issuer answers."""
    tmp_path.chmod(0o700)
    caches["default"].clear()  # pages know for two seconds what an earlier test left
    settings.VAR_DIR = tmp_path
    worker_ran(timedelta())


def worker_ran(ago: timedelta) -> None:
    at = clock.now() - ago
    Schedule.objects.update_or_create(
        name=auth0_reachability.TENANT, defaults={"due": at, "started": at, "finished": at}
    )


def test_nothing_is_found_where_everything_works() -> None:
    assert doctor() == {}


def test_a_worker_that_stopped_or_never_ran_is_named() -> None:
    worker_ran(timedelta(minutes=10))
    assert "has not run since" in doctor()["worker"]
    Schedule.objects.all().delete()
    caches["default"].clear()
    assert doctor()["worker"] == "The worker has not run yet."


def test_a_broker_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    away = f"redis://127.0.0.1:{free_port()}/0"
    monkeypatch.setattr(app.conf, "broker_write_url", away)
    assert "broker of CELERY_BROKER_URL does not answer" in doctor()["worker"]


def test_events_that_nobody_signs_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    record(SYSTEM, "skill.blocked", target=Target("skill", "someone"))
    assert "log" not in doctor()
    after = clock.now() + timedelta(minutes=6)
    monkeypatch.setattr(clock, "now", lambda: after)
    worker_ran(timedelta())
    assert doctor()["log"] == "1 events wait longer than 5 minutes to be signed."
    sequencer.run_once()
    assert "log" not in doctor()


def test_a_missing_trigger_and_stopped_signing_are_named() -> None:
    with connection.cursor() as cursor:
        name = _a_trigger(cursor)
        cursor.execute(f'DROP TRIGGER "{name}"')
    assert name in doctor()["log"]
    folder = log_identity.folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stopped = folder / "stopped"
    stopped.write_text(json.dumps({"code": "x", "message": "the database is older"}))
    stopped.chmod(0o600)
    assert "Signing has stopped: the database is older" in doctor()["log"]


def test_a_gateway_that_does_not_answer_is_named(settings: Any, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t")
    file = tmp_path / "instances.toml"
    file.write_text(
        f'[[instance]]\nname = "edge-1"\nbase_url = "http://127.0.0.1:{free_port()}"\n'
        f'gateway_token_file = "{token}"\n'
    )
    for path in (token, file):
        path.chmod(0o600)
    settings.ENV = settings.ENV.model_copy(update={"DEFENSECLAW_INSTANCES_FILE": file})
    Watch.objects.create(
        name="edge-1", due=clock.now(), reachable=False, detail="connection refused"
    )
    assert doctor()["gateways"] == "edge-1: connection refused"
    file.write_text("[[instance]]\n")
    assert "instances file: " in doctor()["gateways"]


def test_a_mail_server_that_is_away_is_named(settings: Any) -> None:
    settings.MAILERS = {"default": mailer(f"smtp://127.0.0.1:{free_port()}?tls=none")}
    assert "MAILER_URL does not take mail" in doctor()["mail"]


@pytest.fixture
def own_clients() -> Iterator[None]:
    """Clients of the issuer that no other test shares."""
    auth0_clients.auth0.cache_clear()
    yield
    auth0_clients.auth0.cache_clear()


@pytest.mark.usefixtures("own_clients")
def test_an_issuer_that_is_away_and_a_full_disk_are_named(settings: Any, tmp_path: Path) -> None:
    settings.ENV = settings.ENV.model_copy(
        update={"AUTH0_ISSUER": f"http://localhost:{free_port()}/"}
    )
    settings.VAR_DIR = tmp_path / "gone"
    found = doctor()
    assert "localhost" in found["issuer"]
    assert "VAR_DIR takes no writes" in found["storage"]


def test_a_cache_that_forgets_is_named(settings: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    assert "nothing is lost" in doctor()["cache"]


def _a_trigger(cursor: Any) -> str:
    cursor.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_event'"
    )
    return str(cursor.fetchone()[0])
