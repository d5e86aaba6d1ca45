"""A gateway's token: read as DefenseClaw writes it, and not sent again and again once refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from approvals import clock
from enforcement.gateways import client, instances
from enforcement.gateways.client import Gateway, NotAnswering
from enforcement.gateways.credentials import gateway_token_files, refused_tokens
from enforcement.gateways.credentials.gateway_token_files import NoToken
from enforcement.gateways.instances import InstancesRefused, load
from enforcement.models import Watch
from tests.enforcement.gateways import TOKEN, Edge, Town

Look = Callable[[], int]

BLOCK = '[[instance]]\nname = "edge-1"\nbase_url = "http://127.0.0.1:9"\n'


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("abc\n", "abc"),
        ("c2VjcmV0LXRva2Vu==\n", "c2VjcmV0LXRva2Vu=="),
        ("DEFENSECLAW_GATEWAY_TOKEN=abc\n", "abc"),
        ('# written by the gateway\nexport DEFENSECLAW_GATEWAY_TOKEN="abc="\nX=1\n', "abc="),
        ("OPENCLAW_GATEWAY_TOKEN=old\nDEFENSECLAW_GATEWAY_TOKEN=abc\n", "abc"),
        ("DEFENSECLAW_GATEWAY_TOKEN=\nOPENCLAW_GATEWAY_TOKEN='old'\n", "old"),
        ("DEFENSECLAW_GATEWAY_TOKEN=first\nDEFENSECLAW_GATEWAY_TOKEN=last\n", "last"),
    ],
)
def test_the_token_is_found_alone_or_in_the_env_file_of_defenseclaw(
    tmp_path: Path, text: str, token: str
) -> None:
    path = tmp_path / ".env"
    path.write_text(text)
    assert gateway_token_files.read(path) == token


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no token"),
        ("two\nlines\n", "holds no token"),
        ("DEFENSECLAW_GATEWAY_TOKEN=\n", "none of them is DEFENSECLAW_GATEWAY_TOKEN"),
        ("SPLUNK_TOKEN=s3cret\nOTHER=1\n", "none of them is DEFENSECLAW_GATEWAY_TOKEN"),
    ],
)
def test_a_file_without_a_token_says_so_and_nothing_of_its_text(
    tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / ".env"
    path.write_text(text)
    with pytest.raises(NoToken) as why:
        gateway_token_files.read(path)
    assert says in str(why.value) and "s3cret" not in str(why.value)


def test_a_gateway_that_knows_no_token_needs_no_file(tmp_path: Path) -> None:
    path = tmp_path / "i.toml"
    path.write_text(BLOCK)
    (made,) = load(path)
    assert made.gateway_token_file is None


def test_a_gateway_that_wants_a_token_says_which_line_is_missing(town: Town, edge: Edge) -> None:
    without = instances.fleet().instances[0].model_copy(update={"gateway_token_file": None})
    with pytest.raises(NotAnswering) as said:
        Gateway(without).health()
    assert "edge-1 wants a token (HTTP 401); name its gateway_token_file." in said.value.detail


def test_a_webhook_secret_is_refused_because_webhooks_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "i.toml"
    path.write_text(BLOCK + 'webhook_secret_file = "w"\n')
    with pytest.raises(InstancesRefused, match="webhook_secret_file: webhooks are not read yet"):
        load(path)


def refusals(edge: Edge) -> int:
    rows = edge.rows("SELECT count(*) FROM audit_events WHERE action = 'api-auth-failure'")
    return int(str(rows[0][0]))


@pytest.fixture
def refused(town: Town, look: Look, edge: Edge) -> Path:
    """The file of a token that edge-1 just refused."""
    token = town.folder / "token"
    token.write_text("t0ken-of-yesterday")
    look()
    assert Watch.objects.get(name="edge-1").reachable is False
    assert refusals(edge) == 1
    return token


@pytest.mark.django_db
def test_a_refused_token_is_sent_once_in_five_minutes(
    refused: Path, look: Look, edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        look()
    assert refusals(edge) == 1
    assert "refuses our token (HTTP 401)" in Watch.objects.get(name="edge-1").detail
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + refused_tokens.EVERY + timedelta(seconds=1))
    look()
    assert refusals(edge) == 2


@pytest.mark.django_db
def test_another_token_in_the_file_is_sent_at_once(refused: Path, look: Look) -> None:
    refused.write_text(f"DEFENSECLAW_GATEWAY_TOKEN={TOKEN}\n")
    look()
    assert Watch.objects.get(name="edge-1").reachable is True


@pytest.mark.django_db
def test_a_gateway_that_was_started_again_is_asked_at_once(
    refused: Path, look: Look, edge: Edge
) -> None:
    look()  # notes since when it runs
    edge.stop()
    edge.token = "t0ken-of-yesterday"  # it has taken up the token that we have
    edge.start()
    client._http.cache_clear()  # a process that ended keeps no connection open
    look()
    assert Watch.objects.get(name="edge-1").reachable is True
