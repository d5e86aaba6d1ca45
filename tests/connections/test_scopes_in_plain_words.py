"""The catalogue of scopes: words where we know them, the bare code where we do not."""

from __future__ import annotations

import csv
import re

import pytest

from connections.scopes import catalogue, containment, permissions_in_third_person
from tests.connections.campaign import connected
from tests.connections.visitor import know
from tests.support.pages import signed_in

INVENTORY = "/connections/inventory/"


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


@pytest.mark.parametrize(
    ("to_the_owner", "about_mia", "about_somebody"),
    [
        ("delete repositories", "delete repositories", "delete repositories"),
        (
            "write to your public repositories",
            "write to Mia’s public repositories",
            "write to their public repositories",
        ),
        ("send e-mail as you", "send e-mail as Mia", "send e-mail as them"),
        ("see which teams you are in", "see which teams Mia is in", "see which teams they are in"),
        ("see what you share", "see what Mia shares", "see what they share"),
        (
            "read every file you can open",
            "read every file Mia can open",
            "read every file they can open",
        ),
        (
            "sign you in and read your profile",
            "sign Mia in and read their profile",
            "sign them in and read their profile",
        ),
    ],
)
def test_a_permission_is_about_its_owner_where_others_read_it(
    to_the_owner: str, about_mia: str, about_somebody: str
) -> None:
    assert permissions_in_third_person.third_person(to_the_owner, "Mia") == about_mia
    assert permissions_in_third_person.third_person(to_the_owner) == about_somebody


def test_no_permission_speaks_to_somebody_who_does_not_own_the_account() -> None:
    for service in catalogue.catalogued():
        everything = catalogue.in_words(service, catalogue.known_of(service))
        for owner in ("", "Mia Member"):
            said = permissions_in_third_person.for_others(everything, owner)
            assert [one.name for one in said] == [one.name for one in everything]
            assert not [one.words for one in said if re.search(r"\byour?s?\b", one.words)]


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


G = "https://www.googleapis.com/auth/"


@pytest.mark.parametrize(
    ("connection", "less", "more"),
    [
        ("google-oauth2", f"{G}drive.metadata.readonly", f"{G}drive"),
        ("google-oauth2", f"{G}drive.metadata.readonly", f"{G}drive.readonly"),
        ("google-oauth2", f"{G}drive.file", f"{G}drive"),
        ("google-oauth2", f"{G}gmail.readonly", f"{G}gmail.modify"),
        ("google-oauth2", f"{G}gmail.send", f"{G}gmail.modify"),
        ("google-oauth2", f"{G}gmail.readonly", "https://mail.google.com/"),
        ("google-oauth2", f"{G}calendar.events", f"{G}calendar"),
        ("google-oauth2", f"{G}calendar.events.readonly", f"{G}calendar"),
        ("google-oauth2", f"{G}spreadsheets.readonly", f"{G}drive"),
        ("google-oauth2", f"{G}devstorage.read_only", f"{G}devstorage.read_write"),
        ("google-oauth2", f"{G}bigquery", f"{G}cloud-platform"),
        ("windowslive", "Mail.ReadBasic", "Mail.Read"),
        ("windowslive", "Mail.Read", "Mail.ReadWrite"),
        ("windowslive", "Mail.Read", "https://graph.microsoft.com/Mail.Read.Shared"),
        ("windowslive", "Files.Read", "Files.ReadWrite.All"),
        ("windowslive", "Files.ReadWrite.AppFolder", "Files.ReadWrite"),
        ("windowslive", "Sites.Read.All", "Sites.FullControl.All"),
        ("windowslive", "Notes.Create", "Notes.ReadWrite"),
        ("windowslive", "User.ReadBasic.All", "User.ReadWrite.All"),
        ("windowslive", "Directory.Read.All", "Directory.AccessAsUser.All"),
        ("github", "read:packages", "write:packages"),
        ("github", "read:enterprise", "admin:enterprise"),
        ("github", "public_repo", "repo"),
    ],
)
def test_what_contains_a_denied_permission_is_known_at_each_provider(
    connection: str, less: str, more: str
) -> None:
    assert containment.left_out(connection, [less], [more]) == ()
    assert containment.left_out(connection, [more], [less]) == (more,)


@pytest.mark.parametrize(
    ("connection", "denied", "wanted"),
    [
        ("google-oauth2", f"{G}drive", f"{G}calendar"),
        ("google-oauth2", f"{G}gmail.settings.basic", f"{G}gmail.send"),
        ("windowslive", "Mail.Send", "Mail.Read"),
        ("windowslive", "Mail.Read", "Calendars.ReadWrite"),
        ("github", "read:packages", "write:discussion"),
        ("slack", "channels:read", "channels:write"),
    ],
)
def test_what_contains_no_denied_permission_may_be_asked_for(
    connection: str, denied: str, wanted: str
) -> None:
    assert containment.left_out(connection, [denied], [wanted]) == (denied,)


@pytest.mark.django_db
def test_the_owner_reads_your_and_others_read_the_name() -> None:
    know("admin", "member1")
    account = connected("member1", "github", "public_repo")
    for path in (f"/connections/{account.pk}/", "/connections/"):
        assert "write to your public repositories" in _page("member1", path)
    for path, whose in ((f"/connections/{account.pk}/", "Mia Member’s"), (INVENTORY, "their")):
        shown = _page("admin", path, "admin")
        assert f"write to {whose} public repositories" in shown
        assert "your public repositories" not in shown


def _page(who: str, path: str, *roles: str) -> str:
    return signed_in(who, *roles).get(path).content.decode()
