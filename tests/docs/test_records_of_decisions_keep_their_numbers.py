"""The bounds that ADRs state in the present tense are those of the code."""

from __future__ import annotations

import re

import pytest

from accounts.break_glass import accounts, credential_check, sessions
from approvals.notifications import approver_notices
from approvals.passkeys import sealed_registration
from audit.erasure import process_caches
from audit.ledger import note
from audit.ledger.offline import samples
from audit.proofs import timestamping
from audit.sampling import sample_requests
from audit.search import fulltext_index
from audit.sequencing import checkpoint_thinning, sequencer
from audit.verification.checks import tree_and_signed_checkpoints
from audit.witnesses import pushing
from connections.access_reviews import large_reviews, work_lease
from connections.auth_ibom import log_size_at
from connections.notifications import owner_emails_and_webhook
from scripts.sample_data import seed
from serving import limits
from tests.docs.test_documents_keep_their_word import ROOT

WORDS = {2: "two", 3: "three", 5: "five", 7: "seven", 8: "eight", 9: "nine", 10: "ten"} | {
    12: "12", 15: "fifteen", 20: "twenty", 60: "sixty"
}  # fmt: skip


def minutes(delta: object) -> str:
    return WORDS[int(delta.total_seconds() // 60)]  # type: ignore[attr-defined]


def so(words: str, *, where: bool) -> str:
    return words if where else f"not so any more: {words}"


SAID = {
    7: [f"take {WORDS[seed.DECISIONS]} decisions"],
    10: [
        f"{limits.HEADERS_WITHIN_S} s for headers, {limits.REQUEST_WITHIN_S} s for the whole",
        f"{limits.IDLE_S} s between two",
        f"{limits.CONNECTIONS:,} connections; the {limits.SPARE_CONNECTIONS} last",
        f"up to {limits.SPARE_THREADS} spare",
        f"after {limits.READ_NOTHING_S} s a reader who takes nothing",
        f"within {limits.PROVEN_S / 60:.0f} minutes",
        f"waited {limits.PATIENT_S:.0f} s gets 503",
        f"have {limits.STOP_WITHIN_S} s to end",
    ],
    12: [f"sealed for {minutes(sealed_registration._KEPT_FOR)} minutes"],
    13: [so("limited to a megabyte", where=note.MAX_NOTE_BYTES == 10**6)],
    14: [
        f"{WORDS[accounts.RECOVERY_CODES]} recovery codes",
        f"{WORDS[credential_check.LOCK_AFTER].capitalize()} failures rest an account for "
        f"{minutes(credential_check.LOCK_FOR)} minutes",
        f"{WORDS[credential_check.LOCK_FOR_GOOD_AFTER]} until it is unlocked",
        so("Half an hour, no renewal", where=sessions.LASTS.total_seconds() == 1800),
    ],
    15: [
        f"at most {WORDS[approver_notices.PER_MINUTE]} a minute and person",
        f"within {WORDS[owner_emails_and_webhook.GATHER.seconds]} seconds is one letter",
    ],
    16: [
        f"{WORDS[pushing._FIRST_WAIT_S]} seconds to a minute",
        f"every {minutes(timestamping.EVERY)} minutes",
    ],
    19: [f"every {WORDS[int(process_caches._EVERY_S)]} seconds"],
    23: [
        f"{WORDS[checkpoint_thinning.AGE.days]} days ago stay",
        f"newest {tree_and_signed_checkpoints._NEWEST} and a share of at most "
        f"{tree_and_signed_checkpoints._SHARE:,}",
    ],
    24: [
        f"those of {fulltext_index._WORTH_GATHERING} and more",
        fulltext_index._FEW.replace("kB", " kB"),
    ],
    27: [f"{minutes(log_size_at._SKEW)} minutes before it"],
    29: [f"After {minutes(work_lease.SILENT)} silent minutes"],
    31: [f"At most {sample_requests.MOST_OPENED:,} are", f"larger than {samples.MOST}"],
    34: [f"more than {large_reviews.AT_ONCE:,} accounts"],
    35: [f"at most {minutes(sequencer._REPEAT)} minutes before now"],
}


@pytest.mark.parametrize("number", SAID)
def test_a_bound_in_an_adr_is_that_of_the_code(number: int) -> None:
    [path] = (ROOT / "docs" / "adr").glob(f"{number:04}-*.md")
    text = re.sub(r"\s+", " ", path.read_text())
    assert [words for words in SAID[number] if words not in text] == []
