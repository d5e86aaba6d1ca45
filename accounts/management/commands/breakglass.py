"""`manage.py breakglass`: make, list, unlock and remove the accounts for the day without issuer."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.break_glass import accounts
from accounts.break_glass.accounts import Handed
from accounts.break_glass.open_until import open_until
from accounts.models import BreakGlassAccount

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,39}")


class Command(BaseCommand):
    """Accounts of the break-glass sign-in."""

    help = (
        "Accounts for the day the issuer is away. `create NAME` shows the secret, the TOTP and the "
        "recovery codes once: on a terminal, or in a new file that only you may read."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("act", choices=["create", "list", "unlock", "remove"])
        parser.add_argument("name", nargs="?", default="")
        parser.add_argument("--write", type=Path, help="write the secrets to this new file instead")

    def handle(self, *args: Any, **options: Any) -> None:
        act, name = options["act"], options["name"]
        if act == "list":
            self._list()
            return
        if not _NAME.fullmatch(name):
            raise CommandError("Name the account: 2 to 40 letters a-z, digits, dots and dashes.")
        if act == "create":
            self._create(name, options["write"])
        elif not (accounts.unlock if act == "unlock" else accounts.remove)(name):
            raise CommandError(f"There is no account {name}.")
        else:
            self.stdout.write(f"{name} is {'unlocked' if act == 'unlock' else 'removed'}.")

    def _list(self) -> None:
        until = open_until()
        self.stdout.write(
            f"The break-glass sign-in is open until {until:%Y-%m-%dT%H:%M:%SZ}."
            if until
            else "The break-glass sign-in is off; BREAKGLASS_UNTIL opens it."
        )
        for account in BreakGlassAccount.objects.order_by("name"):
            left = len(account.recovery_macs)
            self.stdout.write(
                f"{account.name}: {left} recovery codes, {account.failures} failures in a row"
            )

    def _create(self, name: str, target: Path | None) -> None:
        if target is None and not self.stdout.isatty():
            raise CommandError(
                "The secrets are shown once, and a log is no place for them: run this on a "
                "terminal, or name a new file with --write."
            )
        descriptor = _new_file(target) if target else None
        try:
            handed = accounts.create(name)
        except ValueError as error:
            if descriptor is not None and target is not None:
                os.close(descriptor)
                target.unlink()
            raise CommandError(str(error)) from None
        if descriptor is None:
            self.stdout.write(_words(handed) + _picture(handed.totp_uri))
            return
        with os.fdopen(descriptor, "w") as handle:
            handle.write(_words(handed))
        self.stdout.write(f"{name} is made. Its secrets are in {target}: print it, then delete it.")


def _new_file(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}.") from None


def _words(handed: Handed) -> str:
    codes = "\n".join(f"  {code}" for code in handed.recovery)
    return (
        f"Break-glass account {handed.account.name}. This is shown once.\n\n"
        f"Secret\n  {handed.secret}\n\nTOTP, for an authenticator app\n  {handed.totp_uri}\n\n"
        f"Recovery codes, each once instead of a TOTP code\n{codes}\n\n"
        "Keep secret and authenticator in two places, with two people.\n"
    )


def _picture(uri: str) -> str:
    from io import StringIO

    import segno

    out = StringIO()
    segno.make(uri, error="l").terminal(out, compact=True)
    return f"\n{out.getvalue()}"
