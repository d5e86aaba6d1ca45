"""Which of Django's checks concern a command that reads and writes data and shows no page.

All of them load every page and the API first, which takes half of a short command's time. `migrate`
and `check` make them all.
"""

from __future__ import annotations

from django.core.checks import Tags

OF_DATA = (Tags.models, Tags.database)
