"""Evidence packs, format `ata.pack.v1`: one file that holds everything somebody needs to check us.

A ZIP (APPNOTE.TXT 6.3.3) of which there is exactly one spelling: members stored, in one order,
dated 1980-01-01, without extra fields, comments or gaps. So the same content gives the same bytes,
and every bit is held: those of a member by its digest in the signed manifest, all others because
`read` accepts no other value.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

from audit.ledger import note
from audit.ledger.format.canonical import EntryError, canonical, count_parts
from audit.ledger.note import NoteError, VerifierKey

SCHEMA: Final = "ata.pack.v1"
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.note"
MAX_PACK_BYTES: Final = 64 * 1024 * 1024
MAX_EVENTS: Final = 1_000
MAX_MEMBERS: Final = 20_000
MAX_MANIFEST_BYTES: Final = 8 * 1024 * 1024
MAX_PARTS: Final = 2_000_000
"""JSON values of all members, as `count_parts` counts them; 1,000 events have about 100,000."""

ARCHIVE_CHECK: Final = "The archive has the one form of a pack"
MANIFEST_CHECK: Final = "The manifest can be read"
SIGNED_CHECK: Final = "A log you trust signed the manifest"
MEMBERS_CHECK: Final = "Every member is the one in the manifest"

# Kind of a member by the form of its name, in the order in which members stand.
_KINDS: Final = (
    (re.compile(r"README\.txt"), "readme"),
    (re.compile(r"log/checkpoint"), "checkpoint"),
    (re.compile(r"log/key-history"), "key_history"),
    (re.compile(r"log/time-token"), "time_token"),
    (re.compile(r"log/vkey"), "vkey"),
    (re.compile(r"events/[0-9]{12}\.entry"), "entry"),
    (re.compile(r"events/[0-9]{12}\.openings\.json"), "openings"),
    (re.compile(r"events/[0-9]{12}\.tlog-proof"), "proof"),
    (re.compile(r"evidence/[0-9a-f]{64}\.acknowledgement"), "acknowledgement"),
    (re.compile(r"evidence/[0-9a-f]{64}\.approval_token"), "approval_token"),
    (re.compile(r"evidence/[0-9a-f]{64}\.assertion"), "assertion"),
    (re.compile(r"evidence/[0-9a-f]{64}\.id_token"), "id_token"),
    (re.compile(r"issuer/[0-9a-f]{64}\.issuer_discovery"), "issuer_discovery"),
    (re.compile(r"issuer/[0-9a-f]{64}\.issuer_keys"), "issuer_keys"),
    (re.compile(r"passkeys\.json"), "passkeys"),
    (re.compile(r"verify\.html"), "verifier"),
)
_RANKS: Final = ("README.txt", "log", "events", "evidence", "issuer", "passkeys.json")
_MEMBER_KEYS: Final = {"name", "kind", "sha256", "bytes", "entries"}
_MANIFEST_KEYS: Final = {
    "schema", "origin", "tree", "about", "words", "members", "withheld", "build",
}  # fmt: skip

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_VERSION: Final = 20
_EPOCH: Final = (0, 0x21)  # time and date: 1980-01-01 00:00:00


class PackError(ValueError):
    """A pack that is refused.

    Attributes:
        check: the name of the check that failed.
    """

    def __init__(self, check: str, message: str) -> None:
        super().__init__(message)
        self.check = check


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack that could be read; nothing in it is trusted yet.

    Attributes:
        manifest: what it says of itself.
        members: name -> bytes, in order, without manifest and signature.
        note: the signature over the manifest.
    """

    manifest: Mapping[str, Any]
    members: Mapping[str, bytes]
    note: bytes

    def of_kind(self, kind: str) -> dict[str, bytes]:
        """Members of one kind by name."""
        return {name: body for name, body in self.members.items() if kind_of(name) == kind}


def kind_of(name: str) -> str:
    """The kind that a member's name says; empty for a name that no pack has."""
    return next((kind for form, kind in _KINDS if form.fullmatch(name)), "")


