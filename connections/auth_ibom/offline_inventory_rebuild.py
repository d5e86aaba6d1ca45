"""The inventory at any index, from a file of the log alone: no database, no server, no Django.

    python -m connections.auth_ibom.offline_inventory_rebuild ENTRIES --vkey KEY \\
        [--size N] [--moment TIME]

ENTRIES is what `ata audit entries` fetched. Its entries are held to the tree that the log's key
signed, and each opening to its commitment, before anything is printed: one JSON object with every
account, and every consent and refresh token of an application, as the entries tell them, as they
stood when the last of them was recorded or at `--moment`.
Values whose openings are gone or withheld read `(erased)`. Exits 1 where the file does not hold.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from audit.ledger.format.canonical import EntryError
from audit.ledger.format.entry import reveal
from audit.ledger.note import NoteError
from audit.ledger.offline.log_file import EntriesError, EntriesFile
from connections.auth_ibom.inventory_records import Access, Account
from connections.auth_ibom.replay import ACTIONS, Inventory


def rebuild(
    lines: Iterable[bytes], vkeys: Iterable[str], size: int | None, moment: datetime | None
) -> dict[str, Any]:
    """The inventory after the first `size` entries (all unless given), as plain JSON.

    Raises:
        EntriesError, EntryError: the file is not that log.
    """
    file, inventory, recorded = EntriesFile(lines, vkeys), Inventory(), ""
    until = file.checkpoint.size if size is None else size
    if until > file.checkpoint.size:
        raise EntriesError(f"it has {file.checkpoint.size} entries, fewer than {until}")
    for kept in file:  # to its end: only then is it known whether these are the log's entries
        if kept.index >= until:
            continue
        event = reveal(kept.entry, kept.openings, index=kept.index)
        recorded = event["recorded_at"]
        if event["action"] in ACTIONS:
            inventory.take(event)
    at = moment or (datetime.fromisoformat(recorded) if recorded else None)
    found = inventory.as_of(at) if at else inventory
    return {
        "entries": until,
        "origin": file.checkpoint.origin,
        "moment": at.isoformat() if at else None,
        "accounts": [_account(found.accounts[name]) for name in sorted(found.accounts)],
        "access": [_access(found.access[name]) for name in sorted(found.access)],
        "untold": found.untold,
    }


def _account(account: Account) -> dict[str, Any]:
    plain = asdict(account) | {"uses": [asdict(use) for use in account.users]}
    del plain["reasons"]  # those that it had before
    return _plain(plain)


def _access(access: Access) -> dict[str, Any]:
    plain = asdict(access)
    plain["use_told"] = plain.pop("use_known")  # as earlier versions printed it
    return _plain(plain)


def _plain(found_facts: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(found_facts, default=datetime.isoformat))
    return plain


def main(arguments: list[str]) -> int:
    """Exit code."""
    asked = argparse.ArgumentParser(
        prog="connections.auth_ibom.offline_inventory_rebuild", description=__doc__
    )
    asked.add_argument("entries", type=Path)
    asked.add_argument("--vkey", action="append", required=True, help="a log key that you trust")
    asked.add_argument("--size", type=int, help="rebuild from the first so many entries")
    asked.add_argument("--moment", type=datetime.fromisoformat, help="as accounts stood then")
    options = asked.parse_args(arguments)
    try:
        with options.entries.open("rb") as lines:
            found_facts = rebuild(lines, options.vkey, options.size, options.moment)
    except (OSError, EntriesError, EntryError, NoteError) as error:
        sys.stderr.write(f"Not rebuilt: {error}.\n")
        return 1
    sys.stdout.write(json.dumps(found_facts, indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
