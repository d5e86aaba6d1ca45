"""Ways to bend a pack, with the one check that has to name each."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from audit.keys import log_identity
from audit.ledger.format.canonical import canonical
from audit.ledger.packs import archive

ARCHIVE, MANIFEST = archive.ARCHIVE_CHECK, archive.MANIFEST_CHECK
MEMBERS, SIGNED = archive.MEMBERS_CHECK, archive.SIGNED_CHECK
type Members = dict[str, bytes]


def members_of(body: bytes) -> Members:
    """All members with manifest and signature, in order."""
    with ZipFile(BytesIO(body)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def rezipped(body: bytes, change: Callable[[Members], Members]) -> bytes:
    """The pack with other members, in the spelling of a pack."""
    return archive.archive(change(members_of(body)))


def resigned(body: bytes, change: Callable[[Members], Members]) -> bytes:
    """The pack with other members and a new manifest, signed by the log's own key."""
    held = change(members_of(body))
    manifest = json.loads(held.pop(archive.MANIFEST))
    held.pop(archive.SIGNATURE)
    about = {key: manifest[key] for key in ("tree", "about", "words", "withheld", "build")}
    entries_of = {one["name"]: one["entries"] for one in manifest["members"]}
    return archive.write(held, about, entries_of, log_identity.origin(), log_identity.seed())


def by_zipfile(body: bytes, **other: object) -> bytes:
    """The same members as another program would write them."""
    buffer = BytesIO()
    with ZipFile(buffer, "w") as opened:
        for name, content in members_of(body).items():
            info = ZipInfo(name, other.get("date_time", (1980, 1, 1, 0, 0, 0)))  # type: ignore[arg-type]
            info.extra = other.get("extra", b"")  # type: ignore[assignment]
            opened.writestr(info, content, other.get("method", ZIP_STORED))  # type: ignore[arg-type]
    return buffer.getvalue()


def with_manifest(body: bytes, change: Callable[[dict[str, object]], object]) -> bytes:
    """The pack with another manifest under the old signature."""
    held = members_of(body)
    manifest = json.loads(held[archive.MANIFEST])
    change(manifest)
    return archive.archive(held | {archive.MANIFEST: canonical(manifest)})


def _swapped(held: Members) -> Members:
    names = list(held)
    names[2], names[3] = names[3], names[2]
    return {name: held[name] for name in names}


def _twice(body: bytes) -> bytes:
    """A member twice, in both places that name it."""
    again = archive.archive({"README.txt": b"another"})
    (directory,) = struct.unpack_from("<I", body, len(body) - 6)
    return body[:directory] + again[: again.index(b"PK\1\2")] + body[directory:]


def _changed(name: str, old: bytes, new: bytes) -> Callable[[Members], Members]:
    def change(held: Members) -> Members:
        assert old in held[name], name
        return held | {name: held[name].replace(old, new, 1)}

    return change


def _twice_opened(held: Members) -> bytes:
    document = json.loads(held["events/000000000003.openings.json"])
    document["openings"].append(document["openings"][0])
    return canonical(document)


