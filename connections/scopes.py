"""Provider permissions as sentences: what an agent could do with them, and which are risky.

Sources: GitHub "Scopes for OAuth apps", Slack "Permission scopes", Google "OAuth 2.0 scopes".
A scope that is not here is shown as it is: a guess would be worse than a code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_TITLES = {"github": "GitHub", "slack": "Slack", "google-oauth2": "Google"}
_GOOGLE = "https://www.googleapis.com/auth/"

# connection | scope | what it allows | "!" when it can change, send or delete things at large
_TABLE = """
github | repo | read and write every repository, private ones too | !
github | public_repo | write to your public repositories | !
github | repo:status | read and set commit statuses |
github | repo_deployment | manage deployments | !
github | repo:invite | accept invitations to repositories |
github | security_events | read and write code scanning alerts | !
github | delete_repo | delete repositories | !
github | read:user | read your profile |
github | user | read and change your profile | !
github | user:email | read your e-mail addresses |
github | user:follow | follow and unfollow people |
github | read:org | read your organisations and teams |
github | write:org | change organisation membership and projects | !
github | admin:org | administer your organisations | !
github | workflow | change GitHub Actions workflows | !
github | gist | write gists |
github | notifications | read your notifications |
github | read:packages | download packages |
github | write:packages | publish packages | !
github | delete:packages | delete packages | !
github | read:project | read projects |
github | project | read and write projects |
github | read:discussion | read team discussions |
github | write:discussion | write team discussions |
github | admin:repo_hook | administer repository webhooks | !
github | admin:org_hook | administer organisation webhooks | !
github | admin:public_key | administer your SSH keys | !
github | admin:gpg_key | administer your GPG keys | !
github | codespace | create and manage codespaces | !
slack | channels:read | see the public channels of the workspace |
slack | channels:history | read messages in public channels |
slack | channels:write | manage public channels | !
slack | groups:read | see private channels you are in |
slack | groups:history | read messages in private channels you are in | !
slack | im:read | see your direct conversations |
slack | im:history | read your direct messages | !
slack | mpim:history | read your group messages | !
slack | chat:write | send messages as you | !
slack | users:read | see the people of the workspace |
slack | users:read.email | see their e-mail addresses |
slack | files:read | read files shared with you |
slack | files:write | upload, change and delete your files | !
slack | reactions:read | see reactions |
slack | reactions:write | add and remove reactions |
slack | search:read | search everything you can see | !
slack | team:read | see the workspace's name and address |
slack | admin | administer the workspace | !
google-oauth2 | openid | know which Google account this is |
google-oauth2 | email | see your e-mail address |
google-oauth2 | profile | see your name and picture |
google-oauth2 | @calendar | see, change, share and delete all your calendars | !
google-oauth2 | @calendar.readonly | read your calendars |
google-oauth2 | @calendar.events | read and change events on your calendars | !
google-oauth2 | @calendar.events.readonly | read events on your calendars |
google-oauth2 | @drive | see, change and delete everything in your Drive | !
google-oauth2 | @drive.readonly | read everything in your Drive | !
google-oauth2 | @drive.file | use the Drive files that you open with it |
google-oauth2 | @drive.metadata.readonly | see the names of your Drive files |
google-oauth2 | @gmail.readonly | read all your e-mail | !
google-oauth2 | @gmail.send | send e-mail as you | !
google-oauth2 | @gmail.modify | read, write and send e-mail as you | !
google-oauth2 | @gmail.metadata | see who writes to you and when |
google-oauth2 | @spreadsheets | see, change and delete your spreadsheets | !
google-oauth2 | @spreadsheets.readonly | read your spreadsheets |
google-oauth2 | @documents | see, change and delete your documents | !
google-oauth2 | @documents.readonly | read your documents |
google-oauth2 | @contacts.readonly | read your contacts |
google-oauth2 | @tasks | see, change and delete your tasks |
google-oauth2 | @userinfo.email | see your e-mail address |
google-oauth2 | @userinfo.profile | see your name and picture |
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope as people read it. `risk` is "high" or empty; `known` is False for a bare code."""

    name: str
    words: str
    risk: str
    known: bool = True


def _read() -> dict[tuple[str, str], Scope]:
    found: dict[tuple[str, str], Scope] = {}
    for line in _TABLE.strip().splitlines():
        connection, short, words, mark = (part.strip() for part in line.split("|"))
        name = short.replace("@", _GOOGLE, 1)
        found[connection, name] = Scope(name, words, "high" if mark else "")
    return found


_KNOWN = _read()


def title(connection: str) -> str:
    """The service's own name; the connection's where we do not know the service."""
    return _TITLES.get(connection, connection)


def describe(connection: str, scope: str) -> Scope:
    """One scope in words; the bare code where the catalogue does not have it."""
    return _KNOWN.get((connection, scope)) or Scope(scope, scope, "", known=False)


def in_words(connection: str, scopes: Iterable[str]) -> list[Scope]:
    """Scopes in words, risky ones first, each once. `offline_access` says nothing to people."""
    names = dict.fromkeys(s for s in scopes if s != "offline_access")
    found = [describe(connection, name) for name in names]
    return sorted(found, key=lambda scope: (scope.risk != "high", not scope.known))


def any_risky(connection: str, scopes: Iterable[str]) -> bool:
    """Whether one of them can change, send or delete things at large."""
    return any(describe(connection, scope).risk for scope in scopes)
