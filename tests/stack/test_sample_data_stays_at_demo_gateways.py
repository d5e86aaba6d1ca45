"""`make up` where a gateway of one's own is registered: no sample decision ever reaches it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.demo_environment_setup import INSTANCES
from tests.support.own_gateway import OwnGateway, own_gateway
from tests.support.stack import FIRST_START_S, Stack

pytestmark = pytest.mark.stack


@pytest.fixture
def mine() -> Iterator[OwnGateway]:
    with own_gateway() as made:
        yield made


@pytest.fixture
def stack(mine: OwnGateway, tmp_path: Path) -> Iterator[Stack]:
    configured = tmp_path / "instances.toml"
    configured.write_text(mine.block(tmp_path))
    made = Stack(tmp_path / "var", {"DEFENSECLAW_INSTANCES_FILE": str(configured)})
    yield made
    made.stop()


def test_sample_data_is_loaded_only_when_asked_and_never_decided_at_other_gateways(
    stack: Stack, mine: OwnGateway
) -> None:
    prepared = stack.run("-m", "scripts.up", "--prepare")
    assert prepared.returncode == 0, prepared.stderr
    assert "no sample data is loaded. 'make up DEMO=1' adds it" in prepared.stdout
    assert "Auth0-ATA is running" not in prepared.stdout
    stack.start(FIRST_START_S)
    assert "no sample data is loaded. 'make up DEMO=1' adds it" in stack.output
    (found,) = stack.rows("SELECT count(*) AS n FROM audit_eventrow WHERE operation <> ''")
    assert found["n"] == 0
    assert not (stack.demo / "instances.toml").exists()
    stack.stop()

    stack.extra_env["DEMO"] = "1"
    stack.start(FIRST_START_S)
    assert "DEMO gateways laptop-mia, build-server and edge-1 only" in stack.output
    decided = stack.rows("SELECT DISTINCT instance FROM approvals_effect")
    assert {row["instance"] for row in decided} == set(INSTANCES)
    assert stack.enforced("laptop-mia") and stack.enforced("build-server")
    everywhere = stack.rows("SELECT name FROM enforcement_asset WHERE instance = ''")
    assert [row["name"] for row in everywhere] == []
    assert mine.changes == []


def test_a_gateway_called_like_a_demo_one_is_refused_before_anything_starts(
    stack: Stack, mine: OwnGateway, tmp_path: Path
) -> None:
    (tmp_path / "instances.toml").write_text(mine.block(tmp_path, "build-server"))
    done = stack.run("-m", "scripts.up", DEMO="1")
    assert done.returncode == 1
    assert "names a gateway 'build-server', as a DEMO gateway is" in done.stderr
    assert not (stack.var_dir / "portal.sqlite3").exists()
