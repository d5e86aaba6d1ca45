"""The request to remove the demo: a file that `make up` finds, since it has to stop everything."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Final

from django.conf import settings

from enforcement.gateways import instances

CONFIRMATION: Final = "remove the demo"
"""What an admin types."""
FILE: Final = "remove-demo"


def why_not() -> str:
    """Why the demo cannot be removed here, with what to do; empty where it can be."""
    database = settings.DATABASES["default"]
    if not database["ENGINE"].endswith("sqlite3"):
        return "The database is not the embedded SQLite: empty it with the tools of your server."
    if settings.ENV.DEMO:
        return "The portal was started with DEMO=1: stop it and start it without."
    fleet = instances.fleet()
    if not any(one.demo for one in fleet.instances):
        return "No DEMO gateway runs here: there is no demo to remove."
    if own := [one.name for one in fleet.with_outposts if not one.demo]:
        return (
            f"Other gateways are here, too: {', '.join(own[:3])}. What was decided about them "
            "would be moved away with the demo."
        )
    return ""


def is_supervised() -> bool:
    """Whether `make up` started this process, and restarts it."""
    return bool(os.environ.get("ATA_UP_PID"))


def ask(now: datetime) -> Path:
    """Ask for it; the folder in VAR_DIR that the demo is moved to."""
    folder = f"demo-removed-{now:%Y%m%d-%H%M%S}"
    draft = settings.VAR_DIR / f".{FILE}"
    draft.write_text(folder)
    draft.replace(settings.VAR_DIR / FILE)
    return Path(settings.VAR_DIR / folder)