def event_name(index: int, part: str) -> str:
    """Name of a member of an event: part is `entry`, `openings.json` or `tlog-proof`."""
    return f"events/{index:012d}.{part}"


def sorted_names(names: Sequence[str]) -> list[str]:
    """Names in the order in which a pack holds them."""
    return sorted(names, key=_place)


def _place(name: str) -> tuple[int, str]:
    head = name.partition("/")[0]
    return (_RANKS.index(head) if head in _RANKS else len(_RANKS), name)


def statement(manifest: bytes) -> str:
    """What the log's key signs: the digest of the manifest under this format's own first line.

    No checkpoint begins like this, so neither signature can pass for the other.
    """
    return f"{SCHEMA}\n{hashlib.sha256(manifest).hexdigest()}\n"


def write(
    members: Mapping[str, bytes],
    about: Mapping[str, Any],
    entries_of: Mapping[str, Sequence[int]],
    name: str,
    seed: bytes,
) -> bytes:
    """The bytes of a pack, signed.

    Args:
        members: name -> bytes.
        about: `tree`, `about`, `words`, `withheld` and `build` of the manifest.
        entries_of: for which entries a member is; none means for all.
        name: the log's origin, which is the name of its key.
        seed: of that key.

    Raises:
        PackError: no verifier would read it: more members, or more bytes than a pack may have.
        ValueError: a name that no pack has.
    """
    if strange := [one for one in members if not kind_of(one)]:
        raise ValueError(f"no pack has a member {strange[0]!r}")
    ordered = {one: members[one] for one in sorted_names(list(members))}
    manifest = canonical(
        {
            "schema": SCHEMA,
            "origin": name,
            **about,
            "members": [
                {
                    "name": one,
                    "kind": kind_of(one),
                    "sha256": hashlib.sha256(body).hexdigest(),
                    "bytes": len(body),
                    "entries": sorted(entries_of.get(one, ())),
                }
                for one, body in ordered.items()
            ],
        }
    )
    if len(manifest) > MAX_MANIFEST_BYTES:
        said = f"its manifest would be longer than {MAX_MANIFEST_BYTES:,} bytes"
        raise PackError(MANIFEST_CHECK, said)
    if len(ordered) + 2 > MAX_MEMBERS:
        raise PackError(ARCHIVE_CHECK, f"it would have more than {MAX_MEMBERS:,} members")
    signed = note.sign(statement(manifest), name, seed).encode()
    body = archive({MANIFEST: manifest, SIGNATURE: signed} | ordered)
    if len(body) > MAX_PACK_BYTES:
        raise PackError(ARCHIVE_CHECK, f"it would be larger than {MAX_PACK_BYTES:,} bytes")
    if count_parts(body) > MAX_PARTS:
        raise PackError(ARCHIVE_CHECK, f"it would have more than {MAX_PARTS:,} values")
    return body


def archive(members: Mapping[str, bytes]) -> bytes:
    """The one ZIP of these members, in their order."""
    return b"".join(_pieces(members))


def _pieces(members: Mapping[str, bytes]) -> Iterator[bytes]:
    central, offset = [], 0
    for name, body in members.items():
        encoded, facts = name.encode("ascii"), (crc32(body), len(body), len(body))
        head = _LOCAL.pack(b"PK\3\4", _VERSION, 0, 0, *_EPOCH, *facts, len(encoded), 0)
        central.append(
            _CENTRAL.pack(
                b"PK\1\2",
                _VERSION,
                _VERSION,
                0,
                0,
                *_EPOCH,
                *facts,
                len(encoded),
                0,
                0,
                0,
                0,
                0,
                offset,
            )
            + encoded
        )
        yield from (head, encoded, body)
        offset += len(head) + len(encoded) + len(body)
    directory = b"".join(central)
    count = len(members)
    end = _END.pack(b"PK\5\6", 0, 0, count, count, len(directory), offset, 0)
    yield from (directory, end)


