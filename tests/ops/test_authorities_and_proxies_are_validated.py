"""`CA_FILE` and `HTTPS_PROXY` that cannot be used keep the portal from starting, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal import env as environment
from portal.env import Env, EnvironmentRefused


def started(monkeypatch: pytest.MonkeyPatch, **given: str) -> str:
    """What the refusal to start says."""
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(EnvironmentRefused) as refused:
        environment.load()
    return str(refused.value)


def test_every_problem_is_listed_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = started(
        monkeypatch,
        CA_FILE=str(tmp_path / "missing.pem"),
        HTTPS_PROXY="socks5://proxy.acme.example:1080",
        TRUSTED_PROXIES="proxy",
    )
    assert "CA_FILE: " in said and f"No such file or directory: {tmp_path}/missing.pem" in said
    assert "HTTPS_PROXY: " in said and "must be http://host:port" in said
    assert "TRUSTED_PROXIES: " in said


@pytest.mark.parametrize(
    ("text", "why"), [(" \n", "is empty"), ("no certificate", "has no PEM certificates")]
)
def test_a_ca_file_without_certificates_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, why: str
) -> None:
    (tmp_path / "ca.pem").write_text(text)
    said = started(monkeypatch, CA_FILE=str(tmp_path / "ca.pem"))
    assert f"{why}: {tmp_path}/ca.pem" in said


@pytest.mark.parametrize(
    "address",
    ["https://p.example", "http://", "http://p:x", "http://p/path"],
)
def test_an_address_that_is_no_proxy_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    said = started(monkeypatch, HTTPS_PROXY=address.replace("//", "//u:hidden@"))
    assert "HTTPS_PROXY: " in said and "hidden" not in said


def test_empty_values_are_none() -> None:
    found = Env.model_validate({"CA_FILE": "", "HTTPS_PROXY": "", "NO_PROXY": ""})
    assert found.additions == Env().additions
    several = Env(NO_PROXY="acme.example, 10.0.0.0/8 .x.example").additions.no_proxy
    assert several == {"acme.example", "10.0.0.0/8", ".x.example"}


def test_a_proxy_may_be_named_without_its_scheme() -> None:
    assert Env(HTTPS_PROXY="p.example:8080").additions.proxy == "http://p.example:8080"