BENDS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "compressed": (lambda body: by_zipfile(body, method=ZIP_DEFLATED), ARCHIVE),
    "written by another program": (by_zipfile, ARCHIVE),
    "another date": (lambda body: by_zipfile(body, date_time=(2026, 1, 1, 0, 0, 0)), ARCHIVE),
    "an extra field": (lambda body: by_zipfile(body, extra=b"\x99\x99\0\0"), ARCHIVE),
    "bytes after its end": (lambda body: body + b"\0", ARCHIVE),
    "bytes before its beginning": (lambda body: b"\0" + body, ARCHIVE),
    "cut short": (lambda body: body[:-1], ARCHIVE),
    "cut in the middle": (lambda body: body[: len(body) // 2], ARCHIVE),
    "a comment": (lambda body: body[:-2] + b"\4\0note", ARCHIVE),
    "a member twice": (_twice, ARCHIVE),
    "a member that no pack has": (
        lambda body: rezipped(body, lambda held: held | {"more.txt": b""}),
        ARCHIVE,
    ),
    "no manifest": (
        lambda body: rezipped(body, lambda held: dict(list(held.items())[1:])),
        ARCHIVE,
    ),
    "a manifest that is no JSON": (
        lambda body: rezipped(body, lambda held: held | {archive.MANIFEST: b"ata.pack.v1"}),
        MANIFEST,
    ),
    "a manifest in another spelling": (
        lambda body: rezipped(
            body, lambda held: held | {archive.MANIFEST: held[archive.MANIFEST] + b"\n"}
        ),
        MANIFEST,
    ),
    "a manifest with more in it": (
        lambda body: with_manifest(body, lambda manifest: manifest.update(more=1)),
        MANIFEST,
    ),
    "another sentence in the manifest": (
        lambda body: with_manifest(body, lambda manifest: manifest.update(words="All is well.")),
        SIGNED,
    ),
    "a member missing": (
        lambda body: rezipped(
            body, lambda held: {name: held[name] for name in held if name != "log/vkey"}
        ),
        MEMBERS,
    ),
    "a member added": (
        lambda body: rezipped(
            body,
            lambda held: {
                name: held.get(name, b"{}")
                for name in [
                    *list(held)[:2],
                    *archive.sorted_names([*list(held)[2:], "events/000000000000.entry"]),
                ]
            },
        ),
        MEMBERS,
    ),
    "members in another order": (lambda body: rezipped(body, _swapped), MEMBERS),
    "an entry changed": (
        lambda body: rezipped(
            body, _changed("events/000000000003.entry", b"CRITICAL", b"LOWLYLOW")
        ),
        MEMBERS,
    ),
    "another signature": (
        lambda body: rezipped(
            body,
            lambda held: held | {archive.SIGNATURE: held["log/checkpoint"]},
        ),
        SIGNED,
    ),
}
"""How -> (what is done to a pack, the check that names it)."""


FORGED: dict[str, tuple[Callable[[Members], Members], str]] = {
    "an entry changed": (
        _changed("events/000000000003.entry", b"CRITICAL", b"LOWLYLOW"),
        "The entry is well formed",
    ),
    "an evidence that is no reference": (
        _changed("events/000000000003.entry", b'{"digest":"', b'{"digest":"X'),
        "The entry is well formed",
    ),
    "an outcome changed": (
        _changed("events/000000000003.entry", b'"outcome":"success"', b'"outcome":"failure"'),
        "The entry is in that tree",
    ),
    "a value changed": (
        _changed("events/000000000003.openings.json", b"exfiltrates", b"Exfiltrates"),
        "The openings match the entry",
    ),
    "an entry that is another object": (
        lambda held: held | {"events/000000000003.entry": b'{"evidence":5}'},
        "The entry is well formed",
    ),
    "an entry that is no text": (
        lambda held: held | {"events/000000000003.entry": b"\xff\xfe{\0}\0"},
        "The entry is well formed",
    ),
    "openings in another spelling": (
        _changed("events/000000000003.openings.json", b'{"openings"', b'{ "openings"'),
        "The openings match the entry",
    ),
    "openings that are no list": (
        lambda held: held | {"events/000000000003.openings.json": b'{"openings":7}'},
        "The openings match the entry",
    ),
    "a field opened twice": (
        lambda held: held | {"events/000000000003.openings.json": _twice_opened(held)},
        "The openings match the entry",
    ),
    "a proof of another entry": (
        lambda held: (
            held | {"events/000000000003.tlog-proof": held["events/000000000002.tlog-proof"]}
        ),
        "The entry is in that tree",
    ),
    "a proof that is none": (
        lambda held: (
            held | {"events/000000000003.tlog-proof": b"none\n\n" + held["log/checkpoint"]}
        ),
        "The proof can be read",
    ),
    "another checkpoint": (
        lambda held: held | {"log/checkpoint": held["log/checkpoint"] + b"\n"},
        "Every event has its entry, openings and proof",
    ),
    "an entry without its proof": (
        lambda held: {
            name: held[name] for name in held if name != "events/000000000003.tlog-proof"
        },
        "Every event has its entry, openings and proof",
    ),
    "evidence that went": (
        lambda held: {name: held[name] for name in held if not name.endswith(".assertion")},
        "The evidence is what the entries name",
    ),
    "evidence exchanged": (
        lambda held: {
            name: b"another" if name.endswith(".assertion") else body for name, body in held.items()
        },
        "The evidence is what the entries name",
    ),
    "evidence of no entry": (
        lambda held: held | {f"evidence/{'0' * 64}.assertion": b"stray"},
        "The evidence is what the entries name",
    ),
}
"""What somebody with the log's key may sign, and the check that names it all the same."""
