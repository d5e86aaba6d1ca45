"""After the stories: no secret is anywhere it does not belong (DESIGN 1.4)."""

from __future__ import annotations

import secrets
import sqlite3
from hashlib import sha256
from pathlib import Path

from tests.canary import haystack, needles
from tests.canary.needles import Needles
from tests.stories.house import House


def _found(needle: Needles, var_dir: Path, output: list[Path]) -> set[tuple[str, str]]:
    return {
        (where, what)
        for where, text in haystack.of_house(var_dir, output)
        for what in needle.in_text(text)
    }


def test_no_secret_is_kept_logged_exported_or_given_to_an_agent(house: House) -> None:
    wanted = needles.collect(house.stack, house.homes / "sessions.txt")
    assert len(wanted.digests) > 50
    said = [p for p in house.homes.glob("*") if p.is_file() and p.name != "sessions.txt"]
    assert _found(wanted, house.stack.var_dir, [*said, house.stack.log_file]) == set()


def test_the_canary_sings_wherever_a_secret_is_put(house: House, tmp_path: Path) -> None:
    bearer, provider = secrets.token_urlsafe(32), f"ghu_{secrets.token_urlsafe(32)}"
    wanted = Needles(
        {b"a-client-secret-of-ours": "client secret"},
        {sha256(t.encode()).hexdigest(): w for t, w in ((bearer, "bearer"), (provider, "github"))},
    )
    database = sqlite3.connect(tmp_path / "portal.sqlite3")
    with database:
        database.execute("CREATE TABLE session (body TEXT)")
        database.execute("INSERT INTO session VALUES (?)", (f'{{"token": "x{bearer}y"}}' * 200,))
    database.close()
    (tmp_path / "worker.log").write_text(f"GET /user Authorization: Bearer {provider}\n")
    (tmp_path / "export.csv").write_text("a,a-client-secret-of-ours,b\n")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "KEPT").write_text(bearer)
    assert _found(wanted, tmp_path, []) >= {
        ("portal.sqlite3: session", "bearer"),
        ("worker.log", "github"),
        ("export.csv", "client secret"),
    }
    assert not [w for w, _ in _found(wanted, tmp_path, []) if w.startswith("secrets")]
