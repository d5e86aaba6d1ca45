"""The portal as a server of its own beside a real local tenant, and schemathesis against it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.migrated import migrated
from tests.support.ports import free_port
from tests.support.sign_in import API, Attempt, sign_in
from tests.support.tenant import CHECKOUT, LocalTenant

CONFIG = Path(__file__).with_name("schemathesis.toml")
BIN = Path(sys.executable).parent
IDENTITIES = ("operator", "auditor", "admin", "member1", "nobody")

# Something of each kind to find: events in a signed tree and outside it, a person, an account of
# theirs with what was allowed on it, the comparison that found it and a review of it.
FURNISH = """
from datetime import timedelta
from approvals import clock
from approvals.pipeline.service import perform
from audit.sequencing import sequencer
from audit.recording.actors import Actor, Target
from audit.clock import uuid7
from audit.recording.record import record
from connections.sync import run_progress, update_accounts
from connections.models import Allowance
now = clock.now()
olu = Actor(iss="https://issuer.example/", sub="auth0|1", name="Olu Operator")
for number in range(20):
    record(olu, "skill.blocked", target=Target("skill", f"skill-{number}"), reason="to be found")
sequencer.run_once()
record(olu, "operator.signed_out")
fact = update_accounts.Fact("cac_1", "github", ("repo",), None, None)
account = update_accounts.appeared(olu.iss, olu.sub, fact, "management", run_progress.begin(1).pk)
Allowance.objects.create(account=account, kind="mcp", name="github-mcp", scopes=["delete_repo"],
                         granted_at=now, expires_at=now + timedelta(days=1))
amir = Actor(iss=olu.iss, sub="auth0|2", roles=frozenset({"admin"}))
perform(amir, "review.open", Target("review", str(uuid7())),
        params={"title": "Spring", "due": now.date().isoformat(), "reviewers": "owners"})
"""


@dataclass
class Portal:
    """The portal's server on a database and ports of its own."""

    folder: Path
    tenant: LocalTenant
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Base URL, without a trailing slash."""
        return f"http://localhost:{self.port}"

    def environment(self) -> dict[str, str]:
        """The environment of the portal's processes."""
        kept = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "VAR_DIR"}}
        return kept | {
            "VAR_DIR": str(self.folder),
            "PORTAL_PORT": str(self.port),
            "TENANT_PORT": str(self.tenant.port),
            "AUTH0_CLIENT_SECRET": self.tenant.secrets.web,
            "AUTH0_VAULT_CLIENT_SECRET": self.tenant.secrets.vault,
            "AUTH0_MGMT_CLIENT_SECRET": self.tenant.secrets.mgmt,
        }

    def manage(self, *arguments: str, program: str = "") -> None:
        """Run a management command."""
        subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=CHECKOUT, env=self.environment(), input=program.encode(), check=True,
            capture_output=True,
        )  # fmt: skip

    def start(self) -> Portal:
        """Furnish and serve; returns when it answers."""
        migrated(self.folder / "portal.sqlite3")
        self.manage("shell", "--verbosity", "0", program=FURNISH)
        command = [
            sys.executable, "-m", "serving", "portal.wsgi:application", "--port", str(self.port),
        ]  # fmt: skip
        with (self.folder / "portal.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=CHECKOUT, env=self.environment(), stdout=log, stderr=log
            )
        until = time.monotonic() + 90
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=10).status_code == 200:
                    return self
            except httpx.HTTPError:
                time.sleep(0.1)
        self.stop()
        raise AssertionError((self.folder / "portal.log").read_text()[-4000:])

    def stop(self) -> None:
        """Stop serving."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def token(self, who: str) -> str:
        """An access token of a real sign-in; empty for nobody."""
        if who == "nobody":
            return ""
        attempt = Attempt(
            self.tenant, scope="openid profile email write:events", extra={"audience": API}
        )
        return str(sign_in(self.tenant.browser(), attempt, who)["access_token"])


def beside(folder: Path) -> Portal:
    """A portal and its tenant, started."""
    port = free_port()
    tenant = LocalTenant(folder / "tenant", portal_url=f"http://localhost:{port}")
    portal = Portal(folder / "portal", tenant, port)
    portal.folder.mkdir(parents=True)
    tenant.start()
    try:
        return portal.start()
    except BaseException:
        tenant.stop()
        raise


@dataclass(frozen=True)
class Verdict:
    """What schemathesis said: how many cases it made, and all its words."""

    cases: int
    passed: bool
    words: str


def examine(portal: Portal, who: str, *options: str, seed: int = 7) -> Verdict:
    """Run schemathesis as somebody with every check; the seed makes it the same each time."""
    header = ["-H", f"Authorization: Bearer {portal.token(who)}"] if who != "nobody" else []
    done = subprocess.run(
        [
            str(BIN / "schemathesis"), "--config-file", str(CONFIG), "--no-color", "run",
            f"{portal.url}/v1/openapi.json", *header, "--seed", str(seed),
            "--continue-on-failure", "--warnings", "off",
            "--generation-deterministic", *options,
        ],
        cwd=portal.folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )  # fmt: skip
    words = done.stdout + done.stderr
    found = re.search(r"(\d+) generated", words)
    return Verdict(int(found[1]) if found else 0, done.returncode == 0, words)


def main(examples: str = "10") -> None:
    """`make contract`: everybody, `examples` of each operation; ends with 1 after a violation."""
    import tempfile

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    with tempfile.TemporaryDirectory(prefix="ata-contract-") as folder:
        portal = beside(Path(folder))
        failed = False
        try:
            for who in IDENTITIES:
                # The others meet the same code with other rights: no second look at every shape.
                phases = "examples,coverage,fuzzing,stateful" if who == "operator" else "fuzzing"
                verdict = examine(portal, who, "--phases", phases, "-n", examples)
                print(
                    f"{who}: {verdict.cases} cases, {'held' if verdict.passed else 'BROKEN'}",
                    flush=True,
                )
                if not verdict.passed:
                    failed = True
                    print(verdict.words[-8000:])
        finally:
            portal.stop()
            portal.tenant.stop()
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:2])
