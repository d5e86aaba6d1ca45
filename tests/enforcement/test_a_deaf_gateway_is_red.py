"""A gateway of which something is not known is red on its page and on Home within a minute."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client

from approvals import clock
from audit.recording.actors import SYSTEM, Actor, Target
from audit.recording.record import record
from enforcement.gateways import health_checks, instances, unmonitored_gateways
from enforcement.models import Watch
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Edge, Town, settle
from tests.enforcement.stand_ins import register, running

Look = Callable[[], int]
Do = Callable[[], None]
TITLE = "Gateways that do not answer or are not read"

pytestmark = pytest.mark.django_db


def red(web: Client) -> tuple[list[str], bool]:
    """The red notices of the page of gateways, and whether Home has the panel."""
    page = web.get("/enforcement/fleet/").content.decode()
    notices = re.findall(r'<div class="notice t-bad" role="alert">(.*?)</div></div>', page)
    plain = [re.sub(r"<[^>]+>", "", one).strip() for one in notices]
    return plain, TITLE in web.get("/").content.decode()


def later(monkeypatch: pytest.MonkeyPatch, **passed: int) -> datetime:
    """Let time pass."""
    moment = clock.now() + timedelta(**passed)
    monkeypatch.setattr(clock, "now", lambda: moment)
    return moment


def test_one_that_does_not_answer_is_red_at_the_next_look(
    town: Town, edge: Edge, look: Look
) -> None:
    web = browser("operator", "operator")
    assert red(web) == ([], False)
    edge.stop()
    look()
    [said], at_home = red(web)
    assert at_home and said.startswith("edge-1 does not answer. Not known since ")
    assert "UTC: what is blocked and allowed there" in said
    edge.start()
    look()
    assert red(web) == ([], False)


@pytest.mark.parametrize("roles", [("admin",), ("admin", "operator")])
def test_home_of_an_admin_names_one_that_does_not_answer(
    town: Town, edge: Edge, look: Look, roles: tuple[str, ...]
) -> None:
    web = browser("admin", *roles)
    assert TITLE not in web.get("/").content.decode()
    edge.stop()
    look()
    page = web.get("/").content.decode()
    named = re.findall(r'<a [^>]*href="/enforcement/fleet/"[^>]*>edge-1 does not answer', page)
    assert TITLE in page and len(named) == 1, page
    assert web.get("/enforcement/fleet/").status_code == 200


@pytest.mark.parametrize(("passed", "count"), [(59, 0), (61, 2)])
def test_without_a_worker_that_asks_they_are_red_after_a_minute(
    town: Town, look: Look, monkeypatch: pytest.MonkeyPatch, passed: int, count: int
) -> None:
    look()
    web = browser("operator", "operator")
    Watch.objects.exclude(name="").update(last_seen=clock.now(), read_at=clock.now())
    later(monkeypatch, seconds=passed)
    found = [one for one in unmonitored_gateways.everywhere() if "It was not heard of" in one.why]
    assert len(found) == count
    notices, at_home = red(web)
    assert bool(notices) is at_home is bool(count)


def test_one_that_answers_while_its_rows_are_read_from_elsewhere_is_red(
    tmp_path: Path,
    settings: LazySettings,
    olu: Actor,
    do_due: Do,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.VAR_DIR = tmp_path
    with running(tmp_path, "lab", "head", "--agent", "claudecode=action") as lab:
        register(tmp_path, lab)
        [instance] = instances.fleet().instances
        Watch.objects.create(name="lab", due=clock.now())
        health_checks.note(instance, health_checks.probe(instance), clock.now())
        old = tmp_path / "old.db"
        shutil.copy(lab.database, old)
        settle(olu, Target("tool", "Bash"), "block")
        do_due()
        later(monkeypatch, seconds=11)
        assert unmonitored_gateways.everywhere() == []
        file = tmp_path / "demo/instances.toml"
        file.write_text(file.read_text().replace(str(lab.database), str(old)))
        instances._cache.clear()
        [said] = unmonitored_gateways.everywhere()
        assert "is not in the audit database that is read" in said.why
    instances._cache.clear()


def test_a_gap_in_what_it_pushed_is_red_for_a_day(
    town: Town, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    look()
    record(
        SYSTEM,
        "defenseclaw.push_gap",
        instance="edge-1",
        target=Target("gateway", "edge-1", "edge-1"),
        data={"gap": "steps", "missing": 2},
    )
    [said], at_home = red(browser("operator", "operator"))
    assert at_home and said.startswith("Something that it pushed is missing. Not known since ")
    later(monkeypatch, hours=25)
    assert not [one for one in unmonitored_gateways.everywhere() if "pushed" in one.why]
