"""Evidence packs: what proves an event, in one file that somebody else can check without us."""

from audit.packs.build import Built, NothingToPack, TooMany, build, use_directory
from audit.packs.event_selection import Selection, of_event, of_query
from audit.packs.missing_evidence import Outlook, outlook

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
