"""Replay the observations and print what differs.

python -m tests.gateways [--peer stand-in|real] [--only GENERATION] [--rows 1,2,3] [--write]
"""

from __future__ import annotations

import argparse
import sys

from tests.gateways.suite import PEERS, run


def main() -> int:
    """Run the suite; returns 1 if an observation is not reproduced."""
    parser = argparse.ArgumentParser(prog="python -m tests.gateways", description=__doc__)
    parser.add_argument("--peer", choices=PEERS, action="append")
    parser.add_argument("--only", choices=("0.2.0", "0.8.4", "head"), action="append")
    parser.add_argument("--rows", default="", help="line numbers, separated by commas")
    options = parser.parse_args()
    numbers = frozenset(int(n) for n in options.rows.split(",") if n)
    failed = 0
    for peer in options.peer or ["stand-in"]:
        for generation in options.only or ("0.2.0", "0.8.4", "head"):
            results = run(peer, generation, numbers)
            good = sum(result.reproduced for result in results)
            failed += len(results) - good
            for result in results:
                if not result.reproduced:
                    print(describe(result))
            print(f"{peer} {generation}: {good} of {len(results)} reproduced", flush=True)
    return 1 if failed else 0


def describe(result: object) -> str:
    """What differs, in a few lines."""
    from tests.gateways.replay import Result

    assert isinstance(result, Result)
    o = result.observation
    lines = [f"{o.id} {o.kind} {o.name!r} {o.via} <{o.act}> {result.reason}"]
    for part in result.differs_in:
        lines.append(f"    {part}: expected {result.expected[part]!r}")
        lines.append(f"    {' ' * len(part)}  seen     {result.seen.get(part)!r}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
