"""The people of a story: browsers that sign in, phones that answer, command lines of their own."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.canary import needles
from tests.support.chrome import Person, person
from tests.support.stack import CHECKOUT, Stack

NAMES = {
    "auditor": "Ada Auditor",
    "operator": "Olu Operator",
    "operator2": "Oona Operator",
    "admin": "Amir Admin",
    "admin2": "Anya Admin",
    "member1": "Mia Member",
    "member2": "Milo Member",
}
CODE = re.compile(r"\d\d-\d\d-\d\d")
CODE_OF_DEVICE = re.compile(r"[A-Z]{4}-[A-Z]{4}")
WAITING = re.compile(r"Code: (\d\d-\d\d-\d\d)")

_RUN = secrets.token_hex(2)


def fresh(name: str) -> str:
    """A name that no earlier run on the same data has used."""
    return f"{name}-{_RUN}"


@dataclass
class House:
    """A running stack, a browser engine, and a home folder for command lines."""

    stack: Stack
    engine: Browser
    homes: Path
    cookies: dict[str, StorageState]
    present: list[Person] = field(default_factory=list)

    def url(self, path: str) -> str:
        """An address of the portal."""
        return f"{self.stack.portal}{path}"

    def visit(self, name: str, path: str = "/", width: int = 1280) -> Person:
        """Somebody opens the portal in a browser of their own; the first time they sign in."""
        someone = self._browser(name, name, width, 900)
        page = someone.page
        if name not in self.cookies:
            page.goto(self.url("/oidc/authenticate/?next=/account/"))
            page.get_by_role("button", name=NAMES[name]).first.click()
            # A sign-in may end a pending disconnection first.
            page.wait_for_url(lambda u: u.startswith(self.stack.portal) and "/oidc/" not in u)
            self.cookies[name] = someone.context.storage_state()
        page.goto(self.url(path))
        return someone

    def phone(self, name: str) -> Phone:
        """Somebody's phone, in a browser of its own; the first time it is picked up."""
        key = f"{name}'s phone"
        holder = self._browser(key, name, 390, 844)
        page = holder.page
        page.goto(f"{self.stack.tenant}/phone/{holder.email}/")
        if key not in self.cookies:
            page.get_by_role("button", name="Unlock").click()
            expect(page.locator("#screen")).to_be_visible()
            self.cookies[key] = holder.context.storage_state()
        return Phone(page)

    def _browser(self, key: str, name: str, width: int, height: int) -> Person:
        someone = person(self.engine, name, width, height, self.cookies.get(key))
        self.present.append(someone)
        someone.context.on("request", lambda request: self._note(needles.in_address(request.url)))
        return someone

    def _note(self, secrets: Iterator[tuple[str, str]]) -> None:
        """Keep secrets that a browser was given, for the canary to look for."""
        with (self.homes / needles.BROWSERS).open("a") as file:
            file.writelines(f"{kind}\t{value}\n" for kind, value in secrets)

    def phone_asked_by(self, page: Page, reader: str) -> Phone:
        """The phone that an approval's page names; ``reader`` is whoever "your phone" is about."""
        words = page.get_by_text("must show this same code").first.inner_text()
        named = (name for name, full in NAMES.items() if full.split()[0] in words)
        return self.phone(next(named, reader))

    def command_line(self, name: str, home: str = "") -> CommandLine:
        """A shell of somebody with their usual home folder, or with another one."""
        folder = self.homes / (home or name)
        folder.mkdir(exist_ok=True)
        return CommandLine(self, name, folder)

    def keep(self, what: str, text: str) -> None:
        """Keep what a process said, for the canary to read."""
        with (self.homes / f"{what}.txt").open("a") as file:
            file.write(text)

    def leave(self) -> list[str]:
        """Close every browser; returns what any page complained about."""
        complaints = [words for someone in self.present for words in someone.complaints]
        for someone in self.present:
            for cookie in someone.context.cookies(self.stack.portal):
                self._note(needles.in_cookie(cookie.get("name", ""), cookie.get("value", "")))
            someone.context.close()
        self.present.clear()
        return complaints


