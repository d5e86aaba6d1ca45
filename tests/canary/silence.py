"""After the stories: no secret is anywhere it does not belong (DESIGN 1.4)."""

from __future__ import annotations

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
    wanted = needles.collect(house.stack, house.homes)
    assert len(wanted.digests) > 50
    kinds = set(wanted.values.values())
    assert {"session cookie", "CSRF secret", "state of a sign-in", "nonce of a sign-in"} <= kinds
    own = {needles.SESSIONS, needles.BROWSERS}
    said = [p for p in house.homes.glob("*") if p.is_file() and p.name not in own]
    assert any(p.name == "agent-process.txt" for p in said)
    found = _found(wanted, house.stack.var_dir, [*said, house.stack.log_file])
    assert {(where, what) for where, what in found if not _at_home(where, what)} == set()


def _at_home(where: str, what: str) -> bool:
    """Whether a secret of a browser's session lies in the table of sessions, its only home.

    A file of the database read whole does not tell one table from another; its columns do.
    """
    if what not in needles.OF_SESSIONS or not where.startswith("portal.sqlite3"):
        return False
    _, _, column = where.partition(": ")
    return not column or column.removesuffix(" (unwrapped)") in {
        "django_session.session_key",
        "django_session.session_data",
        "identity_signedinsession.session_key",
    }