def _is_archive_of(members: Mapping[str, bytes], data: bytes) -> bool:
    """Whether the data is `archive(members)`, without making it a second time."""
    at = 0
    for piece in _pieces(members):
        if not data.startswith(piece, at):
            return False
        at += len(piece)
    return at == len(data)


def looks_like(data: bytes) -> bool:
    """Whether somebody meant this to be a pack, also where bits of it were changed."""
    return SCHEMA.encode() in data


def has_member_of_a_pack(names: Iterable[str]) -> bool:
    """Whether one of these is the name of a member of a pack, in any folder of an archive.

    Such an archive is a pack in whatever form; `read` accepts one form only. `looks_like` cannot
    find the schema in a compressed archive, or in one without its manifest.
    """
    for name in names:
        parts = [one for one in name.lower().replace("\\", "/").split("/") if one not in {"", "."}]
        if parts and parts[-1] in {MANIFEST, SIGNATURE}:
            return True
        if len(parts) > 1 and kind_of("/".join(parts[-2:])):
            return True
    return False


def read(data: bytes) -> Pack:
    """Read a pack; the signature is not checked here.

    Raises:
        PackError: `ARCHIVE_CHECK`, `MANIFEST_CHECK` or `MEMBERS_CHECK`, and what is wrong.
    """
    members = _members(data)
    manifest = _manifest(members)
    held = {name: body for name, body in members.items() if name not in (MANIFEST, SIGNATURE)}
    _compare(manifest, held)
    return Pack(manifest, held, members[SIGNATURE])


def check_signature(pack: Pack, manifest: bytes, vkeys: Sequence[VerifierKey]) -> str:
    """The name of the trusted log that signed the manifest.

    Raises:
        PackError: `SIGNED_CHECK`.
    """
    origin = str(pack.manifest["origin"])
    keys = [key for key in vkeys if key.name == origin and key.key_type == note.ED25519]
    try:
        if not keys:
            raise NoteError(f"no key that you trust is named like its log {origin!r}")
        found = note.parse(pack.note)
        note.verify(found, keys)
        if found.text != statement(manifest):
            raise NoteError("the signature is over another manifest")
        if len(found.signatures) != 1:
            raise NoteError("there is more than the one signature")
    except NoteError as error:
        raise PackError(SIGNED_CHECK, f"{error}") from None
    return origin


def _members(data: bytes) -> dict[str, bytes]:
    if len(data) > MAX_PACK_BYTES:
        raise PackError(ARCHIVE_CHECK, f"it is longer than {MAX_PACK_BYTES:,} bytes")
    if count_parts(data) > MAX_PARTS:
        raise PackError(ARCHIVE_CHECK, f"it has more than {MAX_PARTS:,} values")
    members: dict[str, bytes] = {}
    at = 0
    while data[at : at + 4] == b"PK\3\4":
        name, body, at = _member(data, at)
        if name in members:
            raise PackError(ARCHIVE_CHECK, f"{name} is there twice")
        members[name] = body
        if len(members) > MAX_MEMBERS:
            raise PackError(ARCHIVE_CHECK, f"it has more than {MAX_MEMBERS:,} members")
    if len({name.partition(".")[0] for name in members if name.startswith("events/")}) > MAX_EVENTS:
        raise PackError(ARCHIVE_CHECK, f"it has more than {MAX_EVENTS:,} events")
    if list(members)[:2] != [MANIFEST, SIGNATURE]:
        raise PackError(ARCHIVE_CHECK, f"it does not begin with {MANIFEST} and {SIGNATURE}")
    if not _is_archive_of(members, data):
        raise PackError(ARCHIVE_CHECK, _where(data, archive(members), at))
    return members


