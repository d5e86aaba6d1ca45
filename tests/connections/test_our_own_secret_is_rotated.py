"""The provider gives our vault client a new secret while the portal runs; a file changes."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.env import EnvironmentRefused, load
from portal.rotating_secret_file import SecretFile
from tests.connections.broker_house import House, house

FIRST = "the-secret-of-the-vault-client"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("rotating-house")) as started:
        yield started


def replaced(path: Path, text: str) -> None:
    """As careful tools write: beside it, then into its place."""
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.replace(path)


def in_place(path: Path, text: str) -> None:
    """As an editor may."""
    path.write_text(text)


def unnoticed(path: Path, text: str) -> None:
    """Same length, same file, same times: only a refusal can tell."""
    before = path.stat()
    assert len(text) == before.st_size
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_the_broker_follows_each_rotation_without_a_restart(place: House) -> None:
    sub = place.person("octo-rotated")
    token = place.vault.token(sub)
    assert place.ask(token).status == 200
    secrets = [FIRST]
    log = place.folder / "portal.log"
    before = len(log.read_text())
    for number, write in enumerate((replaced, unnoticed, in_place, unnoticed)):
        secrets.append(f"{number}-rotated".ljust(len(FIRST), "x"))
        place.vault.tell(rotate_secret=secrets[-1])
        between = place.ask(token)
        assert (between.status, between.code) == (502, "vault_unavailable")
        write(place.secret, secrets[-1])
        together = place.asks(token, *[{"connection": "github"}] * 6)
        assert {said.status for said in together} == {200}
        assert place.vault.whose(together[0].token) == "octo-rotated"
    assert place.server.poll() is None
    written = log.read_text()[before:]
    assert written.count("secret.changed name=AUTH0_VAULT_CLIENT_SECRET") == 4
    events = str(place.events())
    assert not [secret for secret in secrets if secret in written or secret in events]


def test_a_file_that_cannot_be_read_for_a_while_stops_nothing(place: House) -> None:
    token = place.vault.token(place.person("octo-patient"))
    held = place.secret.read_text()
    place.secret.unlink()
    assert place.ask(token).status == 200
    place.secret.write_bytes(b"\xff\xfe")
    assert place.ask(token).status == 200
    place.secret.write_text("")  # a tool that writes in place has begun
    assert [place.ask(token).status for _ in range(3)] == [200, 200, 200]
    place.vault.tell(rotate_secret="written-at-last")
    place.secret.write_text("written-at-last\n")
    assert place.ask(token).status == 200
    log = (place.folder / "portal.log").read_text()
    for reason in ("No such file or directory", "it is not UTF-8", "it is empty"):
        assert log.count(f"secret.kept name=AUTH0_VAULT_CLIENT_SECRET reason={reason}") == 1
    place.vault.tell(rotate_secret=held)
    place.secret.write_text(held)


def test_a_mounted_secret_changes_by_its_link(tmp_path: Path) -> None:
    """As Kubernetes does: files behind a link to a folder that is exchanged as a whole."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "secret").write_text(f"from-{name}")
    (tmp_path / "data").symlink_to("first")
    (tmp_path / "secret").symlink_to("data/secret")
    found = SecretFile("NAME", tmp_path / "secret")
    assert found.value() == "from-first"
    (tmp_path / "next").symlink_to("second")
    (tmp_path / "next").replace(tmp_path / "data")
    assert found.value() == "from-second"
    assert found.newer("from-second") is None


def test_the_old_value_is_let_go_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "secret"
    path.write_text("the-old-one")
    monkeypatch.delenv("AUTH0_VAULT_CLIENT_SECRET", raising=False)
    monkeypatch.setenv("AUTH0_VAULT_CLIENT_SECRET_FILE", str(path))
    env = load()
    old = env.secret("AUTH0_VAULT_CLIENT_SECRET")
    assert old == "the-old-one"
    assert "the-old-one" not in f"{env!r} {env.model_dump()} {env.__pydantic_private__}"
    held = gc.get_referrers(old)
    counted = sys.getrefcount(old)
    assert any(type(one).__name__ == "_Read" for one in held)
    del held
    with caplog.at_level(logging.INFO):
        path.write_text("the-new-one")
        assert env.secret("AUTH0_VAULT_CLIENT_SECRET") == "the-new-one"
    assert sys.getrefcount(old) == counted - 1
    assert not [one for one in gc.get_referrers(old) if type(one).__name__ == "_Read"]
    assert "secret.changed name=AUTH0_VAULT_CLIENT_SECRET" in caplog.text
    assert "the-old-one" not in caplog.text
    assert "the-new-one" not in caplog.text


def test_what_is_not_text_refuses_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_bytes(b"\xff\xfe")
    monkeypatch.delenv("AUTH0_VAULT_CLIENT_SECRET", raising=False)
    monkeypatch.setenv("AUTH0_VAULT_CLIENT_SECRET_FILE", str(tmp_path / "secret"))
    with pytest.raises(EnvironmentRefused, match="AUTH0_VAULT_CLIENT_SECRET_FILE: not UTF-8"):
        load()
