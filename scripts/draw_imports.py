"""Draw the rooms and the imports between them, from the code: `python -m scripts.draw_imports`.

Left: each room stands above all that it imports; arrows are the imports that no other path already
says. Right: how many imports each room really has of each other, straight ones only.
"""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from functools import cache
from html import escape
from itertools import permutations, product
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "img" / "imports.svg"
ROOMS = (
    "scripts", "portal", "enforcement", "connections", "approvals", "audit", "audit.ledger",
    "auth0_client", "outbound", "ata", "tenant", "demo", "serving",
)  # fmt: skip
INNER = "audit.ledger"
type Imports = Counter[tuple[str, str]]

WIDE, HIGH, GAP_X, GAP_Y, EDGE = 168, 56, 28, 46, 24
CELL = 34
STYLE = """
 .page{fill:#faf9f7}.room{fill:#fff;stroke:#c9c4ba}
 .apart{fill:none;stroke:#c9c4ba;stroke-dasharray:4 4}
 .name,.head{fill:#1d1b18;font-weight:600}.what,.count,.note{fill:#6b655b}
 .line{stroke:#8a8377;fill:none}.tip{fill:#8a8377}.some{fill:#2f5bd8}.grid{stroke:#e4e0d8}.none{fill:#d5d0c6}
 @media(prefers-color-scheme:dark){.page{fill:#151412}.room{fill:#201e1b;stroke:#4a463f}
 .apart{stroke:#4a463f}.name,.head{fill:#f1eee8}.what,.count,.note{fill:#a39c90}.line{stroke:#857d70}
 .tip{fill:#857d70}.some{fill:#8fb0ff}.grid{stroke:#2c2a26}.none{fill:#4a463f}}
 text{font:12px system-ui,sans-serif}.name{font-size:14px}.what,.note{font-size:10.5px}
"""


def room_of(module: str) -> str:
    """The room that a module stands in; the ledger library is a room of its own."""
    return INNER if f"{module}.".startswith(f"{INNER}.") else module.partition(".")[0]


@cache
def imports() -> Imports:
    """How many modules of one room import a module of another, by pair (importer, imported)."""
    graph = grimp.build_graph(*(r for r in ROOMS if r != INNER), cache_dir=None)
    found: Imports = Counter()
    for module in graph.modules:
        for other in graph.find_modules_directly_imported_by(module):
            if room_of(module) != room_of(other):
                found[room_of(module), room_of(other)] += 1
    return found


def floors(found: Imports) -> list[list[str]]:
    """Rooms by floor, the ground first.

    Raises:
        RecursionError: rooms import each other in a circle.
    """

    @cache
    def floor(room: str) -> int:
        below = [floor(b) for a, b in found if a == room]
        return 1 + max(below) if below else 0

    tied = [room for room in ROOMS if any(room in pair for pair in found)]
    rows: list[list[str]] = [[] for _ in range(1 + max(map(floor, tied)))]
    for room in tied:
        rows[floor(room)].append(room)
    return rows


def needed(found: Imports) -> list[tuple[str, str]]:
    """The imports that no longer path implies (transitive reduction)."""

    def reaches(start: str, end: str) -> bool:
        return any(b == end or reaches(b, end) for a, b in found if a == start)

    return sorted(
        (a, b) for a, b in found if not any(x == a and y != b and reaches(y, b) for x, y in found)
    )


def places(found: Imports) -> dict[str, tuple[float, float]]:
    """The upper left corner of each room: the order in a row that makes the arrows shortest."""
    rows, arrows = floors(found), needed(found)
    widest = max(map(len, rows))

    def spread(order: tuple[tuple[str, ...], ...]) -> dict[str, float]:
        return {
            room: (widest - len(row)) / 2 + column
            for row in order
            for column, room in enumerate(row)
        }

    best = min(
        product(*(tuple(permutations(row)) for row in rows)),
        key=lambda order: (sum(abs(spread(order)[a] - spread(order)[b]) for a, b in arrows), order),
    )
    across, top = spread(best), len(rows) - 1
    return {
        room: (EDGE + across[room] * (WIDE + GAP_X), EDGE + 30 + (top - floor) * (HIGH + GAP_Y))
        for floor, row in enumerate(rows)
        for room in row
    }


def sentence(room: str) -> str:
    """The first line of what the room's package says of itself."""
    spec = importlib.util.find_spec(room)
    text = Path(str(spec and spec.origin)).read_text(encoding="utf-8")
    return text.partition('"""')[2].partition("\n")[0].partition('"""')[0].partition(":")[0]


