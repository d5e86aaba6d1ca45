"""Evidence packs: what proves an event, in one file that somebody else can check without us."""

from audit.packs.build import Built, NothingToPack, TooMany, build, use_directory
from audit.packs.outlook import Outlook, outlook
from audit.packs.selecting import Selection, of_event, of_query

__all__ = [
    "Built",
    "NothingToPack",
    "Outlook",
    "Selection",
    "TooMany",
    "build",
    "of_event",
    "of_query",
    "outlook",
    "use_directory",
]
