"""The container that editors and `docker` start runs the demo as `make` does."""

from __future__ import annotations

import json
import re
import subprocess

from portal.env import Env
from tests.support.stack import CHECKOUT

FOLDER = CHECKOUT / ".devcontainer"


def test_the_editor_forwards_the_ports_of_the_demo_and_uses_a_stage_that_exists() -> None:
    asked = json.loads((FOLDER / "devcontainer.json").read_text())
    ports = [Env.model_fields[name].default for name in ("PORTAL_PORT", "TENANT_PORT")]
    assert asked["forwardPorts"] == ports
    stages = re.findall(r"^FROM \S+ AS (\S+)$", dockerfile(), re.MULTILINE)
    assert asked["build"]["target"] in stages
    assert f"USER {asked['remoteUser']}" in dockerfile()


def test_every_make_command_of_the_container_exists() -> None:
    asked = json.loads((FOLDER / "devcontainer.json").read_text())
    named = re.findall(r'make"?,? "?(\w+)', dockerfile().partition("AS demo")[2])
    named += re.findall(
        r"make (\w+)", f"{asked['updateContentCommand']} {asked['postAttachCommand']}"
    )
    assert set(named) == {"prepare", "up"}
    for target in named:
        subprocess.run(["make", "-n", target], cwd=CHECKOUT, check=True, capture_output=True)


def test_no_data_or_secret_of_a_checkout_is_copied_into_the_image() -> None:
    left_out = (CHECKOUT / ".dockerignore").read_text().splitlines()
    made = (CHECKOUT / ".gitignore").read_text().splitlines()
    assert {"var", ".env", ".venv"} <= set(left_out) & {line.rstrip("/") for line in made}


def dockerfile() -> str:
    return (FOLDER / "Dockerfile").read_text()
