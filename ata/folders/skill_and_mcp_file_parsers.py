"""The file formats of skills and MCP servers, as their specifications and real files have them.

`SKILL.md` (Agent Skills; OpenClaw's `metadata`), `server.json` (MCP registry), `manifest.json` (MCP
bundles), `.mcp.json` and its like (clients' lists of servers), `package.json`, `pyproject.toml`,
and our own `ata.manifest.json`. Values are never read into facts: a client's list of servers may
hold secrets, and only the names of variables are wanted.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from ata.folders.connection_and_scope_guesses import connection_of, holds_a_secret
from ata.folders.declared_and_guessed_facts import KINDS, Component, Fact

type Found = Iterator[Component]


class Unreadable(ValueError):
    """A file that is not what its name says; the message says why."""


def own_declaration(text: str, where: str, _folder: str) -> Found:
    """`ata.manifest.json`: what `GET /v1/manifests/{kind}/{name}` answers."""
    body = _object(_json(text))
    kind, name = str(body.get("kind") or "mcp"), str(body.get("name") or "")
    if kind not in KINDS or not name:
        raise Unreadable("it needs a kind (skill, mcp, plugin, tool) and a name")
    yield Component(kind, name, where, tuple(_declared(body, where)))


def skill(text: str, where: str, folder: str) -> Found:
    """`SKILL.md`: YAML between `---` lines; OpenClaw's requirements stand under `metadata`."""
    front = _front_matter(text)
    metadata = _object(front.get("metadata"))
    facts = list(_declared(_object(metadata.get("ata") or front.get("ata")), where))
    notes = []
    for product, said in metadata.items():
        named = _object(said)
        wanted = [
            *_texts(_object(named.get("requires")).get("env")),
            *_texts(named.get("primaryEnv")),
        ]
        facts += _variables(wanted, f"{where} metadata.{product}", facts)
    primary = [*_texts(metadata.get("primaryEnv")), *_texts(front.get("primaryEnv"))]
    facts += _variables(primary, f"{where} primaryEnv", facts)
    if not front:
        notes.append(f"{where} has no front matter.")
    name = str(front.get("name") or folder)
    yield Component("skill", name, where, tuple(facts), tuple(notes))


def registry_entry(text: str, where: str, folder: str) -> Found:
    """`server.json` of the MCP registry: variables of its packages, address of its remotes."""
    body = _object(_json(text))
    facts: list[Fact] = list(_declared(_object(body.get("ata")), where))
    for number, package in enumerate(_objects(body.get("packages"))):
        named = [
            str(one.get("name", ""))
            for one in _objects(package.get("environmentVariables"))
            if one.get("isSecret") or holds_a_secret(str(one.get("name", "")))
        ]
        facts += _variables(named, f"{where} packages[{number}].environmentVariables", facts)
    for number, remote in enumerate(_objects(body.get("remotes"))):
        facts += _address(remote.get("url"), f"{where} remotes[{number}].url")
    yield Component("mcp", _short(str(body.get("name") or folder)), where, tuple(facts))


def bundle(text: str, where: str, folder: str) -> Found:
    """`manifest.json` of an MCP bundle (`.mcpb`, formerly `.dxt`)."""
    body = _object(_json(text))
    if not {"manifest_version", "dxt_version"} & body.keys():
        return
    config = _object(_object(body.get("server")).get("mcp_config"))
    sensitive = {
        f"${{user_config.{name}}}"
        for name, one in _object(body.get("user_config")).items()
        if _object(one).get("sensitive")
    }
    named = [
        name
        for name, value in _object(config.get("env")).items()
        if value in sensitive or holds_a_secret(name)
    ]
    facts = [*_declared(_object(body.get("ata")), where)]
    facts += _variables(named, f"{where} server.mcp_config.env", facts)
    yield Component("mcp", str(body.get("name") or folder), where, tuple(facts))


def server_list(text: str, where: str, _folder: str) -> Found:
    """`.mcp.json`, `mcp.json`, `claude_desktop_config.json`: one component for each server."""
    body = _object(_json(text))
    servers = _object(body.get("mcpServers")) or _object(body.get("servers"))
    for name, said in servers.items():
        one = _object(said)
        facts = list(_declared(_object(one.get("ata")), f"{where} {name}"))
        named = [variable for variable in _object(one.get("env")) if holds_a_secret(variable)]
        facts += _variables(named, f"{where} {name}.env", facts)
        facts += _address(one.get("url") or one.get("serverUrl"), f"{where} {name}.url")
        notes = []
        if "Authorization" in _object(one.get("headers")):
            notes.append(f"{where}: {name} sends its own Authorization header.")
        yield Component("mcp", str(name), where, tuple(facts), tuple(notes))


