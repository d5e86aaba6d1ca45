"""What is sent in place of a report that the portal refused: less, until only that is missing which
the portal cannot take in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ata.outpost import gateway_facts

OUTCOME_REFUSED: Final = "outcome_refused"
"""Code of an outcome in place of one that the portal refused, as its page shows it."""
_OF_ROWS: Final = ("rows", "ranges", "dropped", "why")

type Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Instead:
    """`content` goes in place of what was refused, and `later` in separate reports after all that
    wait; `words` say so. `outcome`: that of a command, which the portal does not get."""

    content: dict[str, Any]
    words: str
    later: Sequence[dict[str, Any]] = ()
    outcome: Mapping[str, Any] | None = None


def instead_of(content: Content, code: str) -> Instead:
    """First without the state of the gateway, then its outcomes of commands apart from rows and
    from each other. What is refused alone is said to be lost.

    Args:
        code: the portal's, for the refusal.
    """
    outcomes, empty = content.get("commands", []), _empty(content)
    has_rows = any(content.get(name) for name in _OF_ROWS)
    if any(name in content for name in gateway_facts.NAMES):
        words = "what it has of the gateway's state is sent in separate reports"
        return Instead(_without(content, *gateway_facts.NAMES), words)
    if content.get("in_short") or not outcomes:
        words = "its rows are said to be lost" if has_rows else "what was in it is left out"
        return Instead(with_lost(empty, [content], outcomes=False) | {"refused": True}, words)
    if has_rows or len(outcomes) > 1:
        rest = _without(content, "commands") if has_rows else empty | {"commands": outcomes[:1]}
        apart = [outcomes] if has_rows else [[one] for one in outcomes[1:]]
        words = "what became of commands is sent in separate reports"
        return Instead(rest, words, [empty | {"commands": some} for some in apart])
    short = empty | {"commands": [_in_short(outcomes[0], code)], "in_short": True}
    return Instead(
        short,
        "what became of a command is kept here, and `ata outpost status` shows it",
        outcome=outcomes[0],
    )


def with_lost(
    content: dict[str, Any], lost: Sequence[Content], *, outcomes: bool = True
) -> dict[str, Any]:
    """The content, with the rows of lost ones among what was dropped.

    Args:
        outcomes: also with what was carried out; the portal waits for that.
    """
    spans: dict[str, list[list[int]]] = {}
    for one in lost:
        for span in one.get("dropped", []):
            _add(spans.setdefault(span["table"], []), span["first"], span["last"])
        for table, (first, last) in one.get("spans", {}).items():
            _add(spans.setdefault(table, []), first, last)
    why = next((one["why"] for one in [content, *lost] if one.get("why")), "")
    dropped = [
        {"table": table, "first": first, "last": last}
        for table, found in spans.items()
        for first, last in found
    ]
    said = content | {"dropped": [*content.get("dropped", []), *dropped], "why": why}
    if outcomes and (done := [x for one in [*lost, content] for x in one.get("commands", [])]):
        said["commands"] = done
    return said


def _empty(content: Content) -> dict[str, Any]:
    return {"rows": [], "ranges": [], "created": content["created"]}


def _without(content: Content, *names: str) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in names}


def _in_short(outcome: Mapping[str, Any], code: str) -> dict[str, Any]:
    """An outcome of which the portal learns only that it refused it."""
    detail = f"The portal refused its report ({code}); `ata outpost status` at the gateway has it."
    unknown: dict[str, Any] = {"exit": None, "seconds": 0, "entries": None, "left": []}
    said = {"state": "unproven", "code": OUTCOME_REFUSED, "detail": detail[:500]}
    return {"id": outcome["id"], "n": outcome["n"]} | said | unknown


def _add(spans: list[list[int]], first: int, last: int) -> None:
    """Add a span; spans that touch become one."""
    for span in spans:
        if first <= span[1] + 1 and last >= span[0] - 1:
            span[0], span[1] = min(first, span[0]), max(last, span[1])
            return
    spans.append([first, last])
