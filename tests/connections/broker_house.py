"""The portal in a process of its own, another provider, and a caller with a token and a URL.

The portal is told of the provider by its environment and by nothing else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from uuid import uuid4

import httpx

from tests.support.forking import PORTAL
from tests.support.own_portal import database_in
from tests.support.ports import free_port
from tests.support.tenant import CHECKOUT
from tests.support.vault import VaultElsewhere

ROLES = "https://ata.example/roles"
CALLER = Path(__file__).with_name("token_caller.py")


ALLOWED: Final = """
from enforcement.models import Asset
for name in ("github-mcp", "calendar-sync", "standup-bot", "held-mcp", "proxied"):
    Asset.objects.create(kind="mcp", name=name, decision="allow")
"""
"""The components that somebody allowed."""


@dataclass(frozen=True)
class Said:
    """An answer of the broker, as the caller's process got it."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def code(self) -> str:
        """The problem's code; empty for a token."""
        return str(self.body.get("code", ""))

    @property
    def token(self) -> str:
        """The provider's token."""
        return str(self.body["access_token"])


@dataclass
class House:
    """A portal under `serving` with its own database, and who speaks with it."""

    vault: VaultElsewhere
    folder: Path
    env: dict[str, str]
    caller: subprocess.Popen[str]
    server: subprocess.Popen[bytes]

    @property
    def secret(self) -> Path:
        """The file with the secret of the vault client."""
        return Path(self.env["AUTH0_VAULT_CLIENT_SECRET_FILE"])

    @property
    def url(self) -> str:
        """The portal."""
        return f"http://127.0.0.1:{self.env['PORTAL_PORT']}"

    def person(self, *logins: str, connection: str = "github", **more: Any) -> str:
        """Somebody new with these accounts at the provider; their subject."""
        sub = f"auth0|{uuid4().hex[:24]}"
        self.hold(sub, *logins, connection=connection, **more)
        return sub

    def hold(self, sub: str, *logins: str, connection: str = "github", **more: Any) -> None:
        """What the vault holds of a person from now on."""
        scopes = more.pop("scopes", ["read:user", "repo"])
        held = [
            {"id": f"cac_{sub[-8:]}_{login}", "connection": connection, "user": login}
            | {"scopes": scopes, **more}
            for login in logins
        ]
        self.vault.tell(accounts={sub: held})

    def asks(self, token: str, *queries: dict[str, str], **headers: str) -> list[Said]:
        """All at once, from the caller's process; `headers` by their names after `ATA-`."""
        sent = {"Agent": "release-bot", "Skill": "mcp:github-mcp"} | headers
        named = {f"ATA-{name}": value for name, value in sent.items() if value}
        asks = [{"query": urlencode(query), "headers": named} for query in queries]
        assert self.caller.stdin and self.caller.stdout
        self.caller.stdin.write(json.dumps({"url": self.url, "token": token, "asks": asks}) + "\n")
        self.caller.stdin.flush()
        return [Said(**one) for one in json.loads(self.caller.stdout.readline())]

    def ask(self, token: str, connection: str = "github", **headers: str) -> Said:
        """One request."""
        return self.asks(token, {"connection": connection}, **headers)[0]

    def api(self, method: str, path: str, who: str, role: str, body: Any = None) -> Any:
        """A call of somebody else with a role, such as an admin; JSON back."""
        token = self.vault.token(who, "ata-cli", **{ROLES: [role]})
        answer = httpx.request(
            method,
            self.url + path,
            json=body,
            headers={"Authorization": f"Bearer {token}", "Idempotency-Key": uuid4().hex},
            timeout=60,
        )
        assert answer.is_success, answer.text
        return answer.json()

    def decide(
        self,
        verb: str,
        kind: str,
        name: str,
        role: str = "admin",
        who: str = "auth0|0000000000000000000000ad",
    ) -> Any:
        """A decision over `/v1/decisions`."""
        target = {"kind": kind, "name": name}
        params = {"new": True} if verb == "agent.freeze" else {}
        said = {"verb": verb, "target": target, "reason": "a test", "params": params}
        return self.api("POST", "/v1/decisions", who, role, said)

    def ships(self, kind: str, name: str, **declared: Any) -> None:
        """A manifest that came with the installation."""
        folder = self.folder / f"manifest-{name}"
        folder.mkdir(exist_ok=True)
        (folder / "manifest.json").write_text(json.dumps({"kind": kind, "name": name, **declared}))
        words = ["-m", "django", "declare_manifests", str(folder)]
        done = PORTAL.run(words, cwd=CHECKOUT, env=self.env)
        assert done.returncode == 0, done.stderr

    def events(self, **filters: str) -> list[dict[str, Any]]:
        """Events of the trail, newest first."""
        query = urlencode(filters | {"limit": "100"})
        who = "auth0|0000000000000000000000au"
        found = self.api("GET", f"/v1/audit/events?{query}", who, "auditor")
        return list(found["items"])

    def accounts_of(self, sub: str) -> list[dict[str, Any]]:
        """Their own accounts, as `/v1/connections` tells them."""
        token = self.vault.token(sub)
        answer = httpx.get(
            f"{self.url}/v1/connections?owner=me",
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        )
        return list(answer.json()["items"])

    def session(self, sub: str, home: Path, *roles: str) -> dict[str, str]:
        """The environment of a command line on which somebody with these roles is signed in."""
        path = home / f"session-{sub[-6:]}.json"
        held = {
            "portal": self.url,
            "issuer": self.vault.issuer,
            "client_id": "ata-cli",
            "audience": "https://ata.local/api",
            "token_endpoint": f"{self.vault.issuer}oauth/token",
            "revocation_endpoint": "",
            "expires_at": time.time() + 3600,
            "access_token": self.vault.token(sub, "ata-cli", **{ROLES: [*roles]}),
            "refresh_token": "",
        }
        path.touch(0o600)
        path.write_text(json.dumps(held))
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "ATA_SESSION": str(path),
            "ATA_PORTAL": self.url,
        }


