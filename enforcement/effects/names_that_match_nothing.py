"""Names that DefenseClaw stores and no agent's call ever matches.

An entry counts only for the name that the agent's call carries: the server part of
`mcp__<server>__<tool>`, the whole name of a tool, the folder of a skill or plugin. 0.8.4
and HEAD take what is between the first two double underscores for the server.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from enforcement.effects.gateway_facts import V020

_SERVER_LINK = re.compile(r"mcp:(?://)?(?:[^/]+/)?(?P<server>[^/]+)")
_IN_PLUGIN = re.compile(r"plugin_[^_]+_(?P<server>.+)")
_IN_CALL = re.compile(r"mcp__(?P<server>.+?)(?:__.*)?")


def why_it_matches_nothing(generation: str, kind: str, name: str) -> str:
    """Why no call can carry this name, as it follows "it stops nothing:"; empty where one can."""
    if name != name.strip():
        return "DefenseClaw does not trim names, and no call has a space at the end of a name"
    if kind == "mcp":
        return _why_no_server(name) or ("" if generation == V020 else _why_cut_short(name))
    if kind == "tool" and generation == V020 and "/" in name:
        return "0.2.0 compares the whole name, and a call carries the name of the tool alone"
    return ""


def _why_no_server(name: str) -> str:
    if _SERVER_LINK.fullmatch(name):
        return "calls carry the name of the server, not the name that a scan gave it"
    if "://" in name:
        return "calls carry the name of the server, not its address"
    if _IN_CALL.fullmatch(name) and name.startswith("mcp__"):
        return "calls carry the name of the server between the underscores"
    if _IN_PLUGIN.fullmatch(name):
        return "a block of a server inside a plugin was never seen to stop it"
    if re.search(r"\s", name):
        return "agents write an underscore where the name of a server has a space"
    return ""


def _why_cut_short(name: str) -> str:
    if f"mcp__{name}__tool".split("__")[1] == name:
        return ""
    return "DefenseClaw ends a server's name at two underscores, and finds another in the call"


def server_in(name: str) -> str:
    """The server that a link, a call or a plugin's copy is about; the name itself otherwise."""
    for form in (_SERVER_LINK, _IN_PLUGIN):
        if match := form.fullmatch(name):
            return match["server"]
    if name.startswith("mcp__") and (match := _IN_CALL.fullmatch(name)):
        return match["server"]
    return re.sub(r"\s+", "_", name.strip())


def meant_name(kind: str, name: str, known: Iterable[str]) -> str:
    """The known exact name that was probably meant: another case, the server of a link or of a
    call, the call that a short name of a tool belongs to; empty where there is none."""
    names = [one for one in known if one != name and not why_it_matches_nothing("", kind, one)]
    wanted = server_in(name) if kind == "mcp" else name.strip()
    for one in names:
        if one == wanted:
            return one
    for one in names:
        if one.casefold() == wanted.casefold():
            return one
    if kind == "tool":
        return next((one for one in names if one.endswith(f"__{wanted}")), "")
    return ""