def box(room: str, x: float, y: float, kind: str = "room") -> str:
    """One room."""
    modules = len(list((ROOT / room.replace(".", "/")).rglob("*.py")))
    return (
        f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{WIDE}" height="{HIGH}" rx="7"/>'
        f'<text class="name" x="{x + 12:g}" y="{y + 23:g}">{room}</text>'
        f'<text class="what" x="{x + 12:g}" y="{y + 41:g}">{escape(sentence(room))}</text>'
        f"<title>{room}: {modules} modules</title>"
    )


def arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    """From the foot of one room to the head of another."""
    (x1, y1), (x2, y2) = start, end
    x1, y1, x2 = x1 + WIDE / 2, y1 + HIGH, x2 + WIDE / 2
    x1 += max(-40.0, min(40.0, (x2 - x1) / 4))
    middle = (y2 - y1) / 2
    curve = f"M{x1:g} {y1:g}C{x1:g} {y1 + middle:g} {x2:g} {y2 - middle:g} {x2:g} {y2 - 6:g}"
    return f'<path class="line" d="{curve}"/><path class="tip" d="M{x2 - 4:g} {y2 - 7:g}h8l-4 7z"/>'


def table(found: Imports, order: list[str], x: float, y: float) -> list[str]:
    """The counts: a row imports a column. Nothing below the diagonal means no circle."""
    out = [f'<text class="head" x="{x:g}" y="{EDGE + 10:g}">Imports, counted: row of column</text>']
    left, end = x + 96, CELL * len(order)
    for at, room in enumerate(order):
        up = f"translate({left + CELL * (at + 0.62):g} {y - 8:g}) rotate(-45)"
        out.append(f'<text class="count" transform="{up}">{room}</text>')
        line = y + CELL * (at + 0.62)
        out.append(
            f'<text class="count" x="{left - 10:g}" y="{line:g}" text-anchor="end">{room}</text>'
        )
        for column, other in enumerate(order):
            many = found.get((room, other), 0)
            said, kind = (str(many), "some") if many else ("·", "none")
            if room != other:
                out.append(
                    f'<text class="{kind}" x="{left + CELL * (column + 0.5):g}" y="{line:g}"'
                    f' text-anchor="middle">{said}</text>'
                )
    out.append(
        f'<text class="note" x="{left:g}" y="{y + end + 22:g}">'
        "Nothing below the diagonal: no circle.</text>"
    )
    for at in range(len(order) + 1):
        out.append(
            f'<path class="grid" d="M{left:g} {y + CELL * at:g}h{end}'
            f'M{left + CELL * at:g} {y:g}v{end}"/>'
        )
    return out


def draw() -> str:
    """The whole picture as SVG, the same bytes for the same imports."""
    found, where = imports(), places(imports())
    rows = floors(found)
    alone = [room for room in ROOMS if room not in where]
    foot = EDGE + 30 + len(rows) * (HIGH + GAP_Y)
    tall = foot + HIGH + EDGE + 14
    split = EDGE + max(map(len, rows)) * (WIDE + GAP_X) + 24
    order = [room for row in reversed(rows) for room in sorted(row, key=lambda r: where[r])]
    wide = split + 96 + CELL * len(order) + EDGE + 40
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {tall:g}" role="img"'
        f' aria-label="Rooms and the imports between them"><style>{STYLE}</style>'
        f'<rect class="page" width="{wide:g}" height="{tall:g}"/>',
        f'<text class="head" x="{EDGE}" y="{EDGE + 10}">'
        "Each room stands above what it imports</text>",
        *(arrow(where[a], where[b]) for a, b in needed(found)),
        *(box(room, *where[room]) for room in order),
        *(box(room, EDGE + at * (WIDE + GAP_X), foot, "apart") for at, room in enumerate(alone)),
        f'<text class="note" x="{EDGE}" y="{foot + HIGH + 20:g}">Dashed: imports nothing of ours,'
        " and nobody imports it.</text>",
        *table(found, order, split, EDGE + 110),
        "</svg>\n",
    ]
    return "\n".join(out)


def main() -> None:
    """Write the picture; with `--check`, exit 1 unless the one on disk is what the code says."""
    drawn = draw()
    if "--check" not in sys.argv[1:]:
        PICTURE.write_text(drawn, encoding="utf-8")
    elif PICTURE.read_text(encoding="utf-8") != drawn:
        sys.exit("docs/img/imports.svg is not what the code says. Run: make picture")


if __name__ == "__main__":
    main()
