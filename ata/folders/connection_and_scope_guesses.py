"""What names suggest. A guess is labelled as one, and declared only when somebody asks for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ata.folders.declared_and_guessed_facts import Fact

# Words of a variable's name -> Auth0 connection; the first that fits.
_VARIABLES: Final = (
    (re.compile(r"(^|_)(GITHUB|GH)(_|$)"), "github"),
    (re.compile(r"(^|_)SLACK(_|$)"), "slack"),
    (re.compile(r"(^|_)(GOOGLE|GMAIL|GCAL|GDRIVE)(_|$)"), "google-oauth2"),
    (re.compile(r"(^|_)(MICROSOFT|MSGRAPH|GRAPH|OUTLOOK|ONEDRIVE)(_|$)"), "windowslive"),
    (re.compile(r"(^|_)(ATLASSIAN|JIRA|CONFLUENCE)(_|$)"), "atlassian"),
    (re.compile(r"(^|_)NOTION(_|$)"), "notion"),
    (re.compile(r"(^|_)GITLAB(_|$)"), "gitlab"),
    (re.compile(r"(^|_)BITBUCKET(_|$)"), "bitbucket"),
    (re.compile(r"(^|_)LINEAR(_|$)"), "linear"),
    (re.compile(r"(^|_)DROPBOX(_|$)"), "dropbox"),
    (re.compile(r"(^|_)DISCORD(_|$)"), "discord"),
    (re.compile(r"(^|_)HUBSPOT(_|$)"), "hubspot"),
    (re.compile(r"(^|_)SALESFORCE(_|$)"), "salesforce"),
    (re.compile(r"(^|_)ZOOM(_|$)"), "zoom"),
    (re.compile(r"(^|_)STRIPE(_|$)"), "stripe"),
    (re.compile(r"(^|_)FIGMA(_|$)"), "figma"),
)
_SECRET: Final = re.compile(r"(TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_KEY|CREDENTIALS?|PAT)$")
_NOT_A_TOKEN: Final = re.compile(r"(CLIENT_SECRET|SIGNING_SECRET|WEBHOOK_SECRET|APP_TOKEN)$")
_ADDRESSES: Final = (
    (re.compile(r"https://www\.googleapis\.com/auth/[A-Za-z0-9._-]+[A-Za-z0-9]"), "google-oauth2"),
    (re.compile(r"https://graph\.microsoft\.com/[A-Z][A-Za-z]+(?:\.[A-Za-z]+)+"), "windowslive"),
)


def holds_a_secret(variable: str) -> bool:
    """Whether a variable's name says that a credential goes into it."""
    return bool(_SECRET.search(variable.upper()))


def connection_of(variable: str) -> str:
    """The connection that a variable's token would be of, by its name; empty where none fits."""
    upper = variable.upper()
    if not holds_a_secret(upper) or _NOT_A_TOKEN.search(upper):
        return ""
    return next((name for words, name in _VARIABLES if words.search(upper)), "")


def scopes_in(text: str, where: str) -> Iterator[Fact]:
    """Scopes that are addresses and name their service themselves, wherever a text has them."""
    for words, connection in _ADDRESSES:
        for number, line in enumerate(text.splitlines(), start=1):
            for found in words.findall(line):
                yield Fact(
                    "scope",
                    found,
                    connection,
                    "guessed",
                    f"{where} line {number}",
                    "the text names this scope; nothing says that the component asks for it",
                )
