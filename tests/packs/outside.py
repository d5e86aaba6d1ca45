"""Others who saw the tree: a witness of the verifier's policy, and a time authority."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from audit import clock
from audit.ledger import cosignature, note, time_tokens
from audit.ledger.trust_policy import Policy, parse
from audit.models import Cosignature, TimeToken
from tests.audit.signed import newest_checkpoint
from tests.packs.act import log_policy
from tests.support.authority import Authority

WITNESS = note.new_key("witness.example/w")


def witnessed(folder: Path, settings: Any) -> Policy:
    """The newest tree is cosigned; returns the policy of portal and verifier alike."""
    head = newest_checkpoint()
    when = int(clock.now().timestamp())
    line = cosignature.sign(head.note, WITNESS.name, WITNESS.seed, when)
    Cosignature.objects.create(
        size=head.size,
        root=head.root,
        name=WITNESS.name,
        line=line.rstrip("\n"),
        created=clock.now(),
    )
    key = cosignature.vkey(WITNESS.name, note.public_key(WITNESS.seed))
    (folder / "policy").write_text(f"log {note.vkey(*_own())}\nwitness w {key}\nquorum w\n")
    settings.LEDGER_POLICY_FILE = folder / "policy"
    return parse((folder / "policy").read_text())


def _own() -> tuple[str, bytes]:
    (key,) = log_policy().logs
    return key.name, key.public_key


def timed(folder: Path, settings: Any) -> Authority:
    """The newest tree is stamped by an authority that the portal trusts."""
    head, office = newest_checkpoint(), Authority.make(folder / "authority")
    settings.TSA_CA_FILE = office.root_file
    response = office.answer(time_tokens.request(head.note).as_bytes())
    TimeToken.objects.create(
        size=head.size,
        root=head.root,
        authority="time.example",
        response=response,
        time=time_tokens.read(response, head.note),
        created=clock.now(),
    )
    return office
