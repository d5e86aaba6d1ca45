"""Stage a finding at a demo gateway: "the scanner just found something in this skill".

    python -m demo.finding --data DIR --skill pdf-exfil --severity CRITICAL [--name edge-1]

Writes a scan with its findings into ``DIR/NAME/audit.db``, as the scanner would. With
``--url`` and ``--token-file`` it asks the running gateway instead, which then also sends its
webhook.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import urllib.request
from pathlib import Path

from demo.defenseclaw import scans
from demo.defenseclaw.instance import Cause, Instance
from demo.history.facts import RANK


def stage_in_database(data: Path, name: str, kind: str, target: str, severity: str) -> str:
    """Write the scan into the database of gateway ``name`` and return the scan's id.

    Raises FileNotFoundError if that gateway has no database yet.
    """
    folder = data / name
    if not (folder / "audit.db").exists():
        raise FileNotFoundError(f"{folder / 'audit.db'} is missing; start demo.gateway first")
    instance = Instance(name, folder)
    try:
        return scans.stage(instance, kind, target, severity, Cause()).id
    finally:
        instance.close()


def stage_at_gateway(url: str, token: str, kind: str, target: str, severity: str) -> str:
    """Ask the running gateway to stage the scan; returns the scan's id. Raises OSError."""
    body = {"target_type": kind, "target_name": target, "severity": severity}
    request = urllib.request.Request(  # noqa: S310
        f"{url.rstrip('/')}/demo/scan",
        json.dumps(body).encode(),
        {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "X-DefenseClaw-Client": "demo-finding",
        },
        method="POST",
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as answer:
        return str(json.load(answer)["scan_id"])


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns 0, 1 if it failed, 2 for a wrong argument."""
    parser = argparse.ArgumentParser(prog="python -m demo.finding", description=__doc__)
    parser.add_argument("--data", type=Path, metavar="DIR")
    parser.add_argument("--name", default="edge-1", help="which gateway")
    parser.add_argument("--url", help="a running gateway instead of its database")
    parser.add_argument("--token-file", type=Path, metavar="FILE")
    target = parser.add_mutually_exclusive_group(required=True)
    for kind in scans.KINDS:
        target.add_argument(f"--{kind}", metavar="NAME")
    parser.add_argument("--severity", default="CRITICAL", choices=tuple(RANK))
    options = parser.parse_args(argv)
    kind = next(name for name in scans.KINDS if getattr(options, name))
    if (options.url is None) == (options.data is None) or (options.url and not options.token_file):
        parser.error("give --data DIR, or --url with --token-file")
    name = getattr(options, kind)
    try:
        if options.url:
            token = options.token_file.read_text().strip()
            scan = stage_at_gateway(options.url, token, kind, name, options.severity)
        else:
            scan = stage_in_database(options.data, options.name, kind, name, options.severity)
    except (OSError, ValueError, sqlite3.DatabaseError) as error:
        print(f"demo.finding: {error}", file=sys.stderr)
        return 1
    print(f"DEMO scan {scan}: {options.severity} in {kind} {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
