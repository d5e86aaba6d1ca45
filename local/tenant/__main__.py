"""``python -m local.tenant COMMAND...``: prepare the local tenant (migrate, seed, rotate-keys)."""

from __future__ import annotations

import os
import sys

COMMANDS = ("migrate", "seed", "rotate-keys", "makemigrations")
USAGE = f"usage: python -m local.tenant {' | '.join(COMMANDS)}, or several of them in this order"


def main(argv: list[str]) -> int:
    """Run preparation commands one after another; returns the exit code (2 for an unknown one)."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "local.tenant.settings"
    import django
    from django.core.exceptions import ImproperlyConfigured

    if not argv or not set(argv) <= set(COMMANDS):
        print(USAGE, file=sys.stderr)  # noqa: T201
        return 2
    try:
        django.setup()
        for command in argv:
            _run(command)
    except ImproperlyConfigured as refusal:
        print(refusal, file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _run(command: str) -> None:
    from django.core.management import call_command

    from local.tenant import seed
    from local.tenant.oauth import signing_keys

    if command == "makemigrations":
        call_command("makemigrations", "tenant", "tenant_ciba", "tenant_vault")
    elif command == "migrate":
        call_command("migrate", verbosity=0, interactive=False)
        call_command("createcachetable", verbosity=0)
    elif command == "seed":
        print(seed.run())  # noqa: T201
    else:
        print(f"Signing key is now {signing_keys.rotate()}; the previous one stays in the key set.")  # noqa: T201


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
