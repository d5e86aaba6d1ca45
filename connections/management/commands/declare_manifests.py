"""Declare the manifests of a folder: `manage.py declare_manifests DIR`, again without harm.

For components without a manifest only. Another one in force is changed by `ata manifest declare`,
where what gains anything waits for another person.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from pydantic import ValidationError

from audit.management.system_checks_for_data_commands import OF_DATA
from connections.component_manifests import manifest_store


class Command(BaseCommand):
    """Reads `*.json` files of the form that `GET /v1/manifests/{kind}/{name}` answers."""

    help = "Declare every manifest (*.json) of a folder whose component has none."
    requires_system_checks = OF_DATA

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *_args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        if not folder.is_dir():
            raise CommandError(f"{folder} is not a folder.")
        files = sorted(folder.glob("*.json"))
        found = [_read(path) for path in files]
        missing = [one for one in found if manifest_store.find(one[0], one[1]) is None]
        for one in missing:
            manifest_store.declare_shipped(*one)
        self.stdout.write(f"{len(files)} manifests, {len(missing)} declared now.")
        for kind, name, declared in found:
            known = manifest_store.find(kind, name)
            if known is not None and known.digest != manifest_store.digest_of(kind, name, declared):
                self.stdout.write(
                    f"{kind} {name} is declared otherwise and was left so; change it with "
                    "`ata manifest declare`."
                )


def _read(path: Path) -> tuple[str, str, manifest_store.Declaration]:
    try:
        body = json.loads(path.read_text())
        kind, name = str(body.pop("kind")), str(body.pop("name"))
        declared = manifest_store.Declaration.model_validate(body)
    except (OSError, ValueError, AttributeError, KeyError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise CommandError(f"{path}: {reason}") from None
    if kind not in manifest_store.KINDS or not manifest_store.NAME.fullmatch(name):
        raise CommandError(f"{path}: kind or name cannot be used.")
    return kind, name, declared
