"""A scope that holds another is neither one too many beside it nor one that lacks it."""

from __future__ import annotations

import pytest

from connections import inventory

DECLARED = {
    "github": {"public_repo", "read:org"},
    "google-oauth2": {"email", "https://www.googleapis.com/auth/drive.readonly"},
    "acme": {"public_repo"},
}


@pytest.mark.parametrize(
    ("connection", "granted", "excess", "missing"),
    [
        ("github", ["public_repo", "read:org"], (), ()),
        ("github", ["repo"], ("repo",), ("read:org",)),
        ("github", ["admin:org", "public_repo", "gist"], ("admin:org", "gist"), ()),
        ("google-oauth2", ["https://www.googleapis.com/auth/userinfo.email"], (),
         ("https://www.googleapis.com/auth/drive.readonly",)),
        ("google-oauth2", ["email", "https://www.googleapis.com/auth/drive"],
         ("https://www.googleapis.com/auth/drive",), ()),
        ("acme", ["repo"], ("repo",), ("public_repo",)),  # nobody told us what this one holds
    ],
)  # fmt: skip
def test_what_fits_knows_what_scopes_hold(
    connection: str, granted: list[str], excess: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    assert inventory.fit(connection, granted, DECLARED) == inventory.Fit(excess, missing)


def test_a_wider_declaration_takes_what_it_holds() -> None:
    declared = {"github": {"repo"}}
    assert inventory.fit("github", ["public_repo"], declared) == inventory.Fit((), ("repo",))
