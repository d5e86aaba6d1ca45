"""A witness that fetches the log as it grows, computes each root, and names what changed."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ata.errors import AtaError
from ata.log.cosigning_server import Witness
from ata.log.follower import Following, LogLies, NotSeenYet
from audit.ledger import checkpoint, merkle, note, tiles
from audit.ledger.key_transitions import log_renames
from audit.ledger.key_transitions.log_renames import Tree
from tests.ata.ata_process import Ata
from tests.support.origin_statements import write_statement
from tests.support.signed import sign_checkpoint

KEY = note.new_key("ata.example/log")
TRUSTED = [note.parse_vkey(KEY.vkey)]


class Log:
    """A log over HTTP that shows whatever it is told to show."""

    def __init__(self, size: int) -> None:
        self.leaves = [merkle.leaf_hash(n.to_bytes(4)) for n in range(size)]
        self.shown: dict[str, bytes] = {}  # instead of the truth
        self.signed = ""
        self.asked: list[str] = []
        self.url = ""

    def grow(self, count: int) -> None:
        size = len(self.leaves)
        self.leaves += [merkle.leaf_hash(n.to_bytes(4)) for n in range(size, size + count)]

    def head(self, size: int | None = None) -> str:
        leaves = self.leaves[:size]
        return sign_checkpoint(KEY.name, len(leaves), merkle.root(leaves), KEY.seed)

    def answer(self, path: str) -> bytes:
        self.asked.append(path)
        if path in self.shown:
            return self.shown[path]
        if path == "checkpoint":
            return (self.signed or self.head()).encode()
        name = tiles.parse_path(path)
        assert name.level is not None
        return tiles.tile(self._read, name.level, name.index, len(self.leaves), name.width)

    def _read(self, level: int, index: int) -> bytes:
        return b"".join(self.leaves[index * 256 : index * 256 + 256]) if level == 0 else b""


@pytest.fixture
def log() -> Iterator[Log]:
    made = Log(300)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = made.answer(self.path.removeprefix("/log/"))
            self.send_response(200)
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


def following(log: Log, folder: Path) -> Following:
    return Following(log.url, folder, TRUSTED)


def test_it_grows_with_the_log_and_goes_on_where_it_was(log: Log, tmp_path: Path) -> None:
    one = following(log, tmp_path)
    assert one.look().new == 300
    assert one.look().new == 0
    log.grow(500)
    assert (one.look().size, one.root_at(300)) == (800, merkle.root(log.leaves[:300]))
    log.asked.clear()
    again = following(log, tmp_path)  # the first was killed
    assert again.size == 800 and again.root_at(800) == merkle.root(log.leaves)
    log.grow(1)
    assert again.look().new == 1
    assert [path for path in log.asked if path.startswith("tile/0/")][:1] == ["tile/0/003.p/33"]


def test_what_was_written_and_not_yet_signed_off_is_fetched_again(log: Log, tmp_path: Path) -> None:
    following(log, tmp_path).look()
    with (tmp_path / "followed.leaves").open("ab") as file:
        file.write(b"half of a ha")  # killed between the two files
    again = following(log, tmp_path)
    log.grow(3)
    assert again.look().size == 303
    assert following(log, tmp_path).size == 303
    (tmp_path / "followed.leaves").write_bytes(bytes(303 * 32))
    with pytest.raises(AtaError, match="was damaged"):
        following(log, tmp_path)


def changed(log: Log, index: int) -> None:
    log.leaves[index] = merkle.leaf_hash(b"another")


def lie(log: Log, how: str) -> None:
    if how == "a leaf changed and everything was signed again":
        changed(log, 290)
    elif how == "a leaf changed and the log grew":
        changed(log, 290)
        log.grow(5)
    elif how == "a partial tile lies":
        log.shown["tile/0/001.p/49"] = bytes(49 * 32)
        log.grow(5)
    elif how == "a new leaf is not the one signed":
        log.signed = log.head()
        log.grow(5)
        log.signed = log.head()
        changed(log, 302)
    elif how == "the log is shorter":
        log.signed = log.head(299)
    elif how == "a tile is cut short":
        log.grow(5)
        log.shown["tile/0/001.p/49"] = b"\0" * 31


@pytest.mark.parametrize(
    ("how", "index", "said"),
    [
        ("a leaf changed and everything was signed again", None, "two roots for 300"),
        ("a leaf changed and the log grew", 290, "Entry 290 is another than it was"),
        ("a partial tile lies", 256, "Entry 256"),
        ("a new leaf is not the one signed", 300, "one from 300 to 304"),
        ("the log is shorter", None, "now it shows 299"),
        ("a tile is cut short", None, "has 31 bytes"),
    ],
)
def test_a_lie_is_named_kept_and_cosigned_no_more(
    log: Log, tmp_path: Path, how: str, index: int | None, said: str
) -> None:
    one = following(log, tmp_path)
    one.look()
    witness = Witness(tmp_path, "w.example", TRUSTED, one)
    lie(log, how)
    with pytest.raises(LogLies, match=said) as caught:
        one.look()
    assert caught.value.index == index
    honest = Log(300)
    reply = witness.add_checkpoint(f"old 0\n\n{honest.head()}".encode())
    assert reply.status == 422 and said in reply.body
    with pytest.raises(LogLies, match=said):
        following(log, tmp_path).look()  # also after a restart
    (tmp_path / "alarm.json").unlink()  # somebody found out why
    log.shown.clear()
    log.leaves, log.signed = honest.leaves, ""
    assert following(log, tmp_path).look().new == 0


@pytest.mark.parametrize(
    ("tile", "index"), [("tile/0/000", 7), ("tile/0/001.p/44", 256 + 7), ("tile/1/000.p/1", 0)]
)
def test_a_tile_of_the_past_that_lies_later_is_found_by_comparing_again(
    log: Log, tmp_path: Path, tile: str, index: int
) -> None:
    one = following(log, tmp_path)
    one.look()
    body = bytearray(log.answer(tile))
    body[(index % 256) * 32] ^= 1
    log.shown[tile] = bytes(body)
    with pytest.raises(LogLies) as caught:
        for _ in range(3):  # one tile at each look
            one.look()
    assert caught.value.index == index


def test_a_witness_cosigns_only_what_it_has_computed(log: Log, tmp_path: Path) -> None:
    one = following(log, tmp_path)
    witness = Witness(tmp_path, "w.example", TRUSTED, one)
    assert witness.add_checkpoint(f"old 0\n\n{log.head()}".encode()).status == 200
    assert one.size == 300  # fetched because it was asked
    ahead = Log(400)
    proof = merkle.consistency_proof(ahead.leaves, 300, 400)
    lines = "".join(f"{b64encode(hash).decode()}\n" for hash in proof)
    body = f"old 300\n{lines}\n{ahead.head()}".encode()
    reply = witness.add_checkpoint(body)
    assert (reply.status, reply.body) == (503, "300 of 400 entries are computed here.\n")
    log.grow(100)
    assert witness.add_checkpoint(body).status == 200
    log.shown["checkpoint"] = b"nonsense"
    with pytest.raises(AtaError, match="is not signed by a log that is trusted"):
        one.look()
    with pytest.raises(NotSeenYet):
        one.confirm(checkpoint.Checkpoint(KEY.name, 401, bytes(32)))


def test_the_command_looks_once_and_says_what_it_found(log: Log, ata: Ata, tmp_path: Path) -> None:
    command = ("witness", "--vkey", KEY.vkey, "--folder", str(tmp_path / "w"), "--follow", log.url)
    told = ata(*command, "--once", "--json")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == {"size": 300, "new": 300, "ok": True}
    lie(log, "a leaf changed and the log grew")
    told = ata(*command, "--once", "--json")
    assert told.returncode == 1
    assert json.loads(told.stdout)["index"] == 290
    assert "ALARM: Entry 290" in ata(*command, "--once").stdout
    assert ata("witness", "--vkey", KEY.vkey, "--once").returncode == 2


# The log goes on under another name

NEXT = note.new_key("ata.example/again")


def tree(leaves: list[bytes]) -> Tree:
    return Tree(len(leaves), merkle.root(leaves))


def goes_on(log: Log, kept: int, last: Tree, *, held: bool = False) -> log_renames.Trail:
    """The log came back with so many entries and says so; what follows is other than it was."""
    log.leaves = log.leaves[:kept]
    statement = write_statement(
        (KEY.name, NEXT.name),
        tree(log.leaves),
        last,
        ([KEY.vkey], [NEXT.vkey]),
        {KEY.vkey: KEY.seed, NEXT.vkey: NEXT.seed},
        held=held,
    )
    log.leaves += [merkle.leaf_hash(b"after" + bytes([n])) for n in range(5)]
    made = tree(log.leaves)
    log.signed = sign_checkpoint(NEXT.name, made.size, made.root, NEXT.seed)
    log.shown["keys"] = json.dumps({"statements": [statement]}).encode()
    return log_renames.trail([statement], [KEY.vkey])


def test_a_new_name_is_not_followed_until_somebody_says_so(log: Log, tmp_path: Path) -> None:
    follower = following(log, tmp_path)
    assert follower.look().size == 300
    trail = goes_on(log, 280, tree(log.leaves))
    with pytest.raises(AtaError, match=r"280 entries; 300 .* the last 20 .* LOST") as refused:
        follower.look()
    assert refused.value.code == "other_name" and "--key-history" in refused.value.fix
    assert following(log, tmp_path).origin == KEY.name  # nothing of it was taken over
    log.shown["keys"] = b"[]"
    with pytest.raises(AtaError, match="not signed by a log that is trusted"):
        follower.look()

    told = Following(log.url, tmp_path, trail.keys, moves=trail.moves)
    head = checkpoint.parse(note.parse(log.signed).text)
    told.confirm(head)  # computed first, for it is the log that is followed
    assert (told.origin, told.size) == (NEXT.name, 285)
    (aside,) = tmp_path.glob("before.*.note")
    assert checkpoint.verify(aside.read_text(), TRUSTED).size == 300
    log.leaves.append(merkle.leaf_hash(b"more"))
    made = tree(log.leaves)
    log.signed = sign_checkpoint(NEXT.name, made.size, made.root, NEXT.seed)
    again = Following(log.url, tmp_path, trail.keys, moves=trail.moves)
    assert (again.look().size, again.origin) == (286, NEXT.name)


def test_a_new_name_that_hides_or_changes_what_was_seen_is_a_lie(log: Log, tmp_path: Path) -> None:
    following(log, tmp_path / "one").look()
    following(log, tmp_path / "two").look()
    trail = goes_on(log, 280, tree(log.leaves[:280]), held=True)
    hiding = Following(log.url, tmp_path / "one", trail.keys, moves=trail.moves)
    with pytest.raises(LogLies, match=r"300 entries were seen .* only 280 had been signed"):
        hiding.look()
    assert json.loads((tmp_path / "one" / "alarm.json").read_text())["index"] is None
    log.leaves[7:285] = [merkle.leaf_hash(b"another"), *log.leaves[8:280]]
    trail = goes_on(log, 280, Tree(310, bytes(32)))
    other = Following(log.url, tmp_path / "two", trail.keys, moves=trail.moves)
    with pytest.raises(LogLies, match="does not go on with the first 280 entries"):
        other.look()


def test_a_log_that_goes_on_from_another_copy_is_computed_anew(log: Log, tmp_path: Path) -> None:
    following(log, tmp_path).look()
    last = tree(log.leaves)
    log.leaves[290:] = [merkle.leaf_hash(b"copy" + bytes([n])) for n in range(20)]
    trail = goes_on(log, 310, last)
    told = Following(log.url, tmp_path, trail.keys, moves=trail.moves)
    assert told.look().size == 315 and told.origin == NEXT.name


def test_a_witness_refuses_a_name_that_contradicts_what_it_cosigned(
    log: Log, tmp_path: Path
) -> None:
    def offered(signed: str) -> bytes:
        return f"old 0\n\n{signed}".encode()

    signed = log.head()
    one = Witness(tmp_path / "w", "w.example", TRUSTED)
    assert one.add_checkpoint(offered(signed)).status == 200
    hiding = goes_on(log, 280, tree(log.leaves[:290]))
    assert one.add_checkpoint(offered(log.signed)).status == 404  # nobody told it
    one.close()
    told = Witness(tmp_path / "w", "w.example", hiding.keys, moves=hiding.moves)
    reply = told.add_checkpoint(offered(log.signed))
    assert reply.status == 422 and "it hides what was lost" in reply.body
    told.close()
    honest = goes_on(log, 280, checkpoint_tree(signed))
    told = Witness(tmp_path / "w", "w.example", honest.keys, moves=honest.moves)
    assert told.add_checkpoint(offered(log.signed)).status == 200
    told.close()


def checkpoint_tree(signed: str) -> Tree:
    head = checkpoint.parse(note.parse(signed).text)
    return Tree(head.size, head.root)
