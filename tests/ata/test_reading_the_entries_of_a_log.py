"""A witness that reads the entries as well, and names the one that is not what was signed."""

from __future__ import annotations

import json
import signal
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from ata.errors import AtaError
from ata.log import entry_bundle_check
from ata.log.cosigning_server import Witness
from ata.log.follower import Following, LogLies
from audit.ledger import merkle, note, tiles
from audit.ledger.format import entry
from tests.ata.ata_process import ACCESS_TOKEN, Ata
from tests.support.signed import sign_checkpoint

KEY = note.new_key("ata.example/log")
TRUSTED = [note.parse_vkey(KEY.vkey)]
_TIME = "2026-11-01T00:00:00.000000Z"


def made(number: int, **members: Any) -> bytes:
    fields = {"time": _TIME, "recorded_at": _TIME, "action": "skill.blocked", **members}
    return entry.build(fields, id=UUID(int=number)).entry


class Log:
    """A log over HTTP whose entries are for who sends the token of an auditor."""

    def __init__(self, size: int) -> None:
        self.entries = [made(n) for n in range(size)]
        self.shown: dict[str, bytes] = {}  # instead of the truth
        self.refuses = 0
        self.asked: list[str] = []
        self.url = ""

    def head(self) -> str:
        leaves = [merkle.leaf_hash(one) for one in self.entries]
        return sign_checkpoint(KEY.name, len(leaves), merkle.root(leaves), KEY.seed)

    def answer(self, path: str, token: str | None) -> tuple[int, bytes]:
        self.asked.append(path)
        if path in self.shown:
            return 200, self.shown[path]
        if path == "checkpoint":
            return 200, self.head().encode()
        name = tiles.parse_path(path)
        first = name.index * 256
        if name.level is None:
            if token != f"Bearer {ACCESS_TOKEN}":
                return 401, b'{"code": "token_missing", "detail": "Send a token."}'
            if self.refuses:
                return self.refuses, b'{"code": "not_permitted", "detail": "For auditors."}'
            return 200, tiles.write_bundle(self.entries[first : first + name.width])
        return 200, tiles.tile(self._read, name.level, name.index, len(self.entries), name.width)

    def _read(self, level: int, index: int) -> bytes:
        kept = self.entries[index * 256 : index * 256 + 256] if level == 0 else []
        return b"".join(map(merkle.leaf_hash, kept))

    def bundles_asked(self) -> list[str]:
        return [path for path in self.asked if path.startswith("tile/entries/")]


@pytest.fixture
def log() -> Iterator[Log]:
    made = Log(300)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.removeprefix("/log/")
            status, body = made.answer(path, self.headers.get("Authorization"))
            self.send_response(status)
            kind = "application/problem+json" if status >= 400 else "application/octet-stream"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}/log"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


def fetching(log: Log) -> Any:
    with_token = {"Authorization": f"Bearer {ACCESS_TOKEN}"}

    def fetch(path: str) -> bytes:
        answer = httpx.get(f"{log.url}/{path}", headers=with_token, trust_env=False)
        if answer.status_code != 200:
            raise AtaError("refused", code="not_permitted", fix="")
        return answer.content

    return fetch


def reading(log: Log, folder: Path) -> Following:
    return Following(log.url, folder, TRUSTED, fetching(log))


def test_every_entry_is_read_once_and_again_only_to_be_compared(log: Log, tmp_path: Path) -> None:
    one = reading(log, tmp_path)
    assert one.look().read == 300
    assert log.bundles_asked() == ["tile/entries/000", "tile/entries/001.p/44"]
    log.entries += [made(n) for n in range(300, 310)]
    log.asked.clear()
    again = reading(log, tmp_path)  # the first was killed
    seen = again.look()
    assert (seen.new, seen.read) == (10, 310)
    assert log.bundles_asked() == ["tile/entries/001.p/54"]
    again.look()
    assert log.bundles_asked()[1:] == ["tile/entries/000"]


def test_a_long_log_is_read_in_several_looks(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry_bundle_check, "AT_ONE_LOOK", 1)
    one = reading(log, tmp_path)
    witness = Witness(tmp_path, "w.example", TRUSTED, one)
    seen = one.look()
    assert (seen.read, seen.behind) == (256, True)
    assert json.loads((tmp_path / "followed.entries").read_text()) == {"entries": 256}
    log.entries += [made(n) for n in range(300, 700)]
    reply = witness.add_checkpoint(f"old 0\n\n{log.head()}".encode())
    assert (reply.status, reply.body) == (503, "512 of 700 entries are read here.\n")
    assert witness.add_checkpoint(f"old 0\n\n{log.head()}".encode()).status == 200


def lie(log: Log, how: str) -> None:
    if how == "an entry that was not signed":
        first = [*log.entries[256:290], made(7_000), *log.entries[291:]]
        log.shown["tile/entries/001.p/44"] = tiles.write_bundle(first)
    elif how == "what was signed is no entry":
        log.entries[290] = log.entries[290].replace(b'"action"', b'"Action"')
    elif how == "another spelling of one":
        log.entries[290] = log.entries[290].replace(b'":"', b'": "', 1)
    elif how == "one entry fewer":
        log.shown["tile/entries/001.p/44"] = tiles.write_bundle(log.entries[256:299])
    elif how == "half an entry":
        log.shown["tile/entries/001.p/44"] = tiles.write_bundle(log.entries[256:300])[:-1]


