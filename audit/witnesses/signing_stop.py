"""A witness that has seen another history of this log: signing stops until they agree again.

The database itself may be the copy that is wrong, so what stops the sequencer is a file next to
the last-signed state.
"""

from __future__ import annotations

import json
from pathlib import Path

from audit.db.durable_files import write_durably
from audit.keys import log_identity
from audit.models import WitnessState
from audit.sequencing import signed_state
from audit.witnesses.configuration import configured


def _path() -> Path:
    return log_identity.folder() / "witness-conflict"


def reason() -> str:
    """Why nothing may be signed, as a sentence; empty while no witness objects.

    What was said about an earlier name of the log holds up nothing under the present one.
    """
    try:
        document = json.loads(_path().read_text())
        name = log_identity.kept_origin()
        return str(document["message"]) if document.get("origin", name) == name else ""
    except FileNotFoundError:
        return ""
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{_path()} cannot be read; delete it, the witnesses are asked again"


def settle() -> None:
    """Hold the file to what the configured witnesses said last."""
    newest = signed_state.newest_checkpoint()
    if newest is not None and signed_state.is_former(newest):
        forget()  # nobody was asked under the present name yet
        return
    urls = [target.url for target in configured().targets]
    objecting = WitnessState.objects.filter(url__in=urls, state=WitnessState.State.CONFLICT)
    row = objecting.order_by("url").first()
    if row is None:
        forget()
        return
    message = (
        f"the witness {row.name or row.url} objects. {row.detail} Stop every other copy of this "
        "portal and restore the newest database; the witness is asked again every minute"
    )
    if reason() != message:
        document = {"url": row.url, "message": message, "origin": log_identity.kept_origin()}
        write_durably(_path(), json.dumps(document).encode())


def forget() -> None:
    """Let go of what was objected."""
    _path().unlink(missing_ok=True)
