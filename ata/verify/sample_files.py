"""Samples of a log as a file: drawn here, or drawn again by `ata verify`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ata.errors import AtaError, usage_error
from ata.output.safe_text import safe
from ata.output.screen import Screen, paint
from ata.verify.evidence_file_grouping import read_file

if TYPE_CHECKING:
    from audit.ledger.offline.samples import Sample
    from audit.ledger.query import EventQuery
    from audit.ledger.trust_policy import Policy

_LONGEST: Final = 1_000_000  # bytes


def is_sample(path: Path) -> bool:
    """Whether a file is a sample of a log."""
    from audit.ledger.offline.samples import SCHEMA, SCHEMA_1

    try:
        if not path.is_file() or path.stat().st_size > _LONGEST:
            return False
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("schema") in (SCHEMA, SCHEMA_1)


def draw_from(
    log: Path, trust: Policy, query: EventQuery, seed: str, size: int, *schema: str
) -> Sample:
    """Draw a sample of the log.

    Raises:
        AtaError: usage, where it cannot be read or this is no sample; `not_verified`, where it is
            not the log that was signed.
    """
    from audit.ledger.format.canonical import EntryError
    from audit.ledger.offline.log_file import EntriesError, EntriesFile
    from audit.ledger.offline.samples import SampleError, draw

    try:
        with log.open("rb") as lines:
            return draw(EntriesFile(lines, trust.logs), query, seed, size, *schema)
    except SampleError as error:
        raise usage_error(f"No sample: {error}.") from error
    except (EntriesError, EntryError) as error:
        raise AtaError(
            f"{log} is not the log that was signed: {error}.", code="not_verified"
        ) from error
    except OSError as error:
        raise usage_error(f"{log} cannot be read: {error.strerror}.") from error


def verify_sample(screen: Screen, path: Path, log: Path, trust: Policy) -> bool:
    """Draw a sample again and say what differs; returns whether nothing does.

    Raises:
        AtaError: as `draw_from`, and usage where it is no sample.
    """
    from audit.ledger.format.canonical import parsed
    from audit.ledger.offline.samples import SampleError, differences, parameters

    try:
        document: Any = parsed(read_file(path))
        query, seed, size, schema = parameters(document)
    except (ValueError, RecursionError) as error:
        why = error if isinstance(error, SampleError) else "it is no JSON"
        raise usage_error(f"{path} cannot be used: {why}.") from None
    again = draw_from(log, trust, query, seed, size, schema)
    wrong = differences(document, again)
    said = (
        f"{paint('✗', 'red')} Drawn again, the sample differs in {safe(', '.join(wrong))}."
        if wrong
        else f"{_mark(again)} Drawn again from the log: the same {len(again.indices)}."
    )
    tree = again.draw.seed_of_tree
    value = {"ok": not wrong, "differs": wrong, "seed_of_tree": tree, "sample": again.to_dict()}
    value["hidden"] = again.hidden
    screen.result(value, said, *_drawn_from(again), _seed_of(again), *_limits(again))
    return not wrong


def _mark(drawn: Sample) -> str:
    open_ = drawn.hidden or drawn.undecided or _is_first_format(drawn)
    return paint("!", "yellow") if open_ else paint("✓", "green")


def _is_first_format(drawn: Sample) -> bool:
    from audit.ledger.offline.samples import SCHEMA_1

    return drawn.draw.schema == SCHEMA_1


def _drawn_from(drawn: Sample) -> list[str]:
    """The tree, and which of its events the draw was among, by its filter."""
    from audit.ledger.query import EventQuery

    draw = drawn.draw
    words = EventQuery.from_params(draw.filter).in_words().removesuffix(", newest first")
    among = f"{drawn.population:,} of its {draw.tree_size:,} entries"
    return [
        f"Tree of {draw.tree_size:,} entries of {safe(draw.origin)}, root {draw.root.hex()}.",
        f"Drawn from {among}: {safe(words[:1].lower() + words[1:])}.",
    ]


def _seed_of(drawn: Sample) -> str:
    if drawn.draw.seed_of_tree:
        return (
            "No one chose the seed: the tree and the filter give it. Only a request for the sample "
            "in the log, from before the tree was signed, shows that no one tried other filters or "
            "trees."
        )
    return f"Someone chose the seed: “{safe(drawn.draw.seed)}”."


def _limits(drawn: Sample) -> list[str]:
    said = [*hidden_of(drawn), *left_out(drawn.to_dict())]
    if _is_first_format(drawn):
        said.append(
            "Drawn by the first format, which takes single events: a person who made many of them "
            "fills it. Draw again for one that takes turns over people, gateways and systems."
        )
    return said


def hidden_of(drawn: Sample) -> list[str]:
    """How many events took turns without a known account; empty when none did."""
    if not drawn.hidden:
        return []
    return [
        f"{drawn.hidden:,} of {drawn.population:,} events are of accounts that are erased or "
        "withheld in this log. They were drawn as if one account had made them, so fewer of them "
        "may be in the sample."
    ]


def describe_sample(drawn: Sample) -> list[str]:
    """What was drawn, by whom, of what tree, what was left out, and the events."""
    draw = drawn.draw
    said = [
        f"{len(drawn.indices)} of {drawn.population:,} events, by the seed {safe(draw.seed)}.",
        *_drawn_from(drawn),
        *_limits(drawn),
    ]
    for index in drawn.indices:
        event = drawn.events[index]
        said.append(
            "  ".join(safe(event[name]) for name in ("index", "time", "action", "outcome", "id"))
        )
    return said


def left_out(sample: dict[str, Any]) -> list[str]:
    """What a sample left out, and what nobody can tell of it."""
    drawn, said = len(sample["indices"]), []
    if out := sample["population"] - drawn:
        said.append(f"Left out by the draw: {out:,} of them.")
    if reporters := sample.get("reporters"):
        many = "person, gateway or system" if reporters == 1 else "people, gateways or systems"
        least = f"; nothing of {out:,} of them" if (out := reporters - drawn) > 0 else ""
        said.append(f"Reported by {reporters:,} {many}, {sample['most']:,} at most by one{least}.")
    if sample["undecided"]:
        said.append(
            f"{sample['undecided']:,} more may belong to them: values that the filter asks about "
            "are erased or withheld."
        )
    return said
