"""The way from an entry to the root, drawn: which neighbour joins on which side at each step."""

from __future__ import annotations

from dataclasses import dataclass

STEP = 34
_HIGH = 46
_MARGIN = 20


@dataclass(frozen=True, slots=True)
class Joint:
    """One step: the node made so far at (x, y), and the neighbour (nx, ny) it is joined with."""

    x: int
    y: int
    nx: int
    ny: int
    up_x: int
    up_y: int
    side: str


@dataclass(frozen=True, slots=True)
class PathPicture:
    """Geometry of the drawing in SVG units. The last `up` point is the root."""

    width: int
    height: int
    leaf_y: int
    joints: tuple[Joint, ...]
    root_x: int
    root_y: int


def picture(index: int, size: int, hashes: int) -> PathPicture:
    """Lay out an audit path (RFC 6962 §2.1.1) of `hashes` steps as one line that climbs.

    The sides follow from index and size alone, as in the verifier.
    """
    sides = _sides(index, size, hashes)
    width = 2 * _MARGIN + STEP * max(hashes, 1)
    height = _HIGH + 2 * _MARGIN
    joints = []
    for step, side in enumerate(sides):
        x, y = _MARGIN + step * STEP, _line(step, hashes)
        ny = y + 16 if side == "right" else y - 16
        joints.append(Joint(x, y, x + STEP // 2, ny, x + STEP, _line(step + 1, hashes), side))
    root_x = _MARGIN + STEP * hashes
    return PathPicture(
        width, height, _line(0, hashes), tuple(joints), root_x, _line(hashes, hashes)
    )


def _line(step: int, steps: int) -> int:
    return _MARGIN + _HIGH - round(_HIGH * step / steps) if steps else _MARGIN + _HIGH // 2


def _sides(index: int, size: int, hashes: int) -> list[str]:
    found: list[str] = []
    first, last = index, size - 1
    while last > 0 and len(found) < hashes:
        if first % 2 == 1 or first == last:
            while first % 2 == 0 and first:
                first, last = first >> 1, last >> 1
            found.append("left")
        else:
            found.append("right")
        first, last = first >> 1, last >> 1
    return found
