"""What the trail has of what frameworks want of one, in a period.

Counts come from the rollups and are exact; the last event of each is looked up within its last
hour. Nothing walks the log.
"""

from audit.coverage.event_counts_by_filter import Counted, Last, count
from audit.coverage.period import BadPeriod, Period
from audit.coverage.requirements import FRAMEWORKS, Framework, Requirement

__all__ = [
    "FRAMEWORKS",
    "BadPeriod",
    "Counted",
    "Framework",
    "Last",
    "Period",
    "Requirement",
    "count",
]
