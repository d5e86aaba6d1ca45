"""The workpaper of an audit: what its sheets say, and that no cell of it is run."""

from __future__ import annotations

import io
import re
import zipfile
from html import unescape

import pytest

from audit.audit_files import workpaper
from audit.recording.actors import Target
from audit.recording.record import record
from audit.sequencing import sequencer
from tests.audit.factories import MIA, OLU
from tests.audit_files.audit_world import World

pytestmark = pytest.mark.django_db

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1")


def sheets(world: World) -> dict[str, str]:
    """The XML of each sheet by its name, and the shared texts under ""."""
    into = io.BytesIO()
    workpaper.write(world.scope(), into)
    with zipfile.ZipFile(into) as book:
        names = re.findall(r'<sheet name="([^"]+)"', book.read("xl/workbook.xml").decode())
        found = {
            name: book.read(f"xl/worksheets/sheet{number}.xml").decode()
            for number, name in enumerate(names, start=1)
        }
        return found | {"": book.read("xl/sharedStrings.xml").decode()}


def texts(world: World) -> list[str]:
    return [
        unescape(one) for one in re.findall(r"<t[^>]*>([^<]*)</t>", sheets(world)[""], re.DOTALL)
    ]


def test_it_has_a_row_for_each_item_with_columns_to_fill_in(world: World) -> None:
    found = sheets(world)
    assert list(found) == [
        "About", "Items", "Populations", "Exceptions", "Reviews", "Ends of access", "Policies",
        "Roles", "",
    ]  # fmt: skip
    said = texts(world)
    for title in ("Actor", "Approver", "Level", "Result", "Remarks", "Evidence"):
        assert title in said
    assert "Ben Backup" in said, "who approved"
    assert any(one.endswith(("(H2)", "(H3)")) for one in said), said
    assert "evidence/items-001.zip" in said
    assert "No exception,Exception,Not applicable,Not tested" in unescape(found["Items"])


def test_no_cell_is_a_formula_or_a_link(world: World) -> None:
    for text in FORMULAS:
        record(OLU, "access.refused", target=Target("page", text), reason=text)
        record(OLU, "token.exchanged", target=Target("skill", text), agent=text)
    record(OLU, "access.refused", target=Target("page", "https://evil.example/?x"))
    sequencer.run_once()
    found = sheets(world)
    for name, sheet in found.items():
        assert "<f>" not in sheet and "<hyperlink" not in sheet, name
    cells = re.findall(r"<c [^>]*?(?:/>|>)", "".join(found.values()))
    assert cells and all('t="s"' in one or 't="' not in one for one in cells)
    assert any("=1+1" in one for one in texts(world)), "as a text it stands there"


def test_a_text_longer_than_a_cell_is_cut_and_says_so(world: World) -> None:
    record(OLU, "access.refused", target=Target("page", "x" * 40_000))
    sequencer.run_once()
    long = max(texts(world), key=len)
    assert (len(long), long.endswith(workpaper.CUT)) == (32_767, True)


def test_it_names_the_sheets_that_are_cut_and_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workpaper, "ROWS", 1)
    record(MIA, "access.refused", target=Target("page", "/audit/"))
    sequencer.run_once()
    found = sheets(world)
    rows = {name: len(re.findall("<row ", sheet)) - 1 for name, sheet in found.items()}
    assert {rows[name] for name in ("Items", "Populations", "Exceptions", "Policies", "Roles")} == {
        1
    }
    [said] = [one for one in texts(world) if one.startswith("Only the first 1 rows")]
    assert "Items, Populations, Exceptions, Policies, Roles." in said
    monkeypatch.setattr(workpaper, "ROWS", 100)
    assert not [one for one in texts(world) if one.startswith("Only the first")]