@dataclass(frozen=True)
class Phone:
    """A phone in somebody's hand."""

    page: Page

    def answer(self, code: str, word: str) -> None:
        """Tap Approve or Deny on the request that shows ``code``, once it is there."""
        request = self.page.locator("article.ask").filter(has_text=code)
        request.get_by_role("button", name=word).click()
        said = "Approved." if word == "Approve" else "Denied."
        expect(self.page.locator("#said")).to_contain_text(said)


@dataclass(frozen=True)
class CommandLine:
    """`ata` as somebody types it. What it printed is kept."""

    house: House
    who: str
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a fresh terminal."""
        env = self.house.stack.environment()
        kept = {name: env[name] for name in ("PATH", "LANG") if name in env}
        return kept | {
            "HOME": str(self.home),
            "ATA_PORTAL": self.house.stack.portal,
            "PYTHONPATH": str(CHECKOUT),
            "PYTHONUTF8": "1",
            "PYTHONUNBUFFERED": "1",
            "GITHUB_API_URL": f"{self.house.stack.tenant}/providers/github",
        }

    def command(self, *words: str) -> list[str]:
        """The words after `ata` as a command."""
        return [sys.executable, "-m", "ata", *words]

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run to the end."""
        with self.running(*self.command(*words)) as process:
            out, err = process.communicate(timeout=60)
        self.house.keep("ata-output", out + err)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def decide(self, word: str, *words: str) -> tuple[int, str]:
        """Run a decision, answer on one's phone if asked; exit code and what was said."""
        with self.running(*self.command(*words)) as process:
            assert process.stdout
            lines = []
            for line in process.stdout:
                lines.append(line)
                if found := WAITING.search(line):
                    self.house.phone(self.who).answer(found[1], word)
                    break
            rest, err = process.communicate(timeout=60)
        said = "".join(lines) + rest + err
        self.house.keep("ata-output", said)
        return process.returncode, said

    @contextmanager
    def running(self, *command: str) -> Iterator[subprocess.Popen[str]]:
        """Start a command; ended at the latest when the story goes on."""
        process = subprocess.Popen(
            command,
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()

    def refused_by_broker(self, connection: str, skill: str) -> str:
        """The broker's code for a component that asks in this person's name; "" for a token."""
        token = json.loads(self.signed_in().session.read_text())["access_token"]
        answer = httpx.get(
            f"{self.house.stack.portal}/v1/auth/token",
            params={"connection": connection},
            headers={
                "Authorization": f"Bearer {token}",
                "ATA-Agent": "story",
                "ATA-Skill": skill,
            },
            timeout=60,
        )
        return "" if answer.status_code == 200 else str(answer.json()["code"])

    @property
    def session(self) -> Path:
        """The session file."""
        return self.home / ".ata" / "session.json"

    def signed_in(self) -> CommandLine:
        """This shell, signed in now if it was not before."""
        if not self.session.exists():
            self.sign_in()
        return self

    def sign_in(self) -> str:
        """`ata login --no-browser`, confirmed in Chromium at the tenant; returns what it said."""
        with self.running(*self.command("login", "--no-browser")) as process:
            assert process.stdout
            address = re.search(r"Open (\S+)", process.stdout.readline())
            assert address, process.stderr and process.stderr.read()
            code = CODE_OF_DEVICE.search(process.stdout.readline())
            assert code
            browser = person(self.house.engine, self.who)
            self.house.present.append(browser)
            browser.page.goto(address[1])
            browser.page.get_by_role("button", name=NAMES[self.who]).first.click()
            expect(browser.page.locator(".user-code")).to_have_text(code[0])
            browser.page.get_by_role("button", name="Confirm").click()
            expect(browser.page.get_by_role("heading")).to_contain_text("Device connected")
            out, err = process.communicate(timeout=30)
            assert process.returncode == 0, err
        self.house.keep("sessions", self.session.read_text())
        return out


def code_on(page: Page) -> str:
    """The big code of an approval's page."""
    shown = page.locator(".code-big").first
    expect(shown).to_be_visible()
    code = shown.inner_text().strip()
    assert CODE.fullmatch(code), code
    return code
