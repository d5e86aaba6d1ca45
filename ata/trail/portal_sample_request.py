"""A sample drawn in the portal: ask, wait for the tree that decides, check what came, keep it."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from ata.errors import AtaError, usage_error
from ata.output.safe_text import safe
from ata.verify.sample_files import left_out

if TYPE_CHECKING:
    from ata.output.screen import Screen
    from ata.portal.api_client import Portal
    from audit.ledger.query import EventQuery

PATH: Final = "/v1/audit/samples"
INTERVAL_S: Final = 1.0
_MEMBERS: Final = frozenset({"indices", "population", "undecided", "tree_size", "origin", "root"})


def draw_there(
    portal: Portal, screen: Screen, query: EventQuery, seed: str, size: int, output: Path | None
) -> None:
    """Ask for a sample and tell it, writing it to `output` as `--check` reads it.

    Raises:
        AtaError: the portal's code, `not_drawn`, `unexpected_answer`, or `cannot_write`.
    """
    filter = query.at("").dropping("order").to_params()
    body = portal.post(PATH, {"filter": filter, "size": size, "seed": seed}).body
    id = str(body.get("id") or "")
    screen.progress("Asked for, on record. The next signed tree draws it.", {"id": id})
    while body.get("status") == "waiting":
        time.sleep(INTERVAL_S)
        body = portal.get(f"{PATH}/{quote(id, safe='')}").body
    if body.get("status") != "drawn":
        raise AtaError(
            f"The sample {id} was not drawn: {body.get('status')}.",
            code="not_drawn",
            fix="Ask for another.",
        )
    file = _file(body)
    if output is not None:
        try:
            output.write_bytes(file)
        except OSError as error:
            raise AtaError(
                f"{output} cannot be written: {error.strerror}.", code="cannot_write"
            ) from error
    screen.result(body, *_said(body, output))


def writable(output: Path | None) -> None:
    """Refuse to replace a file: asked for once, a sample cannot be had again otherwise.

    Raises:
        AtaError: usage.
    """
    if output is not None and output.exists():
        raise usage_error(f"{output} exists already.", "Name another with --output.")


def _file(body: dict[str, Any]) -> bytes:
    from audit.ledger.format.canonical import canonical

    sample = body.get("sample")
    file = canonical(sample) + b"\n"
    known = isinstance(sample, dict) and sample.keys() >= _MEMBERS
    if not known or hashlib.sha256(file).hexdigest() != body.get("sha256"):
        raise AtaError(
            "The sample is not the one whose SHA-256 is on record.", code="unexpected_answer"
        )
    return file


def _said(body: dict[str, Any], output: Path | None) -> list[str]:
    sample = body["sample"]
    seed = "that the tree gives" if body.get("seed_of_tree") else safe(sample.get("seed"))
    said = [
        f"{len(sample['indices'])} of {sample['population']:,} events, by the seed {seed}.",
        f"Tree of {sample['tree_size']:,} entries of {safe(sample['origin'])}, "
        f"root {safe(sample['root'])}.",
        *left_out(sample),
    ]
    if others := body.get("others"):
        said.append(f"Other draws of this filter: {len(others)}.")
    for event in body.get("events", ()):
        names = ("index", "time", "action", "outcome", "event_id")
        said.append("  ".join(safe(event.get(name)) for name in names))
    said.append(f"On record as {safe(body.get('event_id'))}.")
    if output is not None:
        said.append(
            f"{safe(output)}: anyone can draw it again with `ata audit sample LOG --check`."
        )
    return said
