"""Break-glass accounts: made on the machine, on record, and sealed under one key."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.break_glass import accounts
from accounts.break_glass.accounts import Handed
from accounts.models import BreakGlassAccount, User
from tests.accounts.break_glass import codes, try_
from tests.accounts.trail import events


def test_an_account_is_made_on_record_and_shown_once(tmp_path: Path) -> None:
    paper = tmp_path / "paper"
    out = StringIO()
    call_command("breakglass", "create", "night-shift", "--write", str(paper), stdout=out)
    assert paper.stat().st_mode & 0o777 == 0o600
    text = paper.read_text()
    secret = re.search(r"Secret\n  (\S+)", text)
    assert secret and len(secret[1]) > 30
    assert text.count("\n  ") == 2 + accounts.RECOVERY_CODES
    assert secret[1] not in out.getvalue()
    [event] = events("breakglass.changed")
    assert event["data"]["what"] == "created" and event["severity"] == "HIGH"
    with pytest.raises(CommandError, match="already"):
        call_command("breakglass", "create", "night-shift", "--write", str(tmp_path / "again"))
    assert not (tmp_path / "again").exists()


def test_a_log_gets_no_secret() -> None:
    with pytest.raises(CommandError, match="a log is no place"):
        call_command("breakglass", "create", "night-shift", stdout=StringIO())
    assert not BreakGlassAccount.objects.exists()


def test_a_terminal_gets_words_and_a_picture() -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    call_command("breakglass", "create", "night-shift", stdout=out)
    assert "otpauth://totp/" in out.getvalue() and "▄" in out.getvalue()
    call_command("breakglass", "list", stdout=out)
    assert "night-shift: 8 recovery codes, 0 failures" in out.getvalue()


@pytest.mark.parametrize("name", ["", "x", "Night", "a b", "../x", "é" * 5, "a" * 41])
def test_a_name_is_plain(name: str) -> None:
    with pytest.raises(CommandError):
        call_command("breakglass", "create", name, stdout=StringIO())


@pytest.mark.parametrize("act", ["unlock", "remove"])
def test_what_is_not_there_is_said(act: str) -> None:
    with pytest.raises(CommandError, match="no account"):
        call_command("breakglass", act, "nobody", stdout=StringIO())


def test_a_row_that_somebody_planted_opens_nothing(night: Handed) -> None:
    """Whoever writes the database has no EVIDENCE_KEY: a copied seal is for another name."""
    row = BreakGlassAccount.objects.get()
    BreakGlassAccount.objects.create(
        name="planted",
        secret_mac=row.secret_mac,
        totp_sealed=row.totp_sealed,
        recovery_macs=row.recovery_macs,
        created=row.created,
    )
    assert try_(night, name="planted").status_code == 403
    assert codes() == ["wrong_secret"]
    assert accounts.open_totp(BreakGlassAccount.objects.get(name="planted")) == ""


def test_accounts_need_the_key_they_were_sealed_with(night: Handed, settings: Any) -> None:
    settings.EVIDENCE_KEY = b"x" * 32
    assert try_(night).status_code == 403
    assert not User.objects.exists()
