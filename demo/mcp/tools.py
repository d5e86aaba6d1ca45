"""The tools each demo server offers, and what they ask of the provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from demo.mcp.provider import Provider, Values


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. ``needs`` names its required string arguments with a description each."""

    name: str
    description: str
    call: Callable[[Provider, Values], object]
    needs: Values

    def as_json(self) -> dict[str, object]:
        """Return the tool as ``tools/list`` shows it (MCP, server tools)."""
        properties = {
            key: {"type": "string", "description": text} for key, text in self.needs.items()
        }
        return {
            "name": self.name,
            "description": self.description,
            "inputSchema": {
                "type": "object",
                "properties": properties,
                "required": list(self.needs),
                "additionalProperties": False,
            },
        }


@dataclass(frozen=True, slots=True)
class Kind:
    """One demo server: its name, its provider's title, where its settings come from."""

    server: str
    title: str
    variable: str
    url_variable: str
    default_url: str
    tools: tuple[Tool, ...]


def _reader(path: str) -> Callable[[Provider, Values], object]:
    return lambda provider, given: provider.get(path)


def _create_issue(provider: Provider, given: Values) -> object:
    owner, repository = (quote(given[key], safe="") for key in ("owner", "repository"))
    return provider.post(f"repos/{owner}/{repository}/issues", {"title": given["title"]})


def _post_message(provider: Provider, given: Values) -> object:
    body = {"channel": given["channel"], "text": given["text"]}
    return provider.post("api/chat.postMessage", body)


_TENANT: Final = "http://localhost:8100/providers"
_NOTHING: Final[Mapping[str, str]] = {}

KINDS: Final[Mapping[str, Kind]] = {
    "github": Kind(
        "github-mcp",
        "GitHub",
        "GITHUB_TOKEN",
        "GITHUB_API_URL",
        f"{_TENANT}/github",
        (
            Tool("whoami", "Whose GitHub account this is", _reader("user"), _NOTHING),
            Tool(
                "list_repositories", "The account's repositories", _reader("user/repos"), _NOTHING
            ),
            Tool(
                "create_issue",
                "Open an issue",
                _create_issue,
                {
                    "owner": "Login of the repository's owner",
                    "repository": "Name of the repository",
                    "title": "Title of the issue",
                },
            ),
        ),
    ),
    "slack": Kind(
        "standup-bot",
        "Slack",
        "SLACK_TOKEN",
        "SLACK_API_URL",
        f"{_TENANT}/slack",
        (
            Tool("whoami", "Whose Slack account this is", _reader("api/auth.test"), _NOTHING),
            Tool("list_channels", "Public channels", _reader("api/conversations.list"), _NOTHING),
            Tool(
                "post_message",
                "Post to a channel",
                _post_message,
                {"channel": "Name or id of the channel", "text": "What to say"},
            ),
        ),
    ),
    "google": Kind(
        "calendar-sync",
        "Google",
        "GOOGLE_OAUTH2_TOKEN",
        "GOOGLE_API_URL",
        f"{_TENANT}/google-oauth2",
        (
            Tool("whoami", "Whose account this is", _reader("oauth2/v3/userinfo"), _NOTHING),
            Tool(
                "list_calendars",
                "The account's calendars",
                _reader("calendar/v3/users/me/calendarList"),
                _NOTHING,
            ),
            Tool(
                "list_events",
                "Events of the main calendar",
                _reader("calendar/v3/calendars/primary/events"),
                _NOTHING,
            ),
        ),
    ),
}