@contextmanager
def house(folder: Path) -> Iterator[House]:
    """All of it, with the provider of tokens."""
    with house_of(House, folder) as started:
        yield started


@contextmanager
def house_of[H: House](
    kind: type[H],
    folder: Path,
    vault: VaultElsewhere | None = None,
    more: Mapping[str, str] | None = None,
    before: Sequence[Sequence[str]] = (),
) -> Iterator[H]:
    """Start all of it; one portal process, so that requests of one moment meet.

    `before` are commands of Django that run before the portal does.
    """
    vault = (vault or VaultElsewhere()).start()
    with database_in(folder) as database:
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("AUTH0_", "PORTAL_", "STEP_"))
        }
        told = vault.environment()
        secret = folder / "vault-client-secret"
        secret.touch(0o600)
        secret.write_text(told.pop("AUTH0_VAULT_CLIENT_SECRET"))
        env = kept | told | {
            "AUTH0_VAULT_CLIENT_SECRET_FILE": str(secret),
            "VAR_DIR": str(folder), "DATABASE_URL": database, "PORTAL_PORT": str(free_port()),
            "DJANGO_SETTINGS_MODULE": "portal.settings", **(more or {}),
        }  # fmt: skip
        (folder / "secrets").mkdir(mode=0o700)
        commands = [["declare_manifests", "demo/manifests"], ["shell", "-c", ALLOWED], *before]
        for words in commands:
            done = PORTAL.run(["-m", "django", *words], cwd=CHECKOUT, env=env)
            assert done.returncode == 0, done.stderr
        with (folder / "portal.log").open("ab") as log:
            server = subprocess.Popen(
                [sys.executable, "-m", "serving", "portal.wsgi:application",
                 "--port", env["PORTAL_PORT"]],
                cwd=CHECKOUT, env=env, stdout=log, stderr=log,
            )  # fmt: skip
        caller = subprocess.Popen(
            [sys.executable, "-I", str(CALLER)],
            env={"PATH": os.environ["PATH"]}, cwd=folder, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        try:
            _wait(env)
            yield kind(vault, folder, env, caller, server)
        finally:
            caller.communicate(timeout=60)
            server.terminate()
            server.wait(40)
            vault.stop()


def _wait(env: dict[str, str]) -> None:
    until = time.monotonic() + 90
    while time.monotonic() < until:
        try:
            httpx.get(f"http://127.0.0.1:{env['PORTAL_PORT']}/healthz", timeout=30)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError((Path(env["VAR_DIR"]) / "portal.log").read_text())
