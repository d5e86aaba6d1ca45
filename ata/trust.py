"""The trust roots that a verifier brings: log keys, witnesses, a quorum."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ata.errors import usage_error
from ata.evidence_files import read_file

if TYPE_CHECKING:
    from audit.ledger.policy import Policy


def read_trust(policy: Path | None, vkeys: Sequence[str]) -> Policy:
    """One policy from a C2SP tlog-policy file and further log keys (text, or files with it).

    Raises:
        AtaError: usage, when something cannot be read or no log key is left.
    """
    from audit.ledger import note
    from audit.ledger.policy import NONE, Policy, PolicyError, parse

    try:
        named = parse(read_file(policy).decode()) if policy else Policy((), {}, {}, NONE)
        keys = tuple(note.parse_vkey(_vkey_text(one)) for one in vkeys)
    except PolicyError as error:
        raise usage_error(f"The policy {policy} cannot be used: {error}.") from error
    except ValueError as error:
        raise usage_error(
            f"A trusted key cannot be read: {error}.", "It looks like NAME+HEX+BASE64."
        ) from error
    if not named.logs and not keys:
        raise usage_error(
            "There is no log key that you trust, so nothing can be proven.",
            "Give one with --policy or --vkey. GET /log/key on the portal shows its key; get it "
            "from someone you trust, because a key from the same server as the proof says "
            "nothing about who owns it.",
        )
    return Policy((*named.logs, *keys), named.witnesses, named.groups, named.quorum)


def _vkey_text(argument: str) -> str:
    path = Path(argument)
    if "+" in argument and not path.is_file():
        return argument
    return read_file(path).decode().strip()
