"""`make up`: the local tenant and the DEMO gateway get none of the portal's keys."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from portal.env import SECRETS, Env
from scripts import demo_environment_setup
from scripts.processes import commands, environment_of
from tests.support.stack import CHECKOUT

KEYS = {"SECRET_KEY", "EVIDENCE_KEY", "EVIDENCE_KEY_PREVIOUS", "DATABASE_URL", "CACHE_URL"}
FOLDER = "/srv/ata/var"
NEEDED = {"PATH": os.environ["PATH"], "VAR_DIR": FOLDER, "ATA_UP_PID": "1"}
TENANTS = {
    "AUTH0_CLIENT_SECRET": "web",
    "AUTH0_ISSUER": "http://localhost:8100/",
    "TENANT_PORT": "8100",
}
GIVEN = NEEDED | TENANTS | {name: f"the {name}" for name in (*KEYS, "LEDGER_KEY_FILE", "ANY_OTHER")}


@pytest.mark.parametrize("name", ["tenant", *demo_environment_setup.INSTANCES])
def test_neither_tenant_nor_gateway_gets_a_key_of_the_portal(name: str) -> None:
    own = environment_of(name, GIVEN)
    assert not own.keys() & {*KEYS, "LEDGER_KEY_FILE", "ANY_OTHER"}
    assert own["VAR_DIR"] == FOLDER and own["ATA_UP_PID"] == "1"


def test_the_gateway_gets_no_secret_and_the_tenant_those_that_it_checks() -> None:
    assert not environment_of("laptop-mia", GIVEN).keys() & {*SECRETS, *TENANTS}
    assert environment_of("tenant", GIVEN).keys() >= TENANTS.keys()


def test_the_portals_own_processes_get_everything() -> None:
    assert environment_of("portal", GIVEN) == environment_of("worker", GIVEN) == GIVEN


def test_every_process_of_the_stack_is_either_the_portals_or_gets_its_own_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(demo_environment_setup, "runs", lambda _: True)
    names = set(commands(Env()))
    assert {name for name in names if environment_of(name, GIVEN) == GIVEN} == {"portal", "worker"}


def test_the_tenant_reads_all_that_it_needs_from_its_part() -> None:
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "from local.tenant.env import env; print(env().auth0_client_secret)",
        ],
        env=environment_of("tenant", GIVEN),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "web"
