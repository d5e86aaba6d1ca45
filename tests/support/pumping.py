"""Strings pumped from a pattern's own parts, and how the pattern's time grows with them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any, Final

codes: Any = import_module("re._constants")
parser: Any = import_module("re._parser")

SIZES: Final = (512, 12_288)
QUICK_S: Final = 0.005
"""What takes less is not measured again: no quadratic pattern reads 12 KiB in so little."""
SMALL: Final = 4096
STEEPEST: Final = 8.0
"""Four times the text may take so many times as long: linear is 4, quadratic 16."""
ROUNDS: Final = 6
"""Each must say that it took longer: others on the machine can only slow a part of them."""

_CATEGORIES: Final = {
    codes.CATEGORY_DIGIT: "1",
    codes.CATEGORY_NOT_DIGIT: "a",
    codes.CATEGORY_SPACE: " ",
    codes.CATEGORY_NOT_SPACE: "a",
    codes.CATEGORY_WORD: "a",
    codes.CATEGORY_NOT_WORD: "-",
}
_REPEATS: Final = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)
_ANY: Final = "a-. \\:/\"'1="


def texts_of(pattern: re.Pattern[str]) -> Iterator[Callable[[int], str]]:
    """Makers of texts of a size: what leads to each part of the pattern, and the part repeated."""
    alphabet, starts = set[str](), {""}
    _collect(parser.parse(pattern.pattern, pattern.flags), "", alphabet, starts)
    chars = sorted(alphabet)[:10] or ["a"]
    for start in sorted(starts, key=lambda one: (len(one), one))[:16]:
        for char in ["", *chars]:
            if piece := start + char:
                yield partial(_repeated, "", piece)
            if char and start:
                yield partial(_repeated, start, char)


def _repeated(start: str, piece: str, size: int) -> str:
    return (start + piece * (size // len(piece) + 1))[:size]


def _collect(tree: Any, before: str, alphabet: set[str], starts: set[str]) -> str:
    """Gather what the pattern's sets hold and the texts that lead into it; returns one match."""
    for operator, value in tree:
        before += _one(operator, value, before, alphabet, starts)
        starts.add(before[:200])
    return before


def _one(operator: Any, value: Any, before: str, alphabet: set[str], starts: set[str]) -> str:
    def inside(tree: Any) -> str:
        whole: str = _collect(tree, before, alphabet, starts)
        return whole[len(before) :]

    if operator in (codes.LITERAL, codes.NOT_LITERAL, codes.ANY, codes.IN):
        found: list[str] = _chars(operator, value)
        alphabet.update(found)
        return found[0]
    match operator:
        case codes.BRANCH:
            branches = [inside(branch) for branch in value[1]]
            return branches[0]
        case codes.SUBPATTERN:
            return inside(value[3])
        case codes.ATOMIC_GROUP:
            return inside(value)
        case codes.ASSERT:
            inside(value[1])
        case _ if operator in _REPEATS:
            return str(inside(value[2]) * min(max(value[0], 1), 60))
    return ""


def _chars(operator: Any, value: Any) -> list[str]:
    if operator is codes.LITERAL:
        return [chr(value)]
    if operator is codes.NOT_LITERAL:
        return [char for char in _ANY if char != chr(value)]
    return ["a", "-"] if operator is codes.ANY else _of_set(value)


def _of_set(members: Any) -> list[str]:
    refused = members[0][0] is codes.NEGATE
    found: list[str] = []
    for operator, value in members:
        match operator:
            case codes.LITERAL:
                found.append(chr(value))
            case codes.RANGE:
                found += [chr(value[0])]
            case codes.CATEGORY:
                found.append(_CATEGORIES[value])
    if refused:
        return [char for char in _ANY if char not in found and _fits(members, char)] or ["~"]
    return found[:8]


def _fits(members: Any, char: str) -> bool:
    return not any(
        (operator is codes.CATEGORY and _CATEGORIES[value] == char)
        or (operator is codes.RANGE and value[0] <= ord(char) <= value[1])
        for operator, value in members
    )


def slowest(pattern: re.Pattern[str], method: str) -> str:
    """The first text that a pattern reads in more than linear time, as words; empty for none."""

    def seconds(text: str) -> float:
        began = time.thread_time()
        if method == "search":
            pattern.sub("", text)
        else:
            getattr(pattern, method)(text)
        return time.thread_time() - began

    for make in texts_of(pattern):
        if all(seconds(make(size)) < QUICK_S for size in SIZES):
            continue
        for _ in range(ROUNDS):
            small = min(seconds(make(SMALL)) for _ in range(3))
            large = seconds(make(4 * SMALL))
            if large < max(QUICK_S / 2, STEEPEST * small):
                break
        else:
            return f"{make(40)!r}…: {large * 1000:.1f} ms for 16 KiB, {small * 1000:.1f} for 4 KiB"
    return ""
