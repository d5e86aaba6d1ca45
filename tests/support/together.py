"""Which tests one worker gets as a whole: a file, or a folder whose tests share a tenant.

pytest-xdist's own `loadgroup` writes the group into a name that pytest 9.2 no longer reads: it then
gives each test to whoever is free, and everything that a file starts was started by every worker.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

TOGETHER = (
    "tests/approvals/",
    "tests/attacks/sign_in/",
    "tests/attacks/step_up/",
    "tests/auth0_client/",
    "tests/elsewhere/",
    "tests/enforcement/",
    "tests/faults/",
    "tests/tenant/",
)
"""Folders whose tests share a tenant: on one worker each, so that it is started once."""


class Together(LoadScopeScheduling):  # type: ignore[misc]
    """Gives out the groups with the most tests first."""

    def _split_scope(self, nodeid: str) -> str:
        """The group of a test: its folder or its file."""
        file = nodeid.partition("::")[0]
        return next((folder for folder in TOGETHER if file.startswith(folder)), file)
