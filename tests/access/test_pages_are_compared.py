"""Which pages count as alike, so that the second of them need not be examined again."""

from __future__ import annotations

from tests.access.alike import shape_of, words_of
from tests.access.sweep import Found

ROW = '<tr class="line"><td>Held {}</td></tr>'
TABS = '<nav class="tabs page-tabs"><a href="/a/" aria-current="page">Trail</a>{}</nav>'


def page(rows: str, *, tabs: str = "", around: str = "<h1>Trail</h1>", route: str = "a/") -> Found:
    html = f"<main>{TABS.format(tabs)}{around}<table>{rows}</table></main>"
    return Found("/a/", route, html)


def is_alike(one: Found, *others: Found) -> tuple[bool, bool]:
    """Whether all words and all shapes of `one` are those of the others."""
    words, shapes = (
        {part for other in others for part in of(other)} for of in (words_of, shape_of)
    )
    return words_of(one) <= words, shape_of(one) <= shapes


SEEN = page(ROW.format("pdf 12"))


def test_as_many_figures_and_the_number_and_order_of_rows_make_no_other_page() -> None:
    assert is_alike(page(ROW.format("pdf 34")), SEEN) == (True, True)
    assert is_alike(page(ROW.format("pdf 12") + "\n" + ROW.format("pdf 99")), SEEN) == (True, True)


def test_other_words_have_the_same_shape() -> None:
    assert is_alike(page(ROW.format("csv 12")), SEEN) == (False, True)
    assert is_alike(page(ROW.format("pdf 12"), around="<h1>Log</h1>"), SEEN) == (False, True)


def test_another_element_class_or_attribute_is_another_page() -> None:
    for rows in (
        ROW.format("pdf 12").replace("line", "line held"),
        ROW.format("<b>pdf</b> 12"),
        f'{ROW.format("pdf 12")}<tr class="line"><td></td></tr>',
        f'<tr class="line"><td><ul><li>{ROW}</li></ul></td></tr>',
    ):
        assert is_alike(page(rows), SEEN) == (False, False), rows
    button = "<h1>Trail</h1><button>Block</button>"
    assert is_alike(page(ROW.format("pdf 12"), around=button), SEEN) == (False, False)
    assert is_alike(page(ROW.format("pdf 12"), route="b/"), SEEN) == (False, False)


def test_tabs_are_known_from_any_page() -> None:
    tabs = '<a href="/b/">Evidence</a>'
    with_tabs = page(ROW.format("pdf 12"), tabs=tabs)
    assert is_alike(with_tabs, SEEN) == (False, False)
    elsewhere = page("<tr></tr>", tabs=tabs, route="b/")
    assert is_alike(with_tabs, SEEN, elsewhere) == (True, True)
