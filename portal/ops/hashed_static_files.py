"""Static files under hashed names, so that they can be cached for good."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.contrib.staticfiles.apps import StaticFilesConfig
from whitenoise.storage import CompressedManifestStaticFilesStorage


class AskedFor(StaticFilesConfig):
    """Collects what pages ask for: of htmx, which comes in every kind, the one that they load."""

    ignore_patterns = [
        *StaticFilesConfig.ignore_patterns,
        "django_htmx/ext/*", "django_htmx/htmax-*", "django_htmx/htmx-4*", "django_htmx/htmx-?.js",
    ]  # fmt: skip


class FingerprintedStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # untyped
    """Falls back to the plain name where `collectstatic` has not run (tests, commands)."""

    manifest_strict = False

    def stored_name(self, name: str) -> str:
        """The hashed name of a collected file, else the name itself."""
        try:
            stored: str = super().stored_name(name)
        except ValueError:
            return name
        return stored

    def compress_files(self, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Compress what pages ask for: plain names hold the same once more, for nobody."""
        hashed = {*self.hashed_files.values()}
        found: Iterator[tuple[str, str]] = super().compress_files(hashed.intersection(paths))
        return found
