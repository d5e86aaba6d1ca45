"""Static files under hashed names, so that they can be cached for good."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


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
