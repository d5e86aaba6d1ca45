"""A server's manifest as the portal has it, and whether a decision forbids to run the server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from ata.errors import AtaError
from ata.portal.api_client import Portal

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# Variables that change which code a process runs, whom it trusts or where it connects to.
_DANGEROUS = re.compile(
    r"LD_|DYLD_|PYTHON|PERL5|RUBY(LIB|OPT)|BASH_(ENV|FUNC)|PROMPT_COMMAND\Z|PS4\Z|"
    r"NODE_(OPTIONS|PATH|EXTRA_CA_CERTS|TLS_REJECT_UNAUTHORIZED)\Z|NPM_CONFIG_|"
    r"(_?JAVA|JDK_JAVA|JAVA_TOOL|MAVEN|GRADLE)_OPT(ION)?S\Z|CLASSPATH\Z|DOTNET_|CORECLR_|"
    r"GIT_(SSH|ASKPASS|CONFIG|EXEC|PROXY|TEMPLATE|EDITOR|PAGER|EXTERNAL|DIR|WORK_TREE)|SSH_|"
    r"(.*_)?PROXY\Z|SSL_CERT_(FILE|DIR)\Z|SSLKEYLOGFILE\Z|OPENSSL_|(REQUESTS|CURL)_CA_BUNDLE\Z|"
    r"(PATH|ENV|IFS|HOME|SHELL|USER|TMPDIR|TEMP|TMP|PWD|EDITOR|VISUAL|PAGER|BROWSER)\Z|XDG_|LC_|"
    r"LANG\Z|LOCPATH\Z|GCONV_PATH\Z|HOSTALIASES\Z|GLIBC_TUNABLES\Z|MALLOC_|DOCKER_HOST\Z|KUBECONFIG\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Need:
    """One connection that a server declares."""

    connection: str
    scopes: tuple[str, ...]
    variable: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A server's declaration and the decision in force (`GET /v1/manifests/mcp/{name}`)."""

    name: str
    needs: tuple[Need, ...]
    decision: str
    url: str

    @property
    def pin(self) -> tuple[object, ...]:
        """What a running server may not see changed: address, connections, scopes, variables."""
        needs = sorted((one.connection, *sorted(one.scopes), one.variable) for one in self.needs)
        return (self.url, *needs)


def read(portal: Portal, name: str) -> Manifest:
    """The manifest that is declared for an MCP server.

    Raises:
        AtaError: `undeclared` when there is none, `bad_manifest`, or the portal's code.
    """
    try:
        body = portal.get(f"/v1/manifests/mcp/{quote(name, safe='')}").body
    except AtaError as error:
        if error.details.get("status") != 404:
            raise
        raise AtaError(
            f"The MCP server {name} has no manifest.",
            code="undeclared",
            fix="Declare its connections with `ata manifest declare FILE`.",
        ) from error
    return _parse(name, body)


def default_variable(connection: str) -> str:
    """The variable for a connection whose manifest names none, as in `GOOGLE_OAUTH2_TOKEN`."""
    return re.sub(r"[^A-Z0-9]", "_", connection.upper()) + "_TOKEN"


def _parse(name: str, body: Mapping[str, object]) -> Manifest:
    connections, variables = body.get("connections"), body.get("env")
    named = variables if isinstance(variables, dict) else {}
    needs = [
        _need(name, one, named)
        for one in (connections if isinstance(connections, list) else [])
        if isinstance(one, dict)
    ]
    if len({need.variable for need in needs}) != len(needs):
        raise _bad_manifest(name, "two connections share one environment variable")
    return Manifest(
        name, tuple(needs), str(body.get("decision") or "none"), str(body.get("url") or "")
    )


def _need(name: str, one: Mapping[str, object], variables: Mapping[str, object]) -> Need:
    connection, scopes = str(one.get("connection") or ""), one.get("scopes")
    variable = str(variables.get(connection) or default_variable(connection))
    if not connection:
        raise _bad_manifest(name, "a connection has no name")
    if not _VARIABLE.match(variable) or _DANGEROUS.match(variable):
        raise _bad_manifest(name, f"{variable!r} cannot hold a token")
    return Need(connection, tuple(map(str, scopes)) if isinstance(scopes, list) else (), variable)


def check_decision(manifest: Manifest) -> None:
    """Refuse a server that is blocked or on hold.

    Raises:
        AtaError: `mcp_blocked` or `mcp_held`.
    """
    if manifest.decision == "block":
        raise AtaError(
            f"The MCP server {manifest.name} is blocked.",
            code="mcp_blocked",
            fix=f"An operator can end the block with `ata mcp unblock {manifest.name}`.",
        )
    if manifest.decision == "hold":
        raise AtaError(
            f"The MCP server {manifest.name} is on hold until someone decides on it.",
            code="mcp_held",
            fix="`ata approvals` shows the request.",
        )


def _bad_manifest(name: str, reason: str) -> AtaError:
    return AtaError(
        f"The manifest of {name} cannot be used: {reason}.",
        code="bad_manifest",
        fix="Correct it with `ata manifest declare FILE`.",
    )