def node_package(text: str, where: str, folder: str) -> Found:
    """`package.json` of an MCP server: a name, and a declaration under `ata`."""
    body = _object(_json(text))
    used = _object(body.get("dependencies"))
    if not ({"ata", "mcpName"} & body.keys() or "@modelcontextprotocol/sdk" in used):
        return
    name = _short(str(body.get("mcpName") or body.get("name") or folder))
    facts = tuple(_declared(_object(body.get("ata")), f"{where} ata"))
    yield Component("mcp", name, where, facts)


def python_project(text: str, where: str, folder: str) -> Found:
    """`pyproject.toml` of an MCP server: a name, and a declaration under `[tool.ata]`."""
    try:
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Unreadable(f"not TOML: {error}") from None
    project, own = _object(body.get("project")), _object(_object(body.get("tool")).get("ata"))
    used = {re.split(r"[^a-z0-9-]", one.lower())[0] for one in _texts(project.get("dependencies"))}
    if not own and not used & {"mcp", "fastmcp"}:
        return
    name = str(project.get("name") or folder)
    facts = tuple(_declared(own, f"{where} tool.ata"))
    yield Component("mcp", name, where, facts)


READERS: Final[dict[str, Callable[[str, str, str], Found]]] = {
    "ata.manifest.json": own_declaration,
    "SKILL.md": skill,
    "server.json": registry_entry,
    "manifest.json": bundle,
    ".mcp.json": server_list,
    "mcp.json": server_list,
    "claude_desktop_config.json": server_list,
    "package.json": node_package,
    "pyproject.toml": python_project,
}
"""Reader by file name, the surest first: the first that names a component names the folder's."""


def _declared(body: Mapping[str, Any], where: str) -> Iterator[Fact]:
    """Facts of a declaration in our own form."""
    for one in _objects(body.get("connections")):
        connection = str(one.get("connection") or "")
        if not connection:
            raise Unreadable("connections: each needs a connection")
        yield Fact("connection", connection, where=where)
        for scope in _texts(one.get("scopes")):
            yield Fact("scope", scope, connection, where=where)
    for connection, variable in _object(body.get("env")).items():
        yield Fact("env", str(variable), connection, where=where)
    if body.get("url"):
        yield Fact("url", str(body["url"]), where=where)


def _variables(names: list[str], where: str, known: list[Fact]) -> list[Fact]:
    """Variables that a file declares; which connection each is of, is a guess by its name."""
    taken = {fact.value for fact in known if fact.what == "env"}
    facts = []
    for name in dict.fromkeys(name for name in names if name and name not in taken):
        connection = connection_of(name)
        if connection:
            why = "which connection it is of: by the variable's name"
            facts.append(Fact("env", name, connection, "guessed", where, why))
        else:
            facts.append(Fact("env", name, where=where))
    return facts


def _address(value: object, where: str) -> list[Fact]:
    """An http(s) address without user, query or fragment, which may hold secrets."""
    if not isinstance(value, str):
        return []
    try:
        parts = urlsplit(value)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return []
    if parts.scheme not in {"http", "https"} or not host or "{" in value:
        return []
    return [Fact("url", urlunsplit((parts.scheme, host, parts.path, "", "")), where=where)]


def _short(name: str) -> str:
    """`io.github.acme/github-mcp` and `@acme/github-mcp` are called github-mcp by people."""
    return name.rpartition("/")[2] or name


def _front_matter(text: str) -> dict[str, Any]:
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines or lines[0].strip() != "---":
        return {}
    end = next((n for n, line in enumerate(lines[1:], start=1) if line.strip() == "---"), 0)
    if not end:
        raise Unreadable("its front matter has no end")
    import yaml  # only where there is some

    try:
        return _object(yaml.safe_load("\n".join(lines[1:end])))
    except (yaml.YAMLError, RecursionError) as error:
        raise Unreadable(f"its front matter is not YAML: {str(error).splitlines()[0]}") from None


def _json(text: str) -> object:
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}") from None


def _object(value: object) -> dict[str, Any]:
    return {str(k): v for k, v in value.items()} if isinstance(value, Mapping) else {}


def _objects(value: object) -> list[dict[str, Any]]:
    return [_object(one) for one in value] if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