def _member(data: bytes, at: int) -> tuple[str, bytes, int]:
    """One member at an offset, and where the next one begins."""
    if len(data) < at + _LOCAL.size:
        raise PackError(ARCHIVE_CHECK, f"it ends in the middle, at byte {at:,}")
    _, version, flags, method, time, date, crc, packed, size, named, extra = _LOCAL.unpack_from(
        data, at
    )
    start = at + _LOCAL.size + named
    raw, body = data[at + _LOCAL.size : start], data[start + extra : start + extra + packed]
    name = raw.decode("ascii", "backslashreplace")
    if name not in (MANIFEST, SIGNATURE) and not kind_of(name):
        raise PackError(ARCHIVE_CHECK, f"no pack has a member {name!r}")
    wrong = {
        "is compressed": method != 0 or packed != size,
        "is not dated 1980-01-01": (time, date) != _EPOCH,
        "has an extra field": extra != 0,
        "has flags or a version of its own": (version, flags) != (_VERSION, 0),
        "is cut short": len(body) != packed,
    }
    if problem := next((words for words, found in wrong.items() if found), ""):
        raise PackError(ARCHIVE_CHECK, f"{name} {problem}")
    if crc32(body) != crc:
        raise PackError(ARCHIVE_CHECK, f"the CRC-32 of {name} is that of other bytes")
    return name, body, start + extra + packed


def _where(data: bytes, whole: bytes, directory: int) -> str:
    """How an archive differs from the one spelling of its members."""
    if data.startswith(whole):
        return f"{len(data) - len(whole):,} bytes follow after its end"
    if whole.startswith(data):
        return "its end is missing"
    differs = next(at for at, (a, b) in enumerate(zip(data, whole, strict=False)) if a != b)
    part = "directory at its end" if differs >= directory else "member before it"
    return f"byte {differs:,} is not what this format has there: the {part} was changed"


def _manifest(members: Mapping[str, bytes]) -> dict[str, Any]:
    raw = members[MANIFEST]
    if len(raw) > MAX_MANIFEST_BYTES:
        raise PackError(MANIFEST_CHECK, f"it is longer than {MAX_MANIFEST_BYTES:,} bytes")
    try:
        manifest = json.loads(raw)
        if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
            raise PackError(MANIFEST_CHECK, f"it is no manifest of schema {SCHEMA}")
        if canonical(manifest) != raw:
            raise PackError(MANIFEST_CHECK, "it is not in canonical form (RFC 8785)")
    except (EntryError, RecursionError) as error:
        raise PackError(MANIFEST_CHECK, f"it has no canonical form: {error}") from None
    except PackError:
        raise
    except ValueError as error:
        raise PackError(MANIFEST_CHECK, f"it is not JSON: {error}") from None
    if set(manifest) != _MANIFEST_KEYS or not isinstance(manifest["origin"], str):
        raise PackError(MANIFEST_CHECK, "it has other fields than a manifest")
    if not isinstance(manifest["members"], list) or not all(map(_is_member, manifest["members"])):
        raise PackError(MANIFEST_CHECK, "its list of members has another form")
    return manifest


def _is_member(one: object) -> bool:
    return (
        isinstance(one, dict)
        and set(one) == _MEMBER_KEYS
        and isinstance(one["name"], str)
        and isinstance(one["entries"], list)
        and one["kind"] == kind_of(one["name"]) != ""
    )


def _compare(manifest: Mapping[str, Any], held: Mapping[str, bytes]) -> None:
    named = [one["name"] for one in manifest["members"]]
    if missing := [name for name in named if name not in held]:
        raise PackError(MEMBERS_CHECK, f"{missing[0]} is missing")
    known = set(named)
    if unknown := [name for name in held if name not in known]:
        raise PackError(MEMBERS_CHECK, f"the manifest does not name {unknown[0]}")
    if list(held) != named or named != sorted_names(named):
        raise PackError(MEMBERS_CHECK, "the members stand in another order")
    for one in manifest["members"]:
        body = held[one["name"]]
        if len(body) != one["bytes"] or hashlib.sha256(body).hexdigest() != one["sha256"]:
            raise PackError(MEMBERS_CHECK, f"{one['name']} is not what was signed")
