"""Why a decision is not taken."""

from __future__ import annotations

from typing import Final

from audit.ledger.format import safe_display

FRESH_SIGN_IN: Final = "fresh_sign_in_required"
FRESH_FOR_S: Final = 600
"""How old a fresh sign-in may be, in seconds, where a view does not say otherwise."""


class Refused(Exception):
    """The act may not happen as asked. `code` is stable; `detail` names the fix."""

    def __init__(self, code: str, detail: str, *, pointer: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.pointer = pointer


class NothingToDo(Refused):
    """It is so already: nothing is recorded and nobody is asked. `detail` says since when."""

    def __init__(self, detail: str) -> None:
        super().__init__("nothing_to_do", detail)


class UnknownName(Refused):
    """Nothing here has the name. `nearest` are the known names most like it."""

    def __init__(self, words: str, nearest: tuple[str, ...]) -> None:
        hint = f" Did you mean {' or '.join(map(safe_display.short, nearest))}?" if nearest else ""
        super().__init__(
            "unknown_target",
            f"{words}.{hint} If the name is right, confirm that it is new.",
            pointer="/target/name",
        )
        self.nearest = nearest
