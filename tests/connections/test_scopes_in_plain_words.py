"""The catalogue of scopes: words where we know them, the bare code where we do not."""

from __future__ import annotations

import csv

import pytest

from connections.scopes import catalogue, containment


@pytest.mark.parametrize(
    ("connection", "scope", "words", "risk"),
    [
        ("github", "delete_repo", "delete repositories", "high"),
        (
            "google-oauth2",
            "https://www.googleapis.com/auth/gmail.send",
            "send e-mail as you",
            "high",
        ),
        ("our-own-google", "https://www.googleapis.com/auth/tasks.readonly", "read your tasks", ""),
        ("windowslive", "Mail.Send", "send e-mail as you", "high"),
        ("acme-entra", "https://graph.microsoft.com/Mail.Send", "send e-mail as you", "high"),
        ("atlassian", "write:jira-work", "create and change Jira issues as you", "high"),
        ("sign-in-with-slack", "chat:write", "send messages as you", "high"),
        ("github", "repo_hacker", "repo_hacker", ""),
        ("our-own-github", "repo", "repo", ""),
        ("box", "Mail.Send", "Mail.Send", ""),
    ],
)
def test_a_scope_reads_as_what_it_allows_or_as_itself(
    connection: str, scope: str, words: str, risk: str
) -> None:
    found = catalogue.describe(connection, scope)
    assert (found.name, found.words, found.risk) == (scope, words, risk)
    assert found.known == (words != scope)


def test_connections_are_called_as_their_service_where_their_name_says_so() -> None:
    names = ["google-oauth2", "windowslive", "jira", "notion", "acme-crm"]
    assert [catalogue.title(n) for n in names] == [
        "Google",
        "Microsoft",
        "Jira",
        "Notion",
        "acme-crm",
    ]


def test_the_catalogue_is_well_formed() -> None:
    header, *cells = csv.reader(catalogue.CATALOGUE.read_text().splitlines())
    assert header == ["service", "scope", "allows", "risk"]
    assert {len(line) for line in cells} == {4}
    assert all(service and scope and words for service, scope, words, _ in cells)
    assert cells == [[cell.strip() for cell in line] for line in cells]
    assert {risk for *_, risk in cells} == {"", "high"}
    keys = [(service, scope) for service, scope, *_ in cells]
    assert len(set(keys)) == len(keys) > 300
    assert {catalogue.title(service) for service, _ in keys}.isdisjoint({s for s, _ in keys})


@pytest.mark.parametrize(
    ("connection", "wanted", "declared", "beyond"),
    [
        ("github", ["public_repo", "read:user"], ["repo", "user"], ()),
        ("github", ["repo"], ["public_repo"], ("repo",)),
        ("google-oauth2", ["https://www.googleapis.com/auth/userinfo.email"], ["email"], ()),
        (
            "google-oauth2",
            ["https://www.googleapis.com/auth/drive.readonly"],
            ["https://www.googleapis.com/auth/drive"],
            (),
        ),
        (
            "google-oauth2",
            ["https://www.googleapis.com/auth/drive"],
            ["https://www.googleapis.com/auth/drive.readonly"],
            ("https://www.googleapis.com/auth/drive",),
        ),
        ("windowslive", ["https://graph.microsoft.com/Mail.Read"], ["Mail.Read"], ()),
        ("windowslive", ["Mail.Send"], ["Mail.Read"], ("Mail.Send",)),
        ("our-own-github", ["public_repo"], ["repo"], ("public_repo",)),
        ("slack", ["b", "a", "b"], [], ("a", "b")),
    ],
)
def test_only_what_the_provider_itself_calls_contained_is_no_escalation(
    connection: str, wanted: list[str], declared: list[str], beyond: tuple[str, ...]
) -> None:
    assert containment.beyond(connection, wanted, declared) == beyond
