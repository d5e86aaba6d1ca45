"""The rows of the policy's matrix: which decisions stand together, and whose things they concern.

Every final or relaxing decision is in a row for each situation that it can have. What only
restricts or only records is one row each: the policy answers all of those alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from approvals import registry
from approvals.registry import Stance

Situation = Literal["plain", "own", "others", "finding", "outpost"]
"""Nobody's in particular, the requester's own, another person's, requested by a finding, or at a
gateway whose outpost asks for proof of an approval."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Decisions that stand in one row, or in several where the policy's answers differ.

    Attributes:
        key: in the page's address.
        group: heading above the row.
        label: of the row.
        note: smaller, below the label.
        decisions: verbs, each with whose things it is about.
        stance: adds every registered verb of this stance.
        scanned: the target is a component, which may never have been scanned.
        only: the one severity at which it can occur; empty for any.
        outposts: a gateway's outpost demands a signed denial before it ends the hold.
    """

    key: str
    group: str
    label: str
    note: str
    decisions: tuple[tuple[str, Situation], ...] = ()
    stance: Stance | None = None
    scanned: bool = False
    only: str = ""
    outposts: bool = False

    def named(self) -> Iterator[tuple[str, Situation]]:
        """Its registered decisions, each with its situation."""
        for name in registry.names():
            if self.stance is not None and registry.get(name).stance == self.stance:
                yield name, "plain"
        for name, situation in self.decisions:
            if name in registry.names():
                yield name, situation


def _components(situation: Situation, *acts: str) -> tuple[tuple[str, Situation], ...]:
    kinds = ("skill", "mcp", "plugin", "tool")
    return tuple((f"{kind}.{act}", situation) for act in acts for kind in kinds)


_ANY: Final = "At any severity"
_COMPONENTS: Final = "Components"
_ACCESS: Final = "Accounts and access"
_PORTAL: Final = "The portal"
_RELAXING: Final = ("allow", "unblock", "release", "restore")

KINDS: Final = (
    Kind(
        "restrict",
        _ANY,
        "Hold, suspend, freeze, withdraw",
        "restricts access",
        stance=Stance.TIGHTEN,
    ),
    Kind(
        "record",
        _ANY,
        "Acknowledge, review, connect",
        "recorded; no rule applies",
        stance=Stance.RECORD,
    ),
    Kind(
        "block",
        _COMPONENTS,
        "Block a skill, server, plugin or tool",
        "stays until someone unblocks it",
        _components("plain", "block"),
        scanned=True,
        outposts=True,
    ),
    Kind(
        "block-found",
        _COMPONENTS,
        "Block, requested by a finding",
        "no person requests it",
        _components("finding", "block"),
        only="CRITICAL",
        outposts=True,
    ),
    Kind(
        "relax",
        _COMPONENTS,
        "Allow, unblock, release or restore a component",
        "relaxes what is in force",
        _components("plain", *_RELAXING),
        scanned=True,
    ),
    Kind(
        "relax-others",
        _COMPONENTS,
        "The same, where another person restricted it",
        "ends their hold or block",
        _components("others", *_RELAXING),
        scanned=True,
    ),
    Kind(
        "relax-outpost",
        _COMPONENTS,
        "The same, at a gateway with an outpost",
        "the outpost asks for proof",
        _components("outpost", *_RELAXING),
        scanned=True,
    ),
    Kind(
        "dismiss",
        _COMPONENTS,
        "Dismiss a finding",
        "ends no hold and no block",
        (("alert.dismiss", "plain"),),
    ),
    Kind(
        "manifest",
        _COMPONENTS,
        "Declare or remove a manifest",
        "immediate where nothing is gained",
        (("manifest.declare", "others"), ("manifest.remove", "others")),
    ),
    Kind(
        "revoke",
        _ACCESS,
        "Revoke another person’s access",
        "Auth0 is asked to delete it",
        (
            ("connection.revoke", "others"),
            ("selection.revoke", "others"),
            ("access.revoke", "others"),
        ),
    ),
    Kind(
        "resume",
        _ACCESS,
        "Resume or wake another person’s account",
        "agents get its tokens again",
        (("connection.resume", "others"), ("connection.wake", "others")),
    ),
    Kind(
        "unfreeze-others",
        _ACCESS,
        "Unfreeze or relax what another person set",
        "ends their freeze or limit",
        (
            ("agent.unfreeze", "others"),
            ("connection.unfreeze", "others"),
            ("person.unfreeze", "others"),
            ("connection.relax", "others"),
        ),
    ),
    Kind(
        "unfreeze",
        _ACCESS,
        "Unfreeze or relax what the requester set",
        "ends their own freeze or limit",
        (
            ("agent.unfreeze", "plain"),
            ("connection.unfreeze", "plain"),
            ("connection.relax", "plain"),
        ),
    ),
    Kind(
        "grant",
        _ACCESS,
        "Grant a component an extra permission",
        "for a limited time",
        (("scope.grant", "others"),),
    ),
    Kind(
        "open",
        _ACCESS,
        "Change which components get tokens",
        "on everyone’s accounts",
        (("scope.configure", "others"), ("component.configure", "others")),
    ),
    Kind(
        "own",
        _ACCESS,
        "Revoke or resume one’s own access",
        "nothing that others restricted",
        (
            ("connection.revoke", "own"),
            ("access.revoke", "own"),
            ("connection.resume", "own"),
            ("connection.wake", "own"),
            ("passkey.enrol", "own"),
        ),
    ),
    Kind(
        "wake",
        _ACCESS,
        "Wake one’s own idle account",
        "where its setting asks",
        (("connection.wake", "plain"),),
    ),
    Kind(
        "gateways",
        _PORTAL,
        "Gateway settings and outposts",
        "governs what gateways report",
        (
            ("gateway.configure", "plain"),
            ("outpost.enrol", "plain"),
            ("outpost.resume", "plain"),
            ("outpost.revoke", "plain"),
        ),
    ),
    Kind(
        "govern",
        _PORTAL,
        "Change this policy, erase data, lift a legal hold",
        "governs the portal",
        (
            ("policy.change", "plain"),
            ("subject.erase", "others"),
            ("legal_hold.lift", "others"),
            ("legal_hold.lift", "plain"),
        ),
    ),
    Kind(
        "access-end",
        _PORTAL,
        "Let a person’s access go on for longer",
        "an earlier end is immediate",
        (("person.set_access_end", "others"),),
    ),
    Kind(
        "passkeys",
        _PORTAL,
        "Let a passkey approve what others request",
        "for its owner’s own requests none is needed",
        (("passkey.enrol", "others"),),
    ),
)


def unlisted() -> list[str]:
    """Final and relaxing decisions that no row names, such as those of a newer app."""
    listed = {name for kind in KINDS for name, _ in kind.decisions}
    every = (registry.get(name) for name in registry.names())
    return [
        verb.name
        for verb in every
        if verb.stance in {Stance.FINAL, Stance.LOOSEN} and verb.name not in listed
    ]


def all_kinds() -> list[Kind]:
    """Every row's decisions, what no row names last."""
    rest = unlisted()
    found = [kind for kind in KINDS if any(True for _ in kind.named())]
    if rest:
        names: tuple[tuple[str, Situation], ...] = tuple((name, "plain") for name in rest)
        found.append(Kind("other", _PORTAL, "Other decisions", "final or relaxing", names))
    return found
