"""The remote steps of a decision: wait until each gateway answered, and say what it confirmed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ata.clock import now
from ata.errors import AtaError, ExitCode, Unreachable
from ata.output.safe_text import safe
from ata.output.screen import Screen
from ata.portal.api_client import Portal

WAIT_S = 60.0
"""How long a command waits for gateways; the portal goes on trying for seven days."""
_POLL_INTERVAL_S = 0.5
_UNCONFIRMED = frozenset({"pending", "unknown"})


def effects_of(body: Mapping[str, object]) -> list[Mapping[str, object]]:
    """The effects of a decision, one for each instance."""
    effects = body.get("effects")
    return [one for one in effects if isinstance(one, dict)] if isinstance(effects, list) else []


def effect_lines(body: Mapping[str, object]) -> list[str]:
    """What became of the decision at each instance."""
    lines = []
    for one in effects_of(body):
        where = one.get("label") or one.get("instance")
        parts = [safe(part) for part in (where, one.get("state"), one.get("detail")) if part]
        lines.append(": ".join(parts))
    return lines


def wait_for_gateways(
    portal: Portal,
    path: str,
    screen: Screen,
    body: Mapping[str, object],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, object]:
    """Poll `path` until each gateway has confirmed its step or failed; returns `body` with the
    effects read last.

    A gateway that does not answer is waited for `WAIT_S` seconds.

    Raises:
        AtaError: the portal's code; `interrupted` (exit code 130) on Ctrl-C.
    """
    state, until = dict(body), now() + WAIT_S
    if not open_at(state):
        return state
    screen.progress("Committed. Waiting for the gateways to confirm.")
    try:
        while open_at(state) and now() < until:
            sleep(_POLL_INTERVAL_S)
            state["effects"] = _read(portal, path, state)
    except KeyboardInterrupt as error:
        raise AtaError(
            "Stopped waiting; the decision is committed. Not confirmed when last read: "
            f"{', '.join(open_at(state))}.",
            code="interrupted",
            exit_code=ExitCode.INTERRUPTED,
        ) from error
    return state


def _read(portal: Portal, path: str, last: Mapping[str, object]) -> object:
    try:
        return portal.get(path).body.get("effects")
    except Unreachable:
        return last["effects"]
    except AtaError as error:
        if error.passes:
            return last["effects"]
        raise


def open_at(body: Mapping[str, object]) -> list[str]:
    """The gateways that have not confirmed a step yet."""
    return _at(body, _UNCONFIRMED)


def exit_code(body: Mapping[str, object], *, waited: bool = True) -> ExitCode:
    """Done only where no step failed and, if they were waited for, each gateway confirmed."""
    failed = any(one.get("state") == "failed" for one in effects_of(body))
    return ExitCode.FAILED if failed or (waited and open_at(body)) else ExitCode.DONE


def summary(body: Mapping[str, object]) -> str:
    """`confirmed by edge-1; not confirmed yet by edge-2`; empty where no gateway is involved.

    Of an unknown step the portal does not know whether the gateway carried it out.
    """
    failed, unknown, waiting = (_at(body, {one}) for one in ("failed", "unknown", "pending"))
    unknown = [name for name in unknown if name not in failed]
    not_yet = {*failed, *unknown, *waiting}
    confirmed = [name for name in _at(body, {"done"}) if name not in not_yet]
    groups = (
        ("confirmed by", confirmed),
        ("failed at", failed),
        ("not known whether it was carried out at", unknown),
        ("not confirmed yet by", [one for one in waiting if one not in {*failed, *unknown}]),
    )
    return "; ".join(f"{words} {', '.join(names)}" for words, names in groups if names)


def _at(body: Mapping[str, object], states: set[str] | frozenset[str]) -> list[str]:
    names = [
        safe(one["instance"])
        for one in effects_of(body)
        if one.get("instance") and one.get("state") in states
    ]
    return list(dict.fromkeys(names))
