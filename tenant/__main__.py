"""``python -m tenant migrate | seed | rotate-keys``: prepare the local tenant."""

from __future__ import annotations

import os
import sys

USAGE = "usage: python -m tenant migrate | seed | rotate-keys | makemigrations"


def main(argv: list[str]) -> int:
    """Run one preparation command; returns the exit code (2 for an unknown command)."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tenant.settings"
    import django
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import call_command

    if len(argv) != 1 or argv[0] not in {"migrate", "seed", "rotate-keys", "makemigrations"}:
        print(USAGE, file=sys.stderr)  # noqa: T201
        return 2
    try:
        django.setup()
        if argv[0] == "makemigrations":
            call_command("makemigrations", "tenant", "tenant_ciba", "tenant_vault")
        elif argv[0] == "migrate":
            call_command("migrate", verbosity=0, interactive=False)
            call_command("createcachetable", verbosity=0)
        else:
            _run(argv[0])
    except ImproperlyConfigured as refusal:
        print(refusal, file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _run(command: str) -> None:
    from tenant import keys, seed

    if command == "seed":
        print(seed.run())  # noqa: T201
    else:
        print(f"Signing key is now {keys.rotate()}; the previous one stays in the key set.")  # noqa: T201


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
