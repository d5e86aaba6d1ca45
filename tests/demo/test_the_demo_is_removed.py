"""An admin removes the demo: it is moved aside, and the next start begins empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection

from audit.keys import outpost_command_key
from enforcement.gateways import instances
from portal.demo_actions.demo_removal_file import FILE, PREFIX
from portal.env import Env
from scripts import demo_environment_setup, demo_removal
from tests.enforcement.outpost_device import Device, enrolled
from tests.support.pages import signed_in

REMOVE = "/demo/remove/"
DEMO_FILE = """[[instance]]
name = "laptop-mia"
demo = true
base_url = "http://127.0.0.1:9"
"""


@pytest.fixture
def folder(tmp_path: Path, settings: LazySettings) -> Iterator[Path]:
    """A VAR_DIR after a first start with sample data."""
    settings.VAR_DIR = tmp_path
    for name in ("demo", "ledger", "secrets", "evidence"):
        (tmp_path / name).mkdir()
    (tmp_path / "demo" / "instances.toml").write_text(DEMO_FILE)
    (tmp_path / "portal.sqlite3").write_text("rows")
    (tmp_path / "secrets" / "EVIDENCE_KEY").write_text("key")
    (tmp_path / "first-start-done").write_text(demo_environment_setup.LOADED)
    instances._cache.clear()
    yield tmp_path
    instances._cache.clear()


def env_of(folder: Path) -> Env:
    return Env(VAR_DIR=folder)


@pytest.mark.django_db
def test_an_admin_who_types_that_they_mean_it_asks_for_it(folder: Path) -> None:
    anya = signed_in("admin", "admin")
    assert "Remove the demo…" in anya.get("/").content.decode()
    wrong = anya.post(REMOVE, {"typed": "yes"})
    assert wrong.status_code == 422 and "Nothing was changed." in wrong.content.decode()
    assert not (folder / FILE).exists()
    done = anya.post(REMOVE, {"typed": "Remove the demo"}).content.decode()
    assert "Nothing was moved yet" in done, "no `make up` runs around this test"
    assert (folder / FILE).read_text().startswith(PREFIX)
    assert (folder / "portal.sqlite3").exists()


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["operator", "auditor"])
def test_nobody_else_removes_the_demo(folder: Path, role: str) -> None:
    answer = signed_in(role, role).post(REMOVE, {"typed": "remove the demo"})
    assert answer.status_code == 403
    assert not (folder / FILE).exists()


@pytest.mark.django_db
def test_where_there_is_no_demo_nothing_can_be_removed(folder: Path) -> None:
    (folder / "demo" / "instances.toml").unlink()
    instances._cache.clear()
    page = signed_in("admin", "admin").post(REMOVE, {"typed": "remove the demo"})
    assert "there is no demo to remove" in page.content.decode()
    assert not (folder / FILE).exists()


@pytest.mark.django_db
def test_a_sign_in_without_a_second_factor_removes_nothing(folder: Path) -> None:
    answer = signed_in("admin", "admin", amr=()).post(REMOVE, {"typed": "remove the demo"})
    assert answer.status_code == 401
    assert not (folder / FILE).exists()


@pytest.mark.django_db
def test_what_was_decided_about_other_gateways_is_not_removed(folder: Path) -> None:
    enrolled(Device(instance="edge-7"), command_key=outpost_command_key.public_key())
    page = signed_in("admin", "admin").post(REMOVE, {"typed": "remove the demo"})
    assert "Other gateways are here, too: edge-7." in page.content.decode()
    assert not (folder / FILE).exists()


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="is about the file of SQLite")
@pytest.mark.parametrize(
    ("inside", "reason"), [(False, "names a file outside VAR_DIR"), (True, "")]
)
def test_a_database_that_would_not_be_moved_keeps_the_demo(
    folder: Path,
    settings: LazySettings,
    tmp_path_factory: pytest.TempPathFactory,
    inside: bool,
    reason: str,
) -> None:
    place = folder if inside else tmp_path_factory.mktemp("elsewhere")
    settings.ENV = Env(VAR_DIR=folder, DATABASE_URL=f"sqlite:///{place / 'own.sqlite3'}")
    page = signed_in("admin", "admin").post(REMOVE, {"typed": "remove the demo"})
    assert reason in page.content.decode()
    assert (folder / FILE).exists() is inside


def asked_for(folder: Path) -> Path:
    (folder / FILE).write_text("demo-removed-20261130-010000")
    return folder / "demo-removed-20261130-010000"


def test_everything_but_secrets_is_moved_and_no_demo_runs_afterwards(folder: Path) -> None:
    aside, env = asked_for(folder), env_of(folder)
    assert demo_removal.is_asked(env)
    assert demo_removal.move_aside(env) == aside
    assert {path.name for path in aside.iterdir()} >= {"portal.sqlite3", "ledger", "demo"}
    assert {path.name for path in folder.iterdir()} == {
        *("secrets", "first-start-done", aside.name)
    }
    assert not demo_removal.is_asked(env)
    assert not demo_environment_setup.runs(env)
    assert not demo_environment_setup.has_to_load(env)
    demo_environment_setup.note_prepared(env)
    assert demo_environment_setup.announcement(env).startswith("The demo was removed: no sample")


def test_a_removal_that_was_interrupted_is_taken_up_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aside, env = asked_for(folder), env_of(folder)
    moved: list[Path] = []

    def once(path: Path, to: Any) -> Path:
        if moved:
            raise KeyboardInterrupt
        moved.append(path)
        return real(path, to)

    real = Path.rename
    monkeypatch.setattr(Path, "rename", once)
    with pytest.raises(KeyboardInterrupt):
        demo_removal.move_aside(env)
    monkeypatch.undo()
    assert demo_removal.is_asked(env)
    demo_removal.move_aside(env)
    assert moved[0].name in {path.name for path in aside.iterdir()}
    assert not (folder / "portal.sqlite3").exists()


def test_a_request_that_names_another_folder_moves_nothing(folder: Path) -> None:
    (folder / FILE).write_text("../elsewhere")
    with pytest.raises(ValueError, match="names no folder"):
        demo_removal.move_aside(env_of(folder))
    assert (folder / "portal.sqlite3").exists()
