"""Ten thousand random attempts to make a grave act effective without its approval.

    python -m benchmarks.deciding.random_bypass_attempts [how many [first]]

Prints one JSON object a thousand attempts and one at the end; exits 1 when a grave final or
loosening act became effective that the right person had not approved. Every attempt is made from
its number, so `attempts 1 4711` makes that one again.
"""

from __future__ import annotations

import json
import logging
import sys
import time

from benchmarks.deciding.ground import furnished, ground

MANY = 10_000


def main(many: int, first: int) -> int:
    """Exit code."""
    from tests.attacks.step_up.provider import PhoneProvider

    provider = PhoneProvider()
    provider.start()
    try:
        with ground(
            AUTH0_ISSUER=provider.issuer,
            AUTH0_CLIENT_ID="ata-web",
            AUTH0_CLIENT_SECRET="the-secret-of-the-web-client",
            AUTH0_MGMT_CLIENT_SECRET="the-secret-of-the-machine",
            PUSHES_PER_MINUTE="100000",
        ):
            logging.disable(logging.CRITICAL)  # refusals by the thousand
            return _attempts(provider, many, first)
    finally:
        provider.stop()


def _attempts(provider: object, many: int, first: int) -> int:
    from approvals import clock
    from audit.sequencing import sequencer
    from audit.verification import verify
    from tests.attacks.step_up.attempts import Clockwork, World

    clockwork = Clockwork()
    clock.now = clockwork.now
    world = World(provider, furnished(), clockwork)  # type: ignore[arg-type]
    began = time.perf_counter()
    for number in range(first, first + many):
        world.attempt(number)
        if (number + 1) % 1000 == 0:
            sequencer.run_once()
            print(json.dumps({"made": number + 1 - first, **_short(world)}), flush=True)
    sequencer.run_once()
    report = verify.run()
    totals = world.told.as_json()
    totals |= {
        "wall_s": round(time.perf_counter() - began, 1),
        "events": report.size,
        "ledger_holds": report.ok,
    }
    print(json.dumps(totals, indent=1))
    return int(bool(world.told.without_approval or world.told.without_event or not report.ok))


def _short(world: object) -> dict[str, int]:
    totals = world.told  # type: ignore[attr-defined]
    return {
        "asked": totals.asked,
        "effective": totals.effective,
        "unapproved": totals.without_approval,
    }


if __name__ == "__main__":
    sys.exit(main(*[int(text) for text in (sys.argv[1:] + [str(MANY), "0"][len(sys.argv) - 1 :])]))
