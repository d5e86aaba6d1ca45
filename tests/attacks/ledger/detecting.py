"""Who finds an attack: each says what is wrong in sentences, and nothing of an honest log."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from typer.testing import CliRunner

from ata.cli import app
from audit.keys import keyring
from audit.keys.log_identity import LedgerIdentityError
from audit.sequencing import sequencer
from audit.sequencing.sequencer import SequencerStopped
from tests.attacks.ledger.world import World, undone
from tests.attacks.tamper.verifying import verified


@dataclass(frozen=True, slots=True)
class Detector:
    """Somebody who looks.

    Attributes:
        name: as the table says it.
        finds: the objections, one sentence each.
    """

    name: str
    finds: Callable[[World], list[str]]


def _verify_ledger(world: World) -> list[str]:
    return [f"{code} at {index}: {message}" for (code, index), message in verified().items()]


def _sequencer(world: World) -> list[str]:
    with undone():
        try:
            sequencer.run_once()
        except SequencerStopped as stopped:
            return [f"{stopped.code}: {stopped}"]
        except LedgerIdentityError as error:
            return [f"identity: {error}"]
    return []


def _witness(world: World) -> list[str]:
    return world.offer()


def ata_verify(world: World, *arguments: str) -> list[str]:
    """What `ata verify` objects, with the files of the auditor's desk (`@name`)."""
    named = [str(world.desk / one[1:]) if one.startswith("@") else one for one in arguments]
    told = CliRunner().invoke(app, ["verify", *named])
    if told.exit_code == 0:
        assert "NOT verified" not in told.output
        return []
    assert told.exit_code == 1, told.output
    return [line for line in told.output.splitlines() if "✗" in line]


def _since(world: World) -> list[str]:
    with undone():  # the taking is an event too
        world.take_log()
    return ata_verify(world, "@log.ndjson", "--vkey", "@log.key", "--since", "@kept.note")


def _followed(world: World) -> list[str]:
    with undone():
        world.take_log()
    told = {"statements": list(keyring.load().statements)}
    (world.desk / "keys.json").write_text(json.dumps(told))
    history = ("--key-history", "@keys.json", "--since", "@kept.note")
    return ata_verify(world, "@log.ndjson", "--vkey", "@log.key", *history)


def _stamped(world: World) -> list[str]:
    with undone():
        world.take_log()
    time = ("--time-token", "@token.tsr", "--tsa-ca", "@ca.pem", "--since", "@stamped.note")
    return ata_verify(world, "@log.ndjson", "--vkey", "@log.key", *time)


def _papers(*arguments: str) -> Callable[[World], list[str]]:
    return lambda world: ata_verify(world, *arguments)


VERIFY = Detector("`verify_ledger`", _verify_ledger)
STATE = Detector("the last-signed state", _sequencer)
KEY = Detector("the log's own key and name", _sequencer)
WITNESS = Detector("a witness", _witness)
KEPT = Detector("who kept a checkpoint (`ata verify LOG --since`)", _since)
FOLLOWED = Detector(
    "who kept a checkpoint and follows the keys (`ata verify LOG --since --key-history`)", _followed
)
TIMED = Detector("who kept a time token (`ata verify LOG --since --time-token`)", _stamped)
PACK = Detector(
    "`ata verify PACK`",
    _papers("@pack.zip", "--policy", "@policy", "--issuer-keys", "@jwks.json"),
)
PROOF = Detector(
    "`ata verify PROOF`",
    _papers("@event.tlog-proof", "--entry", "@event.entry", "--policy", "@policy"),
)
EXPORT = Detector(
    "`ata verify MANIFEST FILE --entries`",
    _papers(
        "@acts.ndjson.manifest.json", "@acts.ndjson", "--vkey", "@log.key", "--entries", "@acts.log"
    ),
)
LOG = Detector(
    "`ata verify LOG`", _papers("@log.ndjson", "--policy", "@policy", "--since", "@kept.note")
)
TOKEN = Detector(
    "`ata verify LOG --time-token`",
    _papers(
        "@log.ndjson", "--vkey", "@log.key", "--since", "@stamped.note",
        "--time-token", "@token.tsr", "--tsa-ca", "@ca.pem",
    ),
)  # fmt: skip
