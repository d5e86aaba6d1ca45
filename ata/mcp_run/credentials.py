"""What a server gets right now: one token a connection of its manifest, unless it may not run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from ata.errors import AtaError, usage_error
from ata.mcp_run.server_manifest import Manifest, Need, check_decision, read
from ata.portal.api_client import Portal

CHANGED = "manifest_changed"
"""The code where a manifest is no longer what the server was started with."""
UNPROMPTED = "interaction_required"
"""The code where people would have to be asked, and were not."""
ASK_AGAIN_S = 5.0
"""After so long the broker is asked again while anything is said."""
UNKNOWN_LIFE_S = 3600.0
"""How long a token is taken to be good of which the broker gave no time."""
_LONGEST_LIFE_S = 10**9


def _ignore(_words: str) -> None:
    """Nobody reads warnings."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Environment variables for one server process; values never show in `repr`.

    Attributes:
        expires_in: seconds until the first of the tokens expires.
    """

    environment: Mapping[str, str] = field(repr=False)
    expires_in: float = field(default=UNKNOWN_LIFE_S, compare=False)

    def for_child(self) -> dict[str, str]:
        """The whole environment of the child process."""
        return {**os.environ, **self.environment}


class Broker:
    """Exchanges the operator's session for a server's tokens, at the moment of use."""

    def __init__(
        self,
        portal: Portal,
        name: str,
        agent: str,
        beyond: Mapping[str, Sequence[str]] = MappingProxyType({}),
        accounts: Sequence[str] = (),
        warn: Callable[[str], None] = _ignore,
    ) -> None:
        """`beyond`: scopes to ask for, by connection, that the manifest may not declare.

        `accounts` are `CONNECTION=ACCOUNT`, or one account for a manifest of one connection.
        """
        self._portal = portal
        self._name = name
        self._agent = agent
        self._beyond = beyond
        self._accounts = accounts
        self._pin: tuple[object, ...] | None = None
        self._warn = warn
        self._warned: set[str] = set()

    def manifest(self) -> Manifest:
        """The server's manifest.

        Raises:
            AtaError: `undeclared` when there is none, `mcp_blocked` or `mcp_held` by decision,
                `manifest_changed` since the first tokens, `bad_manifest`, or the portal's code.
        """
        manifest = read(self._portal, self._name)
        if self._pin is not None and manifest.pin != self._pin:
            raise AtaError(
                f"The manifest of {self._name} changed while it ran, so it gets no more tokens.",
                code=CHANGED,
                fix=f"`ata manifest show mcp {self._name}` shows it; start the server again if it "
                "is right.",
            )
        check_decision(manifest)
        return manifest

    def credentials(self, *, prompt: bool = True) -> Credentials:
        """Tokens for every connection of the manifest, fetched now.

        `prompt`: whether people may be asked for approval.

        Raises:
            AtaError: as `manifest`, or the broker's code.
        """
        return self.tokens(self.manifest(), prompt=prompt)

    def tokens(self, manifest: Manifest, *, prompt: bool = True) -> Credentials:
        """Tokens for every connection of a manifest that was just read; `prompt` as there.

        Raises:
            AtaError: the broker's code; `usage` for scopes of a connection that it does not name.
        """
        chosen = _chosen(manifest, self._accounts)
        self._check_beyond(manifest)
        given = {
            need.variable: self._exchange(need, chosen.get(need.connection, ""), prompt)
            for need in manifest.needs
        }
        self._pin = manifest.pin
        return Credentials(
            {variable: token for variable, (token, _) in given.items()},
            min((life for _, life in given.values()), default=UNKNOWN_LIFE_S),
        )

    def _check_beyond(self, manifest: Manifest) -> None:
        """No scope that was asked for on the command line is left out without a word."""
        names = [need.connection for need in manifest.needs]
        for connection in self._beyond:
            if connection not in names:
                raise usage_error(
                    f"--scope {connection}:…: the manifest of {manifest.name} does not name "
                    f"{connection}.",
                    f"Its connections are {', '.join(names) or 'none'}.",
                )

    def _warn_of_lack(self, need: Need, granted: str) -> None:
        """Say once that a scope which people allowed is not in the account's own grant."""
        lack = [one for one in self._beyond.get(need.connection, ()) if one not in granted.split()]
        if lack and need.connection not in self._warned:
            self._warned.add(need.connection)
            self._warn(
                f"The token of {need.connection} holds {granted or 'no named scope'}; "
                f"{', '.join(lack)} is not among them. The account's owner has to connect it again "
                "with that permission."
            )

    def _exchange(self, need: Need, account: str, prompt: bool) -> tuple[str, float]:
        """A token, and in how many seconds it expires."""
        headers = {
            "ATA-Agent": self._agent,
            "ATA-Skill": f"mcp:{self._name}",
            "ATA-Scopes": " ".join(
                dict.fromkeys([*need.scopes, *self._beyond.get(need.connection, ())])
            ),
        }
        params = {"connection": [need.connection]} | ({"account": [account]} if account else {})
        if not prompt:
            params["prompt"] = ["none"]
        body = self._portal.get("/v1/auth/token", params=params, headers=headers).body
        token = body.get("access_token")
        self._warn_of_lack(need, str(body.get("scope") or ""))
        if not isinstance(token, str) or not token or "\0" in token:
            raise AtaError(
                f"The broker gave no token for {need.connection}.",
                code="unexpected_answer",
                fix="Check the portal's log.",
            )
        life = body.get("expires_in")
        if not isinstance(life, int) or isinstance(life, bool):
            return token, UNKNOWN_LIFE_S
        return token, float(max(0, min(life, _LONGEST_LIFE_S)))


def _chosen(manifest: Manifest, accounts: Sequence[str]) -> dict[str, str]:
    """The account of each connection that one was chosen for."""
    names = [need.connection for need in manifest.needs]
    chosen: dict[str, str] = {}
    for one in accounts:
        connection, equals, account = one.partition("=")
        if (not equals or connection not in names) and len(names) == 1:
            connection, account = names[0], one
        if connection not in names or not account or connection in chosen:
            raise usage_error(
                f"--account {one}: it fits no connection of {manifest.name}, or not once.",
                f"Give CONNECTION=ACCOUNT; the connections are {', '.join(names) or 'none'}.",
            )
        chosen[connection] = account
    return chosen
