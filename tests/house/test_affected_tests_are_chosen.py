"""`make check` runs the tests that are nearest to a change first."""

from __future__ import annotations

import grimp

from scripts import affected


def test_tests_are_ordered_by_their_distance_in_imports_from_the_change() -> None:
    graph = grimp.ImportGraph()
    for importer, imported in (
        ("tests.audit.test_far", "audit.page"),
        ("audit.page", "audit.recording.record"),
        ("tests.audit.test_near", "audit.recording.record"),
        ("tests.audit.test_unrelated", "audit.clock"),
    ):
        graph.add_import(importer=importer, imported=imported)
    assert affected.nearest_tests(["audit/recording/record.py", "README.md"], graph) == [
        "tests.audit.test_near", "tests.audit.test_far",
    ]  # fmt: skip


def test_a_changed_test_is_run_itself_and_a_template_stands_for_its_app() -> None:
    graph = grimp.ImportGraph()
    graph.add_module("tests.audit.test_near")
    assert affected.nearest_tests(["tests/audit/test_near.py"], graph) == ["tests.audit.test_near"]
    chosen = affected.folder_tests(["templates/audit/trail.html"])
    assert chosen and {p.parent.as_posix() for p in chosen} == {"tests/audit"}
