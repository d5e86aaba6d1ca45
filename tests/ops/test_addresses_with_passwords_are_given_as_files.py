from __future__ import annotations

from pathlib import Path

import pytest

from portal import env


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
