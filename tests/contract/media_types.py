"""How schemathesis writes bodies that it does not know: JSON lines are a text."""

from __future__ import annotations

import schemathesis

schemathesis.serializer.alias("application/x-ndjson", "text/plain")
