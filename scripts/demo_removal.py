"""Moves the demo's databases, log and files aside, so that the next start begins empty.

The portal leaves a file in VAR_DIR that names the folder; it is removed last, so that what was
interrupted is taken up again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from portal.demo_actions.demo_removal_file import FILE, PREFIX
from portal.env import Env
from scripts import demo_environment_setup

_STAYS: Final = frozenset({FILE, "secrets", "static", "up.lock"})


def is_asked(env: Env) -> bool:
    """Whether an admin asked for it and it was not done yet."""
    return (env.VAR_DIR / FILE).is_file()


def move_aside(env: Env) -> Path:
    """Move everything but secrets and static files into the folder that the request names.

    Raises:
        ValueError: it names another folder than one of ours.
    """
    name = (env.VAR_DIR / FILE).read_text().strip()
    if not name.startswith(PREFIX) or Path(name).name != name:
        raise ValueError(f"{env.VAR_DIR / FILE} names no folder for a removed demo")
    folder = env.VAR_DIR / name
    folder.mkdir(mode=0o700, exist_ok=True)
    for path in sorted(env.VAR_DIR.iterdir()):
        if path.name not in _STAYS and not path.name.startswith(PREFIX):
            path.rename(folder / path.name)
    demo_environment_setup.marker(env).write_text(demo_environment_setup.REMOVED)
    (env.VAR_DIR / FILE).unlink()
    return folder
