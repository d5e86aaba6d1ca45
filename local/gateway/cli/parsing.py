"""Arguments of a command, with the refusals of the real command line (click)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field


class UsageError(Exception):
    """Wrong arguments: exit code 2 with this text on standard error.

    With `of_verb` the usage line of the verb stands before it.
    """

    def __init__(self, text: str, *, of_verb: bool = False) -> None:
        super().__init__(text)
        self.of_verb = of_verb


class Refused(Exception):
    """A command that ends with a message on standard error and an exit code."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.text = text
        self.code = code


@dataclass(frozen=True, slots=True)
class Arguments:
    """Positional arguments and options of one command."""

    positional: Sequence[str]
    options: Mapping[str, str] = field(default_factory=dict)

    def first(self, name: str) -> str:
        """Return the first positional argument; raises UsageError without one."""
        if not self.positional:
            raise UsageError(f"Error: Missing argument '{name}'.", of_verb=True)
        return self.positional[0]

    def text(self, option: str) -> str:
        """Return an option's value, or ""."""
        return self.options.get(option, "")

    def has(self, flag: str) -> bool:
        """Return whether a flag was given."""
        return flag in self.options


def parse(
    words: Sequence[str], valued: Collection[str], flags: Collection[str], *, quoted: bool
) -> Arguments:
    """Split words into positional arguments and options; raises UsageError.

    0.2.0 does not put an unknown option into quotes.
    """
    positional: list[str] = []
    options: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            positional += rest
            break
        if not word.startswith("--"):
            positional.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        if name in flags:
            options[name] = "yes"
        elif name not in valued:
            shown = f"'--{name}'." if quoted else f": --{name}"
            raise UsageError(f"Error: No such option {shown}".replace(" :", ":"), of_verb=True)
        elif equals or rest:
            value = value if equals else rest.pop(0)
            options[name] = f"{options[name]} {value}" if name in options else value
        else:
            raise UsageError(f"Error: Option '--{name}' requires an argument.", of_verb=True)
    return Arguments(positional, options)


def unknown_command(group: str, command: str) -> UsageError:
    """Return the refusal of a command that a group does not have."""
    program = f"defenseclaw {group}".rstrip()
    return UsageError(
        f"Usage: {program} [OPTIONS] COMMAND [ARGS]...\n"
        f"Try '{program} --help' for help.\n\nError: No such command '{command}'."
    )


def usage_of(verb: str, problem: UsageError) -> str:
    """Return the text of a refusal, with the usage of `verb` where it belongs to one."""
    if not problem.of_verb:
        return str(problem)
    program = f"defenseclaw {verb}"
    usage = f"Usage: {program} [OPTIONS] NAME\nTry '{program} --help' for help."
    return f"{usage}\n\n{problem}"
