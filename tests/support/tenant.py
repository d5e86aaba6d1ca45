"""A real local tenant in its own process, for tests of anything that speaks to Auth0."""

from __future__ import annotations

import os
import re
import secrets as random_secrets
import subprocess
import sys
import time
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.support.companion import Companion
from tests.support.forking import PORTAL
from tests.support.ports import free_port

CHECKOUT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 90.0


@dataclass(frozen=True, slots=True)
class Secrets:
    """The client secrets the tenant was seeded with."""

    web: str
    vault: str
    mgmt: str


@dataclass
class LocalTenant:
    """Starts, seeds and stops one tenant. ``url`` has no trailing slash, ``issuer`` has one.

    ``portal_url`` decides which callbacks are registered; ``extra_env`` overrides anything.
    The clock can be moved with ``advance``.
    """

    var_dir: Path
    portal_url: str = "http://localhost:8000"
    extra_env: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    secrets: Secrets = field(
        default_factory=lambda: Secrets(*(random_secrets.token_urlsafe(32) for _ in range(3)))
    )
    _process: subprocess.Popen[bytes] | None = None
    _companion: Companion | None = None
    _advanced: float = 0.0

    @property
    def url(self) -> str:
        """Base URL, without a trailing slash."""
        return f"http://localhost:{self.port}"

    @property
    def issuer(self) -> str:
        """Issuer identifier, with its trailing slash."""
        return f"{self.url}/"

    @property
    def log_file(self) -> Path:
        """Where the server's own output goes."""
        return self.var_dir / "tenant-server.log"

    def environment(self) -> dict[str, str]:
        """The environment of the tenant's processes."""
        inherited = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
        return inherited | {
            "VAR_DIR": str(self.var_dir),
            "PORTAL_ENV": "embedded",
            "PORTAL_URL": self.portal_url,
            "AUTH0_ISSUER": self.issuer,
            "AUTH0_CLIENT_SECRET": self.secrets.web,
            "AUTH0_VAULT_CLIENT_SECRET": self.secrets.vault,
            "AUTH0_MGMT_CLIENT_SECRET": self.secrets.mgmt,
            "AUTH0_LOG_STREAM_TOKEN": "",
            "TENANT_CONTROL": "1",
            "TENANT_MGMT_BURST": "100000",
            **self.extra_env,
        }

    def run(self, *commands: str) -> str:
        """Run ``python -m local.tenant COMMAND...`` and return what it printed."""
        done = PORTAL.run(
            ["-m", "local.tenant", *commands], cwd=CHECKOUT, env=self._own_environment()
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(commands)} failed:\n{done.stderr}")
        return done.stdout

    def execute(self, program: str) -> str:
        """Run Python inside the tenant's Django, apart from the server; returns what it printed."""
        if self._companion is None:
            self._companion = Companion(self._own_environment())
        return self._companion.execute(program)

    def _own_environment(self) -> dict[str, str]:
        return self.environment() | {"DJANGO_SETTINGS_MODULE": "local.tenant.settings"}

    def start(self) -> LocalTenant:
        """Migrate, seed and serve; returns when discovery answers."""
        self.var_dir.mkdir(parents=True, exist_ok=True)
        self.run("migrate", "seed")
        self.serve()
        return self

    def serve(self) -> None:
        """Start the server process on the prepared database."""
        command = [
            *(sys.executable, "-m", "serving", "local.tenant.wsgi:application"),
            *("--port", str(self.port)),
        ]  # fmt: skip
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=CHECKOUT, env=self.environment(), stdout=log, stderr=log
            )
        self._wait()
        if self._advanced:  # time must not run backwards for what the database holds
            self._move_clock(self._advanced)

    def stop(self) -> None:
        """Stop the server process; the database stays."""
        if self._companion is not None:
            self._companion.end()
            self._companion = None
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def advance(self, seconds: float) -> None:
        """Move the tenant's clock forward; a restarted tenant goes on from there."""
        self._move_clock(seconds)
        self._advanced += seconds

    def _move_clock(self, seconds: float) -> None:
        answer = httpx.post(f"{self.url}/__control/clock", json={"advance": seconds})
        answer.raise_for_status()

    def browser(self) -> Browser:
        """A fresh browser without cookies, on this tenant."""
        return Browser(self.url)

    def _wait(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                break
            try:
                address = f"{self.url}/.well-known/openid-configuration"
                if httpx.get(address, timeout=10).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"The tenant did not start:\n{self.log_file.read_text()}")


class Browser:
    """A person's browser, without JavaScript: follows this tenant's redirects and no other's."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=30)

    def get(self, address: str) -> httpx.Response:
        """Open an address; ends at a page of the tenant or at the first redirect off it."""
        return self._settle(self.http.get(address))

    def submit(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """Submit the page's form with its hidden fields and ``fields``."""
        action = re.search(r'<form method="post" action="([^"]*)"', page.text)
        assert action, f"no form on {page.url}: {page.text[:400]}"
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
        data = {name: unescape(value) for name, value in hidden} | fields
        answer = self.http.post(
            unescape(action[1]), data=data, headers={"Referer": str(page.url), "Origin": self.url}
        )
        return self._settle(answer)

    def sign_in(self, page: httpx.Response, sub: str, *, mfa: bool = True) -> httpx.Response:
        """Click an account on the sign-in page."""
        return self.submit(page, sub=sub, **({"mfa": "on"} if mfa else {}))

    def _settle(self, answer: httpx.Response) -> httpx.Response:
        while answer.is_redirect:
            target = str(answer.url.join(answer.headers["location"]))
            if urlsplit(target).netloc != urlsplit(self.url).netloc:
                break
            answer = self.http.get(target)
        return answer
