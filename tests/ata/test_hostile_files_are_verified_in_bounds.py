"""A hostile file of up to 64 MB costs `ata verify` at most 256 MiB and 30 seconds."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Final

import pytest

from audit.ledger import note
from audit.ledger.packs import archive

MIB: Final = 2**20
KEY: Final = note.new_key("ata.example/log").vkey
MOST_KIB: Final = 256 * 1024
MOST_S: Final = 30
_MEASURED: Final = (
    "import resource, subprocess, sys\n"
    f"resource.setrlimit(resource.RLIMIT_CPU, ({MOST_S + 1}, {MOST_S + 2}))\n"
    "done = subprocess.run(sys.argv[1:], capture_output=True)\n"
    "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
    "print(done.returncode, used.ru_maxrss, used.ru_utime + used.ru_stime)\n"
    "print(done.stderr.decode()[-500:])"
)


def _bomb(into: Path, members: int = 30) -> None:
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as made:
        for number in range(members):
            made.writestr(f"{number}.json", b"\0" * (64 * MIB))


def _nested(into: Path) -> None:
    inner = BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a.json", b"\0" * (60 * MIB))
    with zipfile.ZipFile(into, "w") as made:
        for number in range(20):
            made.writestr(f"{number}.zip", inner.getvalue())


def _pack_of_zeros(into: Path) -> None:
    name = f"evidence/{'0' * 64}.assertion"
    manifest = b'{"schema":"ata.pack.v1"}'
    members = {archive.MANIFEST: manifest, archive.SIGNATURE: b"x", name: bytes(63 * MIB)}
    into.write_bytes(archive.archive(members))


def _pack_with_a_large_manifest(into: Path) -> None:
    manifest = b'{"schema":"ata.pack.v1","members":[' + b"[]," * (20 * MIB) + b"[]]}"
    into.write_bytes(archive.archive({archive.MANIFEST: manifest, archive.SIGNATURE: b"x"}))


def _pack_of_many(into: Path) -> None:
    def heads() -> Iterator[bytes]:
        for number in range(300_000):
            members = {archive.event_name(number, "entry"): b""}
            yield b"".join(islice(archive._pieces(members), 3))

    first = {archive.MANIFEST: b'{"schema":"ata.pack.v1"}', archive.SIGNATURE: b"x"}
    into.write_bytes(b"".join(islice(archive._pieces(first), 6)) + b"".join(heads()))


def _json(into: Path) -> None:
    into.write_bytes(b'{"openings":[' + b"[]," * (20 * MIB) + b"[]]}")


def _many_proofs(into: Path) -> None:
    with zipfile.ZipFile(into, "w") as made:
        for number in range(4_990):
            made.writestr(f"{number}.tlog-proof", b"c2sp.org/tlog-proof@v1\nindex 0\n")
            made.writestr(f"{number}.entry", b'{"schema":"x","salt":"y"}')


def _nested_deeply(into: Path) -> None:
    body = b"{}"
    for _ in range(600):
        buffer = BytesIO()
        with zipfile.ZipFile(buffer, "w") as made:
            made.writestr("a.zip", body)
        body = buffer.getvalue()
    into.write_bytes(body)


def _member_longer_than_it_says(into: Path) -> None:
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as made:
        with made.open("a.json", "w") as member:
            for _ in range(1024):
                member.write(bytes(MIB))
        made.filelist[0].file_size = 10


def _directory(into: Path, name: bytes) -> None:
    """An archive of as many rows as fit, and of nothing else."""
    fields = (20, 20, 0, 0, 0, 0x21, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0)
    row = archive._CENTRAL.pack(b"PK\1\2", *fields) + name
    count = 60 * MIB // len(row)
    end = archive._END.pack(b"PK\5\6", 0, 0, 0xFFFE, 0xFFFE, count * len(row), 0, 0)
    into.write_bytes(row * count + end)


def _long_names(into: Path) -> None:
    _directory(into, b"\x82" * 65_000)


def _many_members(into: Path) -> None:
    _directory(into, b"a")


def _cut_member(into: Path) -> None:
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a.json", b"some text that is packed")
    body = bytearray(into.read_bytes())
    body[36:40] = b"\xff\xff\xff\xff"
    into.write_bytes(bytes(body))


FILES: Final[dict[str, Callable[[Path], None]]] = {
    "30 x 64 MiB packed": _bomb,
    "archives in an archive": _nested,
    "a pack of zeros": _pack_of_zeros,
    "a pack with a manifest of 60 MB": _pack_with_a_large_manifest,
    "a pack of 300,000 members": _pack_of_many,
    "60 MB of JSON": _json,
    "many proofs": _many_proofs,
    "600 archives in one another": _nested_deeply,
    "a member longer than it says": _member_longer_than_it_says,
    "long names": _long_names,
    "1,300,000 members of no bytes": _many_members,
    "a member that cannot be unpacked": _cut_member,
}


@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_a_hostile_file_is_refused_within_bounds(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "hostile.zip"
    make(path)
    _assert_refused_within_bounds(path, tmp_path)


def test_an_archive_is_not_unpacked_to_whatever_it_says(tmp_path: Path) -> None:
    path = tmp_path / "hostile.zip"
    _bomb(path, members=5)  # more than the bound of memory, and soon unpacked without one
    _assert_refused_within_bounds(path, tmp_path)


def _assert_refused_within_bounds(path: Path, home: Path) -> None:
    assert path.stat().st_size < 64 * MIB
    command = [sys.executable, "-m", "ata", "verify", "--vkey", KEY, str(path)]
    measured = subprocess.run(
        [sys.executable, "-c", _MEASURED, *command],
        capture_output=True, text=True, check=True, env=os.environ | {"HOME": str(home)},
    )  # fmt: skip
    numbers, _, words = measured.stdout.partition("\n")
    code, memory, seconds = numbers.split()
    assert "Traceback" not in words and code != "0"
    assert int(memory) <= MOST_KIB, words
    assert float(seconds) <= MOST_S, words
