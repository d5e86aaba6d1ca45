from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from portal import env
from scripts import demo_environment_setup


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("DATABASE_URL", "postgres://ata:s3cret@db.example/ata"),
        ("CELERY_BROKER_URL", "amqp://ata:s3cret@mq.example"),
        ("CACHE_URL", "redis://:s3cret@cache.example"),
        ("MAILER_URL", "smtp://ata:s3cret@mail.example:587"),
    ],
)
def test_an_address_that_holds_a_password_is_read_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, address: str
) -> None:
    file = tmp_path / "address"
    file.write_text(address + "\n")
    monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv(f"{name}_FILE", str(file))
    assert getattr(env.load(), name) == address
    monkeypatch.setenv(name, "filesystem://")
    assert getattr(env.load(), name) == "filesystem://", "a value wins over its file"


@pytest.mark.parametrize("name", ["DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL", "MAILER_URL"])
@pytest.mark.parametrize("special", "#/?[")
def test_an_address_that_cannot_be_read_is_refused_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, special: str
) -> None:
    file = tmp_path / "address"
    file.write_text(f"postgres://ata:s3cret{special}@db.example/ata")
    monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv(f"{name}_FILE", str(file))
    with pytest.raises(env.EnvironmentRefused) as refused:
        env.load()
    assert f"{name}: " in str(refused.value) and "percent-encode" in str(refused.value)
    assert "s3cret" not in str(refused.value)
    assert refused.value.__cause__ is None and refused.value.__suppress_context__


@pytest.mark.parametrize("name", ["DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL"])
def test_an_empty_file_is_no_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    file = tmp_path / "address"
    file.write_text("\n")
    monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(f"{name}_FILE", str(file))
    with pytest.raises(env.EnvironmentRefused, match=f"{name}_FILE: empty"):
        env.load()


@pytest.mark.parametrize("given", [{}, {"CELERY_BROKER_URL": "filesystem://"}])
def test_the_embedded_worker_needs_no_folder_of_messages(
    tmp_path: Path, given: dict[str, str]
) -> None:
    """Celery reads the variable before the setting, and would look for a folder `data_in`."""
    asked = "from portal.celery import app; print(app.conf.broker_url)"
    kept = {name: value for name, value in os.environ.items() if name != "CELERY_BROKER_URL"}
    done = subprocess.run(
        [sys.executable, "-c", asked],
        env=kept | {"VAR_DIR": str(tmp_path / "var")} | given,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "memory://localhost"


def test_what_make_up_starts_gets_no_address_that_was_not_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in env.ADDRESSES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    child = demo_environment_setup.environment(env.load())
    assert not set(env.ADDRESSES) & set(child)