@pytest.mark.parametrize(
    ("how", "index", "said"),
    [
        ("an entry that was not signed", 290, "Entry 290 is not the one whose hash was signed"),
        ("what was signed is no entry", 290, "Entry 290 is none of ata.event.v1"),
        ("another spelling of one", 290, "not in canonical form"),
        ("one entry fewer", None, "has 43 entries, not 44"),
        ("half an entry", None, "ends inside an entry"),
    ],
)
def test_what_is_not_the_entry_that_was_signed_is_named_and_not_cosigned(
    log: Log, tmp_path: Path, how: str, index: int | None, said: str
) -> None:
    lie(log, how)
    Following(log.url, tmp_path / "hashes", TRUSTED).look()  # hashes alone do not show it
    one = reading(log, tmp_path)
    witness = Witness(tmp_path, "w.example", TRUSTED, one)
    with pytest.raises(LogLies, match=said) as caught:
        one.look()
    assert caught.value.index == index
    reply = witness.add_checkpoint(f"old 0\n\n{log.head()}".encode())
    assert reply.status == 422 and said in reply.body
    with pytest.raises(LogLies, match=said):
        reading(log, tmp_path).look()  # also after a restart


def test_an_entry_of_before_that_is_another_later_is_found_by_reading_again(
    log: Log, tmp_path: Path
) -> None:
    one = reading(log, tmp_path)
    one.look()
    log.shown["tile/entries/000"] = tiles.write_bundle(
        [*log.entries[:9], made(99), *log.entries[10:256]]
    )
    with pytest.raises(LogLies) as caught:
        one.look()
    assert caught.value.index == 9


def test_whoever_is_refused_the_entries_cosigns_nothing(log: Log, tmp_path: Path) -> None:
    one = reading(log, tmp_path)
    witness = Witness(tmp_path, "w.example", TRUSTED, one)
    log.refuses = 403
    assert witness.add_checkpoint(f"old 0\n\n{log.head()}".encode()).status == 503
    assert one.alarm is None  # no lie: it may not look
    log.refuses = 0
    assert witness.add_checkpoint(f"old 0\n\n{log.head()}".encode()).status == 200


def test_a_count_that_was_damaged_is_said(log: Log, tmp_path: Path) -> None:
    reading(log, tmp_path).look()
    (tmp_path / "followed.entries").write_text("{")
    with pytest.raises(AtaError, match="was damaged"):
        reading(log, tmp_path)
    (tmp_path / "followed.entries").write_text('{"entries": 900}')
    assert reading(log, tmp_path).look().read == 300


def command(log: Log, ata: Ata) -> tuple[str, ...]:
    ata.sign_in(portal=log.url.removesuffix("/log"))
    folder = str(ata.home / "w")
    return "witness", "--vkey", KEY.vkey, "--folder", folder, "--follow", log.url, "--entries"


def test_the_command_reads_with_the_token_of_the_session(log: Log, ata: Ata) -> None:
    asked = command(log, ata)
    told = ata(*asked, "--once", "--json")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == {"size": 300, "new": 300, "ok": True, "read": 300}
    log.entries += [made(n).replace(b'"action"', b'"Action"') for n in range(300, 310)]
    told = ata(*asked, "--once", "--json")
    assert told.returncode == 1
    assert json.loads(told.stdout)["index"] == 300


def test_the_token_goes_to_no_other_place_than_its_portal(log: Log, ata: Ata) -> None:
    asked = command(log, ata)
    ata.sign_in(portal="http://localhost:9")
    told = ata(*asked, "--once", "--json")
    assert told.returncode == 1 and "not to" in told.stderr + told.stdout
    assert not log.bundles_asked()
    assert ata("witness", "--vkey", KEY.vkey, "--entries").returncode == 2
    elsewhere = log.url.replace("/log", "/other")
    assert ata(*asked[:-2], elsewhere, "--entries", "--once").returncode == 2


def test_killed_between_two_bundles_it_goes_on_there(log: Log, ata: Ata) -> None:
    log.entries = [made(n) for n in range(60 * 256)]
    asked = command(log, ata)
    process = ata.start(*asked, "--port", "0", "--json")
    assert process.stdout
    process.stdout.readline()
    first = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert 0 < first["read"] < first["size"]
    log.asked.clear()
    told = ata(*asked, "--once", "--json")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout.splitlines()[-1])["read"] == 60 * 256
    read = set(log.bundles_asked())
    assert len(read) == len(log.bundles_asked()) <= 60 - first["read"] // 256


def test_a_proof_of_consistency_and_read_entries_are_both_asked_for(
    log: Log, tmp_path: Path
) -> None:
    one = reading(log, tmp_path)
    witness = Witness(tmp_path, "w.example", TRUSTED, one)
    witness.add_checkpoint(f"old 0\n\n{log.head()}".encode())
    leaves = [merkle.leaf_hash(one) for one in log.entries]
    log.entries.append(made(300))
    leaves.append(merkle.leaf_hash(log.entries[-1]))
    proof = merkle.consistency_proof(leaves, 300, 301)
    lines = "".join(f"{b64encode(hash).decode()}\n" for hash in proof)
    assert witness.add_checkpoint(f"old 300\n\n{log.head()}".encode()).status == 422
    assert witness.add_checkpoint(f"old 300\n{lines}\n{log.head()}".encode()).status == 200
