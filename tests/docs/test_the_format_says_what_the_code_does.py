"""Numbers and closed lists of the documents that others build on are those of the code."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from approvals import registry
from audit.ledger import (
    inclusion_proof_file,
    issuer_token_verification,
    person_and_log_levels,
    signed_intent_match,
    tiles,
)
from audit.ledger.format import (
    allowed_field_values,
    canonical,
    entry,
)
from audit.ledger.key_transitions import (
    key_statements_in_exports,
)
from audit.ledger.packs import (
    archive,
    missing_values,
    pack_check,
)
from audit.recording import action_registry
from audit.search import decisions_by_verified_human
from audit.sequencing import checkpoint_thinning, sequencer
from audit.verification import verify
from tests.docs.test_documents_keep_their_word import ROOT, text_of

FORMAT: Final = text_of("docs/ledger-format.md")


def section(number: int) -> str:
    return FORMAT.partition(f"\n## {number}. ")[2].partition("\n## ")[0]


def first_cells(text: str) -> list[str]:
    """What each row of the tables begins with."""
    return [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| `")]


def values_of(member: str) -> tuple[str, ...]:
    row = next(line for line in section(1).splitlines() if line.startswith(f"| `{member}` |"))
    return tuple(re.findall(r"`(\w+)`", row)[1:])


def test_an_entry_has_the_members_and_values_that_are_listed() -> None:
    built = entry.build(
        {"action": "skill.blocked", "time": "2026-01-31T09:30:00.000000Z",
         "recorded_at": "2026-01-31T09:30:00.000000Z"}, id="01900000-0000-7000-8000-000000000001"
    )  # fmt: skip
    listed = [name for cell in first_cells(section(1)) for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(listed) == sorted(built.document)
    assert f"All {len(listed)} members" in section(1)
    assert values_of("outcome") == allowed_field_values.OUTCOMES
    assert values_of("severity") == allowed_field_values.SEVERITIES
    assert values_of("source") == allowed_field_values.SOURCES
    assert values_of("via") == allowed_field_values.VIAS


def test_bounds_of_the_format_are_those_of_the_code() -> None:
    minutes = [int(n) for n in re.findall(r"(\d+) minutes", section(7))]
    said = {
        f"at most {tiles.MAX_ENTRY_BYTES:,} bytes": section(1),
        f"nesting deeper than {canonical.MAX_DEPTH}": section(1),
        f"at most {inclusion_proof_file.MAX_HASHES}": section(5),
        f"{issuer_token_verification.MIN_MODULUS_BITS:,} bits": section(7),
        f"From {verify._WORTH_PROCESSES:,} entries": section(9),
        f"{archive.MAX_PACK_BYTES // 2**20} MiB, {archive.MAX_EVENTS:,} events": section(10),
        f"{archive.MAX_MEMBERS:,} members and {archive.MAX_MANIFEST_BYTES // 2**20} MiB": section(
            10
        ),
        f"{archive.MAX_PARTS:,} of the": section(10),
        f"{issuer_token_verification.MOST_KEYS} distinct keys": section(10),
        f"longer than {issuer_token_verification.MOST_KEY_BYTES // 1024} KiB": section(10),
        f"tries {issuer_token_verification.MOST_KEYS_OF_A_NAME} keys": section(10),
    }
    assert [words for words, text in said.items() if words not in text] == []
    assert 2 ** canonical.MAX_SAFE_INTEGER.bit_length() - 1 == canonical.MAX_SAFE_INTEGER
    assert "2^53 − 1" in section(1) and canonical.MAX_SAFE_INTEGER.bit_length() == 53
    assert [timedelta(minutes=n) for n in minutes] == [
        person_and_log_levels.CLOCK_SKEW,
        signed_intent_match.CARRIED_OUT_WITHIN,
    ]
    assert timedelta(minutes=10) == sequencer.IDLE and "within 10 minutes" in section(4)
    assert timedelta(days=7) == checkpoint_thinning.AGE and "older than seven days" in section(9)


def test_every_check_of_a_pack_is_listed_in_its_words() -> None:
    checks = {
        *(
            archive.ARCHIVE_CHECK,
            archive.MANIFEST_CHECK,
            archive.SIGNED_CHECK,
            archive.MEMBERS_CHECK,
        ),
        *(pack_check.EVENTS_CHECK, pack_check.EVIDENCE_CHECK, pack_check.TIME_CHECK),
        *(pack_check.OPENINGS_CHECK, *pack_check.EVIDENCE_CHECKS.values()),
        *(missing_values.VALUES_CHECK, key_statements_in_exports.CHECK),
    }
    assert {check for check in checks if check not in section(10)} == set()


def test_every_member_of_a_pack_is_listed() -> None:
    examples = {
        "events/<N>.": "events/000000000001.",
        "evidence/<SHA-256>.<kind>": f"evidence/{'0' * 64}.id_token",
        "issuer/<SHA-256>.<kind>": f"issuer/{'0' * 64}.issuer_keys",
    }
    names = [cell.strip("`") for cell in first_cells(section(10))]
    for written, example in examples.items():
        names = [name.replace(written, example) for name in names]
    known_members = [name for name in names if name not in {archive.MANIFEST, archive.SIGNATURE}]
    patterns = [pattern for pattern, _ in archive._KINDS]
    assert [n for n in known_members if not any(p.fullmatch(n) for p in patterns)] == []
    ranks = [[p.fullmatch(n) is not None for p in patterns].index(True) for n in known_members]
    assert ranks == sorted(ranks), "in this order"


def test_a_verified_human_is_what_the_auditors_document_says() -> None:
    text = text_of("docs/auditors.md").partition("A *verified person*")[2].partition("With the")[0]
    assert "H1, H2 or H3" in text
    assert (
        tuple(re.findall(r"^- \*\*(H\d)\*\*", text, re.MULTILINE))
        == decisions_by_verified_human.VERIFIED
    )


def test_names_that_are_reserved_have_no_verb() -> None:
    text = text_of("docs/adr/0009-names-of-verbs-and-events-grow-here.md")
    sentence = text.partition("Registered without a verb")[2].partition("\n\n")[0]
    listed = re.findall(r"`(\S+?)`", sentence)
    assert len(listed) >= 5
    for name in listed:
        for kind in ("skill", "mcp", "plugin"):
            event = name.replace("<kind>", kind)
            assert event in action_registry.names(), event
            assert event not in {verb.event for verb in registry._VERBS.values()}


def test_every_folder_of_tests_is_in_the_table() -> None:
    table = text_of("docs/testing.md").partition("| folder | holds |")[2].partition("\n## ")[0]
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    assert {name for name in folders if f"`tests/{name}" not in table} == set()


def test_every_name_in_the_table_of_settings_for_tests_is_read_by_something() -> None:
    rows = text_of("docs/testing.md").partition("## Settings, branches")[2].splitlines()
    names = {name for row in rows for name in re.findall(r"`([A-Z][A-Z_]{5,})", row)}
    sources = "".join(
        path.read_text()
        for folder in (
            "portal",
            "accounts",
            "local/tenant",
            "scripts",
            "tests/support",
            "approvals",
        )
        for path in (ROOT / folder).rglob("*.py")
    ) + text_of("scripts/test.sh")
    assert len(names) > 10
    assert {name for name in names if name.lower() not in sources.lower()} == set()
