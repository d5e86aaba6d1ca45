"""Somebody with `verify.html` on their disk, in real Chromium and without a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from playwright.sync_api import Browser, FilePayload, Page, expect

from audit.packs.verify_html import verifier
from audit.proofs import proofs_and_tiles
from tests.packs.act import directory, jwks
from tests.support.chrome import PATIENCE_MS, Person, chromium, person


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Playwright keeps a loop in this thread, beside which Django refuses to ask its database.
    with pytest.MonkeyPatch.context() as patched, chromium() as opened:
        patched.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield opened
        connections.close_all()  # those of this loop: PostgreSQL drops no database in use


@dataclass
class Reader:
    """Somebody with the verifier on their disk."""

    person: Person

    @property
    def page(self) -> Page:
        return self.person.page

    def trusts(self, **roots: str) -> None:
        for name, text in roots.items():
            self.page.locator(f"#{name}").fill(text)

    def trusts_everything(self) -> None:
        self.trusts(
            logs=proofs_and_tiles.vkey(),
            issuer=json.dumps(jwks()),
            passkeys=json.dumps(directory()),
        )

    def drops(self, **packs: bytes) -> list[dict[str, Any]]:
        """Give packs to the page; returns what it found."""
        return self.finds(len(packs), packs)

    def finds(self, reports: int, packs: dict[str, bytes]) -> list[dict[str, Any]]:
        """Give packs to the page; returns the so many reports that it makes of them."""
        files = [
            FilePayload(name=f"{name}.zip", mimeType="application/zip", buffer=body)
            for name, body in packs.items()
        ]
        self.page.locator("#packs").set_input_files(files)
        expect(self.page.locator(".report")).to_have_count(
            reports or len(packs), timeout=PATIENCE_MS
        )
        found: list[dict[str, Any]] = self.page.evaluate("globalThis.reports")
        return found


@pytest.fixture
def reader(browser: Browser, tmp_path: Path) -> Iterator[Reader]:
    path = tmp_path / "verify.html"
    path.write_bytes(verifier())
    made = person(browser, "reader")
    asked: list[str] = []
    made.context.on("request", lambda request: asked.append(request.url))
    made.context.set_offline(True)
    made.page.goto(path.as_uri())
    yield Reader(made)
    assert made.complaints == []
    assert asked == [path.as_uri()], "the page asked for something else than itself"
    made.context.close()
