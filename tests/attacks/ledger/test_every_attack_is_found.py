"""Each attack on the ledger is found, by the one who is said to find it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attacks.ledger import on_keys, on_papers, on_rows, on_the_past
from tests.attacks.ledger.detecting import TIMED, TOKEN
from tests.attacks.ledger.table import ATTACKS, Attack, in_words
from tests.attacks.ledger.world import World
from tests.support import authority

pytestmark = pytest.mark.django_db
FILLED_BY = (on_rows, on_keys, on_the_past, on_papers)
DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "attacks.md"


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_is_found_and_its_untouched_twin_is_not_accused(
    world: World, attack: Attack
) -> None:
    if attack.detector in (TIMED, TOKEN) and not authority.is_here():
        pytest.skip("openssl is not installed: nobody here makes time tokens")
    assert attack.detector.finds(world) == []
    attack.act(world)
    found = attack.detector.finds(world)
    assert any(attack.says in line for line in found), found
    for other in attack.unseen_by:
        assert other.finds(world) == [], f"{other.name} finds it too: say so"


def test_the_document_shows_this_table() -> None:
    assert len(ATTACKS) >= 40 and len(FILLED_BY) == 4
    assert len({one.name for one in ATTACKS}) == len(ATTACKS)
    assert in_words() in DOCUMENT.read_text()
