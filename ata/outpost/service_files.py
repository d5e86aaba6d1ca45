"""Service files that start the outpost: a systemd user unit, or a launchd agent on macOS."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ata.errors import AtaError
from ata.log.durable_files import write_durably

UNIT = "ata-outpost.service"
LABEL = "ata.outpost"


@dataclass(frozen=True, slots=True)
class Service:
    """A service file and the commands that start and end what it names."""

    path: Path
    text: str
    start: tuple[tuple[str, ...], ...]
    end: tuple[tuple[str, ...], ...]


def service() -> Service:
    """The service of this host, for the user who runs this."""
    return _launchd() if sys.platform == "darwin" else _systemd()


def install(found: Service) -> None:
    """Write the file and start the service; what runs already is started again.

    Raises:
        AtaError: `service_not_started`.
    """
    found.path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(found.path, found.text)
    for command in found.start:
        _run(command)


def uninstall(found: Service) -> bool:
    """End the service and remove its file; False where there was none."""
    if not found.path.exists():
        return False
    for command in found.end:
        _run(command)
    found.path.unlink()
    return True


def _command() -> list[str]:
    """How this `ata` is started, by absolute path."""
    return [sys.executable, "-m", "ata", "outpost", "run"]


def _systemd() -> Service:
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    words = " ".join(_quoted(word) for word in _command())
    text = f"""\
[Unit]
Description=Reports what this user's DefenseClaw gateway recorded to the portal (ata outpost)

[Service]
ExecStart={words}
Restart=always
RestartSec=5
# Revoked, unknown or contested: nothing is sent until a person has looked.
RestartPreventExitStatus=3
UMask=0077
NoNewPrivileges=yes

[Install]
WantedBy=default.target
"""
    user = ("systemctl", "--user")
    return Service(
        Path(home) / "systemd" / "user" / UNIT,
        text,
        ((*user, "daemon-reload"), (*user, "enable", UNIT), (*user, "restart", UNIT)),
        ((*user, "disable", "--now", UNIT),),
    )


def _launchd() -> Service:
    content = {
        "Label": LABEL,
        "ProgramArguments": _command(),
        "RunAtLoad": True,
        "KeepAlive": True,
        "ThrottleInterval": 60,
        "Umask": 0o077,
    }
    path = Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    return Service(
        path,
        plistlib.dumps(content).decode(),
        (("launchctl", "load", "-w", str(path)),),
        (("launchctl", "unload", "-w", str(path)),),
    )


def _quoted(word: str) -> str:
    """A word of ExecStart, in which `%` and `$` would be expanded (systemd.service(5))."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"'.replace("%", "%%").replace("$", "$$")


def _run(command: tuple[str, ...]) -> None:
    program = shutil.which(command[0])
    said = f"There is no {command[0]} here."
    if program is not None:
        done = subprocess.run(  # noqa: S603 - fixed words, no shell
            [program, *command[1:]], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return
        said = f"`{' '.join(command)}` failed: {done.stderr.strip()[:300]}."
    raise AtaError(
        said,
        code="service_not_started",
        fix="`ata outpost install --print` shows the file; start `ata outpost run` as you start "
        "other programs of this user.",
    )
