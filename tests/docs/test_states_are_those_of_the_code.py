"""docs/states.md is what the code says."""

from __future__ import annotations

import ast

from scripts import states


def test_the_page_is_what_the_code_says() -> None:
    assert states.PAGE.read_text() == states.page(), "run `python -m scripts.states`"


def test_what_sets_a_state_is_told_from_what_asks_for_it() -> None:
    visitor = states._Setters(states.MACHINES[0])
    visitor.visit(
        ast.parse(
            "def ends(row):\n"
            "    row.state = State.GONE if row.x else State.REVOKED\n"
            "    rows.filter(state=State.CONNECTED).update(state=State.SUSPENDED)\n"
            "    row.turn(State.NEEDS_RECONNECT, now)\n"
            "    return row.state == State.REVOCATION_PENDING\n"
        )
    )
    assert {member for member, _ in visitor.found} == {
        "GONE", "REVOKED", "SUSPENDED", "NEEDS_RECONNECT"
    }  # fmt: skip
