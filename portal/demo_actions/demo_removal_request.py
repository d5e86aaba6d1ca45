"""The request to remove the demo: a file that `make up` finds, since it has to stop everything."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Final

from django.conf import settings

from enforcement.gateways import instances
from portal import database_settings
from portal.demo_actions.demo_removal_file import FILE, PREFIX

CONFIRMATION: Final = "remove the demo"
"""What an admin types."""


def why_not() -> str:
    """Why the demo cannot be removed here, with what to do; empty where it can be."""
    if not settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        return "The database is not the embedded SQLite: empty it with the tools of your server."
    if not _database_file().is_relative_to(settings.VAR_DIR.resolve()):
        return (
            "DATABASE_URL names a file outside VAR_DIR, and only what is in VAR_DIR is moved. Stop "
            "the portal, move the database into VAR_DIR and change DATABASE_URL."
        )
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


def _database_file() -> Path:
    """The SQLite file that DATABASE_URL names."""
    configured = database_settings.database(
        settings.ENV.DATABASE_URL, base_dir=settings.BASE_DIR, var_dir=settings.VAR_DIR
    )
    return Path(configured["NAME"]).resolve()


def is_supervised() -> bool:
    """Whether `make up` started this process, and restarts it."""
    return bool(os.environ.get("ATA_UP_PID"))


def ask(now: datetime) -> Path:
    """Ask for it; the folder in VAR_DIR that the demo is moved to."""
    folder = f"{PREFIX}{now:%Y%m%d-%H%M%S}"
    draft = settings.VAR_DIR / f".{FILE}"
    draft.write_text(folder)
    draft.replace(settings.VAR_DIR / FILE)
    return Path(settings.VAR_DIR / folder)
