"""The DEMO gateway of `make up` into whose agent's folder a malicious skill can be dropped."""

from __future__ import annotations

import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from enforcement.gateways import instances

_SKILLS = Path(".claude") / "skills"
_NAMES = ("pdf-exfil", "invoice-relay", "token-helper", "clipboard-sync", "crypto-miner")
_LONGEST_S = 20


@dataclass(frozen=True, slots=True)
class DemoGateway:
    """Its name and its user's folder."""

    name: str
    home: Path


def watched() -> DemoGateway | None:
    """The first DEMO gateway that watches a folder on this machine; None without one."""
    for one in instances.fleet().instances:
        if one.demo and one.audit_db is not None:
            home = one.audit_db.parent.parent
            if (home / _SKILLS).is_dir():
                return DemoGateway(one.name, home)
    return None


def drop_malicious_skill(gateway: DemoGateway) -> str:
    """Have the demo world put one there, as somebody who installs it would; returns its name.

    Raises:
        OSError, subprocess.SubprocessError: it could not be written.
    """
    name = f"{secrets.choice(_NAMES)}-{secrets.token_hex(2)}"
    command = [sys.executable, "-m", "demo.malicious_skill"]
    command += ["--home", str(gateway.home), "--name", name]
    subprocess.run(  # noqa: S603 - our own program, no shell
        command, cwd=settings.BASE_DIR, check=True, capture_output=True, timeout=_LONGEST_S
    )
    return name
