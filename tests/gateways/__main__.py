"""Replay the observations and print what differs.

    python -m tests.gateways [--peer stand-in|real] [--only GENERATION] [--rows 1,2,3] [--write]

Without `--peer`: stand-ins, and real gateways where DEFENSECLAW_REAL names their folder.
"""

from __future__ import annotations

import argparse
import os
import sys

from tests.gateways.observations import FILES
from tests.gateways.real_gateway import VARIABLE
from tests.gateways.replay import Result
from tests.gateways.report import read_report, updated, with_versions, write_report
from tests.gateways.suite import PEERS, run


def main() -> int:
    """Run the suite; returns 1 if an observation is not reproduced."""
    options = _options()
    peers = options.peer or (PEERS if os.environ.get(VARIABLE) else PEERS[:1])
    generations = options.only or list(FILES)
    numbers = frozenset(int(n) for n in options.rows.split(",") if n)
    failed = False
    for peer in peers:
        for generation in generations:
            results = run(peer, generation, numbers)
            failed |= _print(peer, generation, results)
            if options.write:
                report = updated(read_report(), peer, results)
                write_report(with_versions(report, [generation]) if peer == "real" else report)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.gateways",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--peer", choices=PEERS, action="append")
    parser.add_argument("--only", choices=tuple(FILES), action="append", metavar="GENERATION")
    parser.add_argument("--rows", default="", metavar="1,2,3", help="lines of the file")
    parser.add_argument("--write", action="store_true", help="update the report in docs")
    return parser.parse_args()


def _print(peer: str, generation: str, results: list[Result]) -> bool:
    """Print what differs; returns whether something does."""
    missing = [result for result in results if not result.reproduced]
    for result in missing:
        print(describe(result))
    good = len(results) - len(missing)
    print(f"{peer} {generation}: {good} of {len(results)} reproduced", flush=True)
    return bool(missing)


def describe(result: Result) -> str:
    """What differs, in a few lines."""
    seen = result.observation
    lines = [f"{seen.id} {seen.kind} {seen.name!r} {seen.via} <{seen.act}> {result.reason}"]
    for part in result.differs_in:
        lines.append(f"    {part}: expected {result.expected[part]!r}")
        lines.append(f"    {' ' * len(part)}  seen     {result.seen.get(part)!r}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
