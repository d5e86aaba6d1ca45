"""What was found in a folder, each fact with its place and whether it was declared or guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

type How = Literal["declared", "guessed"]

KINDS: Final = ("skill", "mcp", "plugin", "tool")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a file says.

    Attributes:
        what: `connection`, `scope`, `env` or `url`.
        value: the connection, the scope, the variable, or the address.
        connection: whose scope or variable it is; empty where the file does not say.
        how: `declared` by the file in so many words, or `guessed` by us.
        where: the file, relative to the folder, and the place in it.
        why: what a guess rests on.
    """

    what: Literal["connection", "scope", "env", "url"]
    value: str
    connection: str = ""
    how: How = "declared"
    where: str = ""
    why: str = ""

    def as_json(self) -> dict[str, str]:
        """Plain JSON, empty members left out."""
        found = {
            "what": self.what,
            "value": self.value,
            "connection": self.connection,
            "how": self.how,
            "where": self.where,
            "why": self.why,
        }
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True, slots=True)
class Component:
    """One component of a folder with everything that was found about it."""

    kind: str
    name: str
    source: str  # the file that names it
    facts: tuple[Fact, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def plus(self, facts: Sequence[Fact], notes: Sequence[str] = ()) -> Component:
        """The same with more facts, each once."""
        merged = tuple(dict.fromkeys([*self.facts, *facts]))
        return replace(self, facts=merged, notes=tuple(dict.fromkeys([*self.notes, *notes])))

    def declaration(self, *, guesses: bool = False) -> dict[str, Any]:
        """The body of `PUT /v1/manifests/{kind}/{name}` that these facts make.

        Only what files declare, unless `guesses` are asked for too. What belongs to no connection
        is left out: `left_out` names it.
        """
        used = [fact for fact in self.facts if guesses or fact.how == "declared"]
        named = [f.value for f in used if f.what == "connection"]
        scoped = [f for f in used if f.what == "scope" and f.connection]
        for fact in (*scoped, *(f for f in used if f.what == "env" and f.connection)):
            named.append(fact.connection)
        env: dict[str, str] = {}
        for fact in used:
            if fact.what == "env" and fact.connection and fact.value not in env.values():
                env.setdefault(fact.connection, fact.value)
        return {
            "connections": [
                {
                    "connection": name,
                    "scopes": list(dict.fromkeys(f.value for f in scoped if f.connection == name)),
                }
                for name in dict.fromkeys(named)
            ],
            "env": env,
            "url": next((f.value for f in used if f.what == "url"), ""),
        }

    def missing(self, declaration: Mapping[str, Any]) -> list[str]:
        """What is not said anywhere, in sentences."""
        found = list(self.notes)
        if not declaration["connections"]:
            found.append("No connection is declared: the component would get no token.")
        for one in declaration["connections"]:
            if not one["scopes"]:
                found.append(
                    f"No scope of {one['connection']} is declared: it may ask for a token, and "
                    "naming any scope is an escalation."
                )
        for fact in self.facts:
            if fact.what in {"env", "scope"} and not fact.connection:
                found.append(
                    f"{fact.value} ({fact.where}) belongs to no connection that we can tell."
                )
        return list(dict.fromkeys(found))
