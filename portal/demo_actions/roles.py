"""Who may start the demonstrations: they write to disk, and show an event of the trail."""

from typing import Final

MAY_PRESS: Final = ("operator", "admin")
