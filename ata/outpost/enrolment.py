"""Enrolling this device: a code from the portal, a new key, and what the outpost pins."""

from __future__ import annotations

import getpass
import hashlib
import os
import shutil
import socket
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from ata import __version__, clock
from ata.errors import AtaError
from ata.outpost import device_key
from ata.outpost.audit_database import opened
from ata.outpost.commands import log_checkpoints
from ata.outpost.commands.command_journal import CommandJournal
from ata.outpost.device_key import DeviceKey
from ata.outpost.state_folder import ENROLMENT, StateFolder
from ata.portal.http_connection import answering, check_url, open_client
from audit.ledger.format.canonical import canonical
from audit.ledger.note import NoteError

_PATH: Final = "/v1/outposts/enrol"
_PINS: Final = frozenset(
    ("portal", "origin", "vkeys", "issuer", "audience", "hold_key", "issuer_keys", "passkeys")
) | {"approvers", "rp_id", "web_origin"}
_OLD_PINS: Final = frozenset({"portal", "origin", "vkeys", "issuer"})
_LOST: Final = (
    "If *Gateways* shows the outpost already, have it revoked, remove ~/.ata/outpost and enrol "
    "with a new code; else run the command again."
)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What this outpost is enrolled as, and what it pinned; bound to a user and a data folder."""

    outpost: str
    instance: str
    portal: str
    pins: dict[str, Any]
    pins_digest: str
    data_folder: str
    uid: int
    enrolled_at: str
    cli_path: str = ""
    cli_sha256: str = ""
    has_journal: bool = False  # of commands, since the enrolment

    @property
    def takes_commands(self) -> bool:
        """Whether it pinned what commands are verified with."""
        return "hold_key" in self.pins


def enrolled(folder: StateFolder) -> Enrolment:
    """The enrolment of this device.

    Raises:
        AtaError: `not_enrolled`, `other_user`, `folder_exposed`, `state_unreadable`.
    """
    if not folder.path.is_dir():
        raise _not_enrolled()
    folder.check()
    found = folder.read(ENROLMENT)
    if not found:
        raise _not_enrolled()
    try:
        enrolment = Enrolment(
            **{one.name: found[one.name] for one in fields(Enrolment) if one.name in found}
        )
    except TypeError as error:
        raise _not_enrolled() from error
    if enrolment.uid != os.geteuid():
        raise AtaError(
            f"This outpost was enrolled for the user number {enrolment.uid}.",
            code="other_user",
            fix="Run it as that user, who is the gateway's.",
        )
    return enrolment


def enrol(folder: StateFolder, code: str, portal: str, instance: str, data: Path) -> Enrolment:
    """Enrol this device for a gateway, and write down what it pins.

    Args:
        data: the data folder of the gateway, usually `~/.defenseclaw`.

    Raises:
        AtaError: `already_enrolled`, `no_gateway`, or what the portal says.
    """
    portal = check_url(portal.rstrip("/"), "The portal")
    data = data.expanduser().resolve()
    about = _about(data, instance)
    folder.make()
    with folder.alone():
        if folder.read(ENROLMENT):
            raise AtaError(
                "This device is enrolled already.",
                code="already_enrolled",
                fix="`ata outpost status` says as what. For a new key have the outpost revoked "
                f"and remove {folder.path}.",
            )
        key = device_key.load(folder.key) or device_key.make(folder.key)
        answer = _ask(key, portal, {"code": code, "public_key": key.public_key, **about})
        pins = answer["pins"]
        has_journal = _keep_checkpoint(folder, key, pins, answer.get("checkpoint"))
        found = Enrolment(
            outpost=key.outpost,
            instance=instance,
            portal=str(pins["portal"]).rstrip("/"),
            pins=pins,
            pins_digest=pins_digest(pins),
            data_folder=str(data),
            uid=os.geteuid(),
            enrolled_at=clock.format_time(clock.now()),
            cli_path=about["cli_path"],
            cli_sha256=about["cli_sha256"],
            has_journal=has_journal,
        )
        folder.write(ENROLMENT, asdict(found))
    return found


def _keep_checkpoint(
    folder: StateFolder, key: DeviceKey, pins: Mapping[str, Any], checkpoint: object
) -> bool:
    """Journal the log's newest checkpoint, from which it may only grow, and return whether there is
    one; a portal of an earlier version gives none.

    Raises:
        AtaError: the pinned log did not sign it.
    """
    if checkpoint is None or "hold_key" not in pins:
        return False
    try:
        seen = log_checkpoints.first(checkpoint, pins["vkeys"], pins["origin"])
    except NoteError as error:
        raise AtaError(
            f"The portal's log did not sign the checkpoint that came with the pins: {error}.",
            code="unexpected_answer",
            fix="Have the outpost revoked, and ask an admin of the portal.",
        ) from error
    CommandJournal(folder, key).write("checkpoint", seen=asdict(seen))
    return True


def pins_digest(pins: dict[str, Any]) -> str:
    """Hex SHA-256 of pins, computed here: a person compares it with the portal's page."""
    version = b"v1" if pins.keys() == _OLD_PINS else b"v2"
    return hashlib.sha256(b"ata.outpost.pins.%b\n" % version + canonical(pins)).hexdigest()


def _about(data: Path, instance: str) -> dict[str, Any]:
    """What the portal learns of this host."""
    try:
        with opened(data / "audit.db") as database:
            generation = database.generation
    except (sqlite3.Error, OSError):
        generation = ""
    if not generation:
        raise AtaError(
            f"There is no audit.db of DefenseClaw in {data}.",
            code="no_gateway",
            fix="Run this as the gateway's user, on its host; name its folder with --data.",
        )
    found = shutil.which("defenseclaw")
    program = str(Path(found).absolute()) if found else ""
    return {
        "instance": instance,
        "host": socket.gethostname()[:255],
        "user": getpass.getuser()[:255],
        "uid": os.geteuid(),
        "data_folder": str(data)[:1000],
        "generation": generation,
        "cli_path": program[:1000],
        "cli_sha256": _sha256_of(program) if program else "",
        "version": __version__,
    }


def _sha256_of(program: str) -> str:
    try:
        with Path(program).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def _ask(key: DeviceKey, portal: str, said: dict[str, Any]) -> dict[str, Any]:
    """Send the code and the key; the answer has pins of the portal that was named.

    Raises:
        AtaError: the portal refused, or answered as another one.
    """
    from ata.portal.problem_documents import problem

    body, url = canonical(said), portal + _PATH
    headers = {
        "Content-Type": "application/json",
        "DPoP": key.proof(url, body, int(clock.now())),
    }
    with open_client(portal) as client, answering("The portal", portal, _LOST):
        answer = client.post(url, content=body, headers=headers)
    if answer.status_code != 201:
        raise problem(answer, portal)
    try:
        found = answer.json()
        pins = found["pins"]
        right = pins.keys() in (_PINS, _OLD_PINS) and str(pins["portal"]).rstrip("/") == portal
    except (ValueError, TypeError, KeyError, AttributeError):
        right = False
    if not right or found["outpost"] != key.outpost or found["instance"] != said["instance"]:
        raise AtaError(
            "The portal's answer is not about this outpost and the address that was named.",
            code="unexpected_answer",
            fix="Have the outpost revoked, and name the portal as its own pages do.",
        )
    return dict(found)


def _not_enrolled() -> AtaError:
    return AtaError(
        "This device is not enrolled.",
        code="not_enrolled",
        fix="Run `ata outpost enrol CODE --portal URL [--instance NAME]`.",
    )
