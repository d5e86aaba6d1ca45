"""A portal of its own whose storage stops taking writes; prints what it answered as JSON.

Run as `python -m tests.faults.full_disk full|readonly`, with an environment of its own. `full`
takes every byte that a file may grow by from this process (RLIMIT_FSIZE); `readonly` takes the
right to write from its files (whoever starts it as root takes root's exemption from it first).
"""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import sys
from pathlib import Path
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
django.setup()

from django.conf import settings  # noqa: E402
from django.core.cache import cache  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from accounts.models import SignedInSession  # noqa: E402
from approvals import clock  # noqa: E402
from approvals.models import Approval  # noqa: E402
from audit.models import Event  # noqa: E402
from audit.recording.actors import Actor, Target  # noqa: E402
from audit.recording.record import record  # noqa: E402
from audit.sequencing import sequencer  # noqa: E402
from enforcement.models import Asset  # noqa: E402
from tests.support.pages import signed_in  # noqa: E402

PAGES = (
    "/", "/audit/", "/audit/ledger/", "/audit/exports/", "/connections/",
    "/connections/inventory/", "/approvals/", "/approvals/policy/", "/enforcement/",
    "/enforcement/fleet/", "/enforcement/skill/pdf-exfil/", "/account/",
)  # fmt: skip


def main() -> None:
    """Fill a house, take its storage away, visit it, give it back, visit it again."""
    how = sys.argv[1]
    settings.STATIC_ROOT.mkdir(exist_ok=True)
    settings.ALLOWED_HOSTS.append("testserver")
    signed_in("operator", "operator")  # a second browser, which the first one wants to end
    olu = signed_in("operator", "operator", "auditor", "admin")
    olu.raise_request_exception = False
    record(Actor(iss="i", sub="s", name="Olu"), "skill.blocked", target=Target("skill", "x"))
    sequencer.run_once()
    SignedInSession.objects.update(last_seen="2026-01-01T00:00:00Z")  # each look wants to note it
    before = Event.objects.count()
    give_back = {"full": _fill, "readonly": _freeze}[how]()
    said = _visit(olu) | {"grew": Event.objects.count() - before}
    said["decided"] = Asset.objects.count() + Approval.objects.count()
    give_back()
    said["afterwards"] = _act(olu).status_code
    said["decided_afterwards"] = Asset.objects.count()
    print(json.dumps(said))


def _visit(olu: Client) -> dict[str, Any]:
    pages = {path: olu.get(path).status_code for path in PAGES}
    acted = _act(olu)
    ready = olu.get("/readyz")
    stranger = Client(raise_request_exception=False)
    asked = olu.post("/account/sessions/end-others/", HTTP_ACCEPT="text/html")
    return {
        "pages": pages,
        "act": [acted.status_code, acted.content.decode()],
        "ready": [ready.status_code, ready.json()["checks"]["storage"]],
        "stranger": stranger.get("/").status_code,
        "healthz": olu.get("/healthz").status_code,
        "session_act": asked.status_code,
    }


def _act(olu: Client) -> Any:
    given = {"act": "hold", "reason": "why", "instance": "", "severity": "", "new": "on"}
    return olu.post("/enforcement/skill/pdf-exfil/", given)


def _fill() -> Any:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _freeze() -> Any:
    # Somebody else keeps the file open, as the worker does, so that its index stays beside it.
    other = sqlite3.connect(settings.DATABASES["default"]["NAME"])
    other.execute("SELECT count(*) FROM audit_event").fetchone()
    connection.close()
    cache.clear()
    everything = [settings.VAR_DIR, *Path(settings.VAR_DIR).rglob("*")]
    modes = {path: path.stat().st_mode for path in everything}
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)

    def give_back() -> None:
        for path, mode in modes.items():
            if path.exists():
                path.chmod(mode)
        other.close()
        connection.close()

    return give_back


if __name__ == "__main__":
    assert clock.now()
    main()
