"""Redis is away or hangs: pages and acts go on without what it kept."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from audit.models import EventRow
from connections.models import Freeze
from portal.database_settings import cache
from portal.ops.forgetful_redis_cache import ForgetfulRedisCache
from tests.support.pages import signed_in
from tests.support.ports import free_port

pytestmark = pytest.mark.django_db

PAGES = ("/", "/approvals/", "/audit/", "/connections/", "/audit/ledger/", "/account/")


@pytest.fixture
def redis_at(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], None]:
    def use(port: int) -> None:
        url = f"redis://127.0.0.1:{port}/0"
        settings.CACHES = {"default": cache(url, var_dir=tmp_path)}
        monkeypatch.setattr(ForgetfulRedisCache, "silent_until", 0.0)

    return use


def test_pages_and_acts_go_on_without_redis(redis_at: Callable[[int], None]) -> None:
    auditor, operator = signed_in("auditor", "auditor"), signed_in("operator", "operator")
    redis_at(free_port())
    for page in PAGES:
        assert auditor.get(page).status_code == operator.get(page).status_code == 200, page
    assert Client().get("/readyz").status_code in {200, 503}  # 503 where no worker runs
    assert operator.post("/connections/freeze/me/").status_code == 302
    assert Freeze.objects.count() == 1


def test_each_look_at_the_trail_is_recorded_while_nothing_is_kept(
    redis_at: Callable[[int], None],
) -> None:
    auditor = signed_in("auditor", "auditor")
    redis_at(free_port())
    seen = EventRow.objects.filter(action="audit.viewed").count()
    auditor.get("/audit/")
    assert EventRow.objects.filter(action="audit.viewed").count() == seen + 1


def test_a_page_waits_once_for_a_redis_that_hangs(redis_at: Callable[[int], None]) -> None:
    auditor = signed_in("auditor", "auditor")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        came: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    came.append(silent.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        redis_at(silent.getsockname()[1])
        assert auditor.get("/").status_code == 200
        assert len(came) == 1
    for one in came:
        one.close()
