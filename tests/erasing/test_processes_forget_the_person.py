"""Who is erased is forgotten by every running process, a quiet one too, without a restart."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx
from django.conf import settings
from django.db import connection

from audit.sequencing import sequencer
from tests.accounts.trail import events
from tests.approvals.people_of import Phones, acting
from tests.audit.browsing import browser_of
from tests.erasing.conftest import Alone
from tests.erasing.test_a_person_is_erased import MIA, a_life, erase, in_every_room
from tests.support import memory
from tests.support.ports import free_ports
from tests.support.stack import CHECKOUT, eventually

SAYS: Final = (MIA.sub, MIA.name, MIA.email)
READS: Final = ("/audit/", "/connections/inventory/", "/approvals/", f"/audit/?q={MIA.email}")


@contextmanager
def portal(var_dir: Path, cookie: str) -> Iterator[tuple[int, httpx.Client]]:
    """A process of the portal that overwrites what it frees, and a browser at it."""
    port = free_ports(1)
    command = ["-m", "serving", "portal.wsgi:application", "--threads", "1", "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, *command], cwd=CHECKOUT, env=_environment(var_dir, port)
    )
    headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}", "Connection": "close"}
    try:
        with httpx.Client(
            base_url=f"http://localhost:{port}", headers=headers, timeout=120
        ) as client:
            eventually(lambda: _answers(client), "the portal answers")
            yield process.pid, client
    finally:
        process.terminate()
        process.wait(60)


def _environment(var_dir: Path, port: int) -> dict[str, str]:
    name = connection.settings_dict["NAME"]
    url = f"sqlite:///{name}"
    if connection.vendor == "postgresql":
        url = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))
    return {
        **os.environ,
        **memory.WIPED,
        "VAR_DIR": str(var_dir),
        "DATABASE_URL": url,
        "PORTAL_PORT": str(port),
        "SECRET_KEY": settings.SECRET_KEY,
        "EVIDENCE_KEY": settings.EVIDENCE_KEY.hex(),
        "LEDGER_ORIGIN": settings.LEDGER_ORIGIN,
    }


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_two_processes_that_read_of_a_person_hold_no_word_of_theirs(
    alone: Alone, phones: Phones, tmp_path: Path
) -> None:
    def story() -> None:
        a_life()
        in_every_room()
        sequencer.run_once()
        cookie = browser_of(acting("auditor", "auditor")).cookies[settings.SESSION_COOKIE_NAME]
        with ExitStack() as running:
            portals = [running.enter_context(portal(tmp_path, cookie.value)) for _ in range(2)]
            for pid, client in portals:
                for path in READS:
                    answer = client.get(path)
                    assert answer.status_code == 200, (path, answer.text[:500])
                assert memory.words_in(pid, SAYS) == set(SAYS), "the scan finds what is held"
            assert erase(phones).outcome == "approved"
            (busy, client), (quiet, _) = portals
            client.get("/audit/")
            eventually(lambda: not memory.words_in(busy, SAYS), "the busy one forgets")
            eventually(lambda: not memory.words_in(quiet, SAYS), "the quiet one forgets")
        [_, certificate] = events("subject.erased")
        assert "memory" in certificate["data"]["out_of_reach"], "what was freed is named"
        assert "memory" in certificate["data"]["stores"]

    alone(story)
