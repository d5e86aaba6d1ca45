"""Real Chromium for the stories: one browser, a fresh profile a person, nothing tolerated.

Every page fails its test on a refused resource (CSP), a console error, or a script error.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    StorageState,
    expect,
    sync_playwright,
)
from playwright.sync_api import Error as BrowserError

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
# The same engine without a window manager's worth of services around each profile, first: a visit
# costs it a third of the processor time.
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser")
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)  # for whoever uses a browser, in whatever order
_MISSING = "No Chromium: apt-get install chromium (or: playwright install chromium)"
_LOUD = {"error", "warning"}
# Chromium itself reports each 4xx answer as a console error; stories ask for some on purpose.
_HTTP_STATUS = "Failed to load resource: the server responded with a status of"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, else Playwright's own; skips, saying why, where there is neither."""
    path = next(filter(None, map(shutil.which, PROGRAMS)), None)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        except BrowserError as missing:
            if path or "Executable doesn't exist" not in missing.message:
                raise
            pytest.skip(_MISSING)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Person:
    """Somebody at a browser of their own. ``complaints`` must be empty when a story ends."""

    name: str
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)

    @property
    def email(self) -> str:
        """Which demo account this is."""
        return f"{self.name}@acme.example"

    def another_page(self, width: int = 1280, height: int = 900) -> Page:
        """A second window of the same browser."""
        page = self.context.new_page()
        page.set_viewport_size({"width": width, "height": height})
        return page


def person(
    browser: Browser,
    name: str,
    width: int = 1280,
    height: int = 900,
    cookies: StorageState | None = None,
) -> Person:
    """A profile of its own whose every page is listened to; fresh unless given its cookies."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        accept_downloads=True,
        locale="en-GB",
        storage_state=cookies,
    )
    context.set_default_timeout(PATIENCE_MS)
    made = Person(name, context, context.new_page())

    def heard(message: ConsoleMessage) -> None:
        if message.type in _LOUD and not message.text.startswith(_HTTP_STATUS):
            made.complaints.append(f"{name}: {message.type}: {message.text}")

    def failed(request: Request) -> None:
        # Navigation away aborts what was still loading, and so does a download.
        if request.failure and "ERR_ABORTED" not in request.failure:
            made.complaints.append(f"{name}: {request.url}: {request.failure}")

    context.on("console", heard)
    context.on("weberror", lambda error: made.complaints.append(f"{name}: {error.error}"))
    context.on("requestfailed", failed)
    return made


def shots(page: Page, title: str) -> None:
    """With STORY_SHOTS set, keep the page at both widths in both themes; else do nothing."""
    folder = os.environ.get("STORY_SHOTS")
    if not folder:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    before = page.viewport_size
    try:
        for width, height in ((1280, 900), (390, 844)):
            page.set_viewport_size({"width": width, "height": height})
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme)
                path = Path(folder) / f"{title}-{width}-{theme}.png"
                page.screenshot(path=path, full_page=width == 390, animations="disabled")
    except BrowserError as error:
        print(f"no picture of {title}: {error}")
    finally:
        page.emulate_media(color_scheme=None)
        if before:
            page.set_viewport_size(before)
