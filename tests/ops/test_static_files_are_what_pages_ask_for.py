"""`collectstatic` makes what pages ask for, small, under names that change with it; no more."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

_HASHED = re.compile(r"\.[0-9a-f]{12}\.")
_TEXT = {".css", ".js", ".svg"}


def test_what_a_page_loads_is_there_compressed_and_nothing_else_is_compressed(
    db: None, tmp_path: Path, settings: Settings
) -> None:
    settings.STATIC_ROOT = str(tmp_path)
    call_command("collectstatic", interactive=False, verbosity=0)
    page = Client().get("/v1/docs").content.decode()
    asked = set(re.findall(r'"/static/([^"?#]+)', page))
    assert any("htmx" in name for name in asked) and any(".css" in name for name in asked)
    for name in asked:
        assert _HASHED.search(name), f"{name} would be kept although it changed"
        if Path(name).suffix in _TEXT:
            plain = (tmp_path / name).read_bytes()
            assert gzip.decompress((tmp_path / f"{name}.gz").read_bytes()) == plain
            assert (tmp_path / f"{name}.br").stat().st_size < len(plain)
    smaller = {path.name for path in tmp_path.rglob("*") if path.suffix in {".gz", ".br"}}
    assert all(_HASHED.search(name) for name in smaller), "nobody asks for those"
    scripts = {path.name for path in (tmp_path / "django_htmx").rglob("htm*.js")}
    assert {_HASHED.sub(".", name) for name in scripts} == {"htmx-2.min.js"}
